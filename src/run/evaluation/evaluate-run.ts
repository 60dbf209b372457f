/**
 * Evaluates a saved run on images, with classes or without: its clusters, and its features beside
 * those of the same network as it was initialised.
 */
import { openImageSource } from '../../data/source/source.ts';
import type { EngineChoice } from '../../engine/registry.ts';
import { startEngine } from '../../engine/start.ts';
import { configInvalid, dataUnreadable, type TrainerError } from '../../errors.ts';
import { pixelDim } from '../../evaluation/pixels.ts';
import { gather } from '../../math/matrix.ts';
import { describeModel, type ModelSpec } from '../../nn/architectures.ts';
import { probePointsOf, usualProbePoints, type ProbePoint } from '../../nn/probe-points.ts';
import type { OpenedRun } from '../open-run.ts';
import { accuraciesOf } from './accuracies.ts';
import { clusterAnew, clusterByRun, clusterCount, clusterFigures } from './clusterings.ts';
import type { Evaluated, OnProgress } from './evaluated.ts';
import { chosenImages, featuresOf, requirePerClass } from './images.ts';
import { Networks } from './networks.ts';
import type { EvaluationReport } from './report.ts';
import { viewFigures } from './view-figures.ts';

export interface EvaluateOptions {
  /** Folder or list file. */
  readonly images: string;
  /** Left out: `auto`. */
  readonly engine?: EngineChoice;
  /** Compute threads; left out: as the engine has it. */
  readonly threads?: number;
  /** Threads that read images; left out: the caller's own. */
  readonly loaderThreads?: number;
  /** Probed besides the representation, where there are classes; left out: the usual ones. */
  readonly layers?: 'all' | 'none' | readonly string[];
  /** Images of each class that linear probes learn from; left out: none of that kind. */
  readonly perClass?: readonly number[];
  /** Left out: the run's `evaluation.maxImages`. */
  readonly maxImages?: number;
  readonly signal?: AbortSignal;
  /** Told how far a phase is. */
  readonly onProgress?: OnProgress;
}

/**
 * @throws TrainerError CONFIG_INVALID for a layer that the network has not; DATA_UNREADABLE without
 *   images, without classes where layers or images of each class were asked for, or with too few of
 *   a class; ENGINE_UNAVAILABLE; the signal's reason
 */
export async function evaluateRun(
  run: OpenedRun,
  options: EvaluateOptions,
): Promise<EvaluationReport> {
  const { config } = run;
  const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
  const points = pointsOf(spec, options.layers);
  const source = await openImageSource(options.images);
  const maxImages = options.maxImages ?? config.evaluation.maxImages;
  const { ids, hasClasses } = chosenImages(source, run, maxImages);
  const { perClass = [] } = options;
  if (!hasClasses && Array.isArray(options.layers)) throw withoutClasses(options.images, LAYERS);
  if (!hasClasses && perClass.length > 0) throw withoutClasses(options.images, PER_CLASS);
  const { testFraction } = config.evaluation;
  const split = { images: options.images, maxImages, testFraction, seed: config.seed };
  if (hasClasses) requirePerClass(source.truth!, perClass, split);
  const { engine: choice = 'auto', threads, loaderThreads = 0, signal } = options;
  const engine = await startEngine(choice, threads === undefined ? {} : { threads });
  const onProgress = options.onProgress ?? (() => undefined);
  const networks = new Networks({
    ...{ run, spec, engine, source, threads: loaderThreads },
    ...(signal === undefined ? {} : { signal }),
    onImages: (pass, done, total) => {
      onProgress(pass, 'images', done, total);
    },
  });
  try {
    const pass = { name: 'features', view: 'centre', ids } as const;
    const { unreadable, ...read } = await featuresOf(
      { spec, networks },
      pass,
      hasClasses ? pixelDim(config.data.imageSize) : 0,
    );
    if (read.ids.length === 0) {
      throw dataUnreadable(options.images, 'no image can be read', 'name others with --data');
    }
    const truth = hasClasses
      ? { labels: gather(source.truth!.labels, read.ids), names: source.truth!.names }
      : null;
    // Some images may not be readable.
    if (truth !== null) requirePerClass(truth, perClass, split);
    const asked = { maxImages, perClass, onProgress };
    const evaluated = { run, engine, spec, networks, ...read, truth, ...asked };
    return {
      ...{ runId: run.runId, algorithm: config.algorithm, architecture: spec.architecture },
      ...{ checkpoint: run.checkpoint, step: run.step, engine: engine.name },
      ...{ data: options.images, images: read.ids.length, unreadable: unreadable.length },
      classes: truth?.names.length ?? null,
      representation: spec.representationName,
      ...(await figuresOf(evaluated)),
      accuracy: truth === null ? null : await accuraciesOf({ ...evaluated, truth }, points),
    };
  } finally {
    networks.close();
    await engine.close();
  }
}

/** Those that need no classes. */
async function figuresOf(
  evaluated: Evaluated,
): Promise<Pick<EvaluationReport, 'k' | 'clusters' | 'ownClusters' | 'nmiToPrevious' | 'views'>> {
  const { run, features, ids } = evaluated;
  const trained = clusterAnew(evaluated, features.trained);
  const random = clusterAnew(evaluated, features.random);
  return {
    k: clusterCount(run, ids.length),
    clusters: {
      trained: clusterFigures(evaluated, trained),
      random: clusterFigures(evaluated, random),
    },
    ownClusters: clusterFigures(evaluated, clusterByRun(evaluated, features.trained, ids.length)),
    nmiToPrevious: run.record.epochs.map(({ nmiToPrevious }) => nmiToPrevious),
    views: await viewFigures(evaluated, { trained, random }),
  };
}

/** @throws TrainerError CONFIG_INVALID */
function pointsOf(spec: ModelSpec, layers: EvaluateOptions['layers']): readonly ProbePoint[] {
  if (layers === undefined) return usualProbePoints(spec);
  const points = probePointsOf(spec);
  if (layers === 'all') return points;
  if (layers === 'none') return [];
  return layers.map((name) => {
    const point = points.find((one) => one.name === name);
    if (point !== undefined) return point;
    const names = points.map((one) => one.name).join(', ');
    throw configInvalid('layers', `must be of ${names}`, name, '--layers');
  });
}

const LAYERS = 'layers are probed by classes: name images with some, or leave --layers out';
const PER_CLASS =
  '--per-class draws images of each class: name images with some, or leave --per-class out';

function withoutClasses(images: string, remedy: string): TrainerError {
  return dataUnreadable(images, 'has no class sub-folders with two images or more', remedy);
}
