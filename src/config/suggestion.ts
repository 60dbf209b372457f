/**
 * The setting that someone most likely meant by a name that none has: by the words of other
 * programs and papers, by another spelling (`batch_size`), or by a slip of the pen.
 */
import { nearestName } from '../messages/nearest-name.ts';
import { configKeys } from './keys.ts';

/**
 * Words that others use for our settings, in lower case and without `_` and `-`; those of a
 * setting's own name are not needed.
 */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  algorithm: ['method', 'algo'],
  seed: ['randomseed', 'rngseed', 'manualseed'],
  epochs: ['epoch', 'numepochs', 'nepochs', 'maxepochs', 'totalepochs'],
  'data.source': ['data', 'datadir', 'datapath', 'dataset', 'images', 'imagedir', 'imagefolder'],
  'data.imageSize': ['imgsize', 'imsize', 'size', 'resolution', 'inputsize', 'cropsize'],
  'data.resizeRatio': ['resize'],
  'data.cropArea': ['crop', 'cropscale', 'scale'],
  'data.cropAspect': ['aspect', 'cropratio'],
  'data.flipProbability': ['flip', 'hflip', 'horizontalflip'],
  'data.rotationDegrees': ['rotation', 'rotate', 'degrees'],
  'data.colourJitterProbability': ['jitterprobability', 'colorjitterprobability', 'jitterp'],
  'data.blurProbability': ['blur', 'gaussianblur', 'blurp'],
  'data.greyProbability': ['grey', 'gray', 'greyscale', 'grayscale', 'grayprobability'],
  'data.loaderThreads': ['numloaders', 'dataworkers', 'loaderworkers', 'loaders'],
  'data.cacheBytes': ['cache', 'cachesize'],
  'model.architecture': ['arch', 'backbone', 'network', 'net', 'model', 'modelname'],
  'model.dropout': ['dropoutrate', 'droprate'],
  'model.featureDim': ['featdim', 'embeddim', 'embeddingdim', 'featuresize'],
  'model.neckDim': ['projectiondim', 'projdim'],
  'clustering.k': [
    ...['clusters', 'numclusters', 'nclusters', 'nmbcluster', 'nmbclusters', 'ncentroids'],
    ...['centroids', 'numcentroids', 'classes', 'numclasses', 'prototypes', 'numprototypes'],
  ],
  'clustering.iterations': ['niter', 'kmeansiterations', 'kmeansiters', 'iters', 'maxiter'],
  'clustering.pcaDim': ['pca', 'ncomponents', 'pcacomponents', 'pcadims'],
  'clustering.reassign': ['reassignment', 'reassignevery', 'reclusterevery'],
  'training.batchSize': ['batch', 'bs', 'batchsz', 'globalbatch', 'globalbatchsize'],
  'training.sliceSize': ['slice', 'microbatch', 'microbatchsize', 'batchsizeperworker'],
  'training.learningRate': ['lr', 'baselr', 'rate', 'stepsize', 'eta'],
  'training.headLearningRate': ['headlr', 'hlr', 'lrhead', 'classifierlr'],
  'training.momentum': ['sgdmomentum', 'momentum'],
  'training.weightDecay': ['wd', 'decay', 'l2'],
  'training.schedule': ['lrschedule', 'scheduler', 'lrscheduler', 'milestones', 'lrsteps'],
  'training.warmupEpochs': ['warmup', 'warm', 'lrwarmup'],
  'training.cosineTo': ['cosine', 'cosineannealing', 'finallr', 'minlr', 'etamin'],
  'training.batchNormMomentum': ['bnmomentum'],
  'deepclusterV2.temperature': ['tau', 'temp'],
  'deepclusterV2.crops': ['views', 'nmbcrops', 'ncrops'],
  'deepclusterV2.heads': ['nheads', 'prototypesets'],
  'evaluation.enabled': ['eval', 'evaluate', 'noeval', 'evaluation'],
  'evaluation.knnK': ['knn', 'neighbours', 'neighbors', 'nneighbors', 'numneighbors'],
  'evaluation.testFraction': ['testsize', 'testsplit', 'valfraction', 'holdout'],
  'checkpoint.everySteps': ['saveevery', 'checkpointevery', 'checkpointinterval', 'saveinterval'],
  'checkpoint.keep': ['keepcheckpoints', 'maxcheckpoints', 'savetotallimit'],
  'cluster.workers': ['numworkers', 'nworkers', 'nprocs', 'worldsize', 'worker', 'gpus', 'ngpus'],
  'cluster.servers': ['numservers', 'nservers', 'parameterservers', 'ps'],
  'cluster.engine': ['device', 'backend', 'accelerator'],
};

const keyOfSynonym: ReadonlyMap<string, string> = new Map(
  Object.entries(SYNONYMS).flatMap(([key, words]) => words.map((word) => [word, key])),
);

/** Settings with other words for them. */
export const SYNONYM_KEYS: readonly string[] = Object.keys(SYNONYMS);

/**
 * @param name dotted, or its last part alone; as people spell it
 * @returns a setting's key, or undefined where none is near
 */
export function suggestedKey(name: string): string | undefined {
  const keys = [...configKeys().keys()];
  return keyOfSynonym.get(folded(name)) ?? respelt(name, keys) ?? inSection(name, keys);
}

/** The only setting of the name in another spelling: `batch_size`, `model.feature-dim`. */
function respelt(name: string, keys: readonly string[]): string | undefined {
  const wanted = folded(name);
  const same = keys.filter((key) => folded(key) === wanted || folded(lastPart(key)) === wanted);
  return same.length === 1 ? same[0] : undefined;
}

/** The section may be wrong as well (`optimizer.lr`); a slip of the pen within it comes first. */
function inSection(name: string, keys: readonly string[]): string | undefined {
  const last = lastPart(name);
  const nearest = nearestName(name, keys);
  return (
    nearest ?? (last === name ? undefined : (keyOfSynonym.get(folded(last)) ?? respelt(last, keys)))
  );
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '');
}
