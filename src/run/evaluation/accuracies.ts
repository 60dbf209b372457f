/**
 * The parts of an evaluation that need classes: kNN and linear probes of a run's features, with
 * many labels and with few.
 */
import { shownPath } from '../../data/source/path-bytes.ts';
import { rowMatricesOn } from '../../engine/row-matrix.ts';
import { dataUnreadable } from '../../errors.ts';
import type { LabelledFeatures } from '../../evaluation/labelled-features.ts';
import { linearProbeTop1, type ProbeTrainer } from '../../evaluation/linear-probe.ts';
import { LOGISTIC_PASSES, type LogisticOptions } from '../../evaluation/logistic-regression.ts';
import { lowShotTop1, perClassTop1 } from '../../evaluation/low-shot.ts';
import { compareScores, type ComparedScores, type Network } from '../../evaluation/gains.ts';
import { passesOf, scoreFeatures, type NetworkScores } from '../../evaluation/network-scores.ts';
import { pixelDim } from '../../evaluation/pixels.ts';
import { WIDE } from '../../evaluation/products.ts';
import { stratifiedSplit, type Split } from '../../evaluation/split.ts';
import { gather, gatherRows } from '../../math/matrix.ts';
import { averagePool, type ProbePoint } from '../../nn/probe-points.ts';
import { probeTrainerOn } from '../../nn/probe-trainer.ts';
import type { Evaluated } from './evaluated.ts';
import { intervalsOf, valuesOf } from './run-evaluation.ts';
import type {
  AccuracyFigures,
  Compared,
  LayerFigures,
  LowShotFigures,
  PerClassFigures,
} from './report.ts';

type WithClasses = Evaluated & { readonly truth: NonNullable<Evaluated['truth']> };

/** Parts of the labels that low-shot probes see, as papers on features without labels have them. */
const LABEL_PARTS = [0.01, 0.1] as const;
/** Draws of each. */
const DRAWS = 5;

/** @param points layers that are probed besides the representation */
export async function accuraciesOf(
  evaluated: WithClasses,
  points: readonly ProbePoint[],
): Promise<AccuracyFigures> {
  const { features, spec, pixels, run } = evaluated;
  const { representationDim } = spec;
  const trained = scoresOf(
    evaluated,
    features.trained.representation,
    representationDim,
    'trained',
  );
  const random = scoresOf(evaluated, features.random.representation, representationDim, 'random');
  const ofPixels = pixelDim(run.config.data.imageSize);
  const raw = scoresOf(evaluated, pixels, ofPixels, 'pixels');
  const scores = compareScores({ trained, random, pixels: raw });
  const { trainImages, testImages } = trained;
  const layers: LayerFigures[] = [];
  for (const point of points) layers.push(await layerFigures(evaluated, point));
  return {
    ...{ trainImages, testImages },
    ...figuresOf(scores),
    lowShot: LABEL_PARTS.map((fraction) => lowShotFigures(evaluated, fraction)),
    perClass: evaluated.perClass.map((count) => perClassFigures(evaluated, count)),
    layers,
  };
}

/** The figures of all three, and the intervals, as a run's summary has them. */
function figuresOf(
  scores: ComparedScores,
): Pick<AccuracyFigures, 'knnTop1' | 'linearTop1' | 'kmeansNmi' | 'intervals' | 'gains'> {
  const { knnTop1, linearTop1, kmeansNmi, gains } = scores;
  return {
    knnTop1: valuesOf(knnTop1),
    linearTop1: valuesOf(linearTop1),
    kmeansNmi: valuesOf(kmeansNmi),
    intervals: intervalsOf(scores),
    gains,
  };
}

/** A figure of both networks' representations. @param find is given a name for the progress */
function compared<Figure>(
  { features: { trained, random } }: Evaluated,
  find: (features: Float32Array, network: string) => Figure,
): Compared<Figure> {
  return {
    trained: find(trained.representation, 'trained'),
    random: find(random.representation, 'random'),
  };
}

/** As at the end of a run, to the bit where images, engine and settings are the same. */
function scoresOf(
  { run, engine, truth, maxImages, onProgress }: WithClasses,
  features: Float32Array,
  dim: number,
  network: Network,
): NetworkScores {
  const { evaluation, seed } = run.config;
  const total = passesOf(evaluation);
  let done = 0;
  return scoreFeatures(
    { features, labels: truth.labels, dim, classes: truth.names.length },
    {
      ...{ ...evaluation, maxImages, seed },
      ...{ clustering: engine.clustering, wideProducts: rowMatricesOn(engine) },
      onPass: () => {
        const what = network === 'pixels' ? 'raw pixels' : `${network} features`;
        onProgress(`probe of ${what}`, 'passes', (done += 1), total);
      },
    },
  );
}

function lowShotFigures(evaluated: WithClasses, fraction: number): LowShotFigures {
  const scores = comparedDraws(evaluated, `${100 * fraction} % of the labels`, (set, options) =>
    lowShotTop1(set, { ...options, fraction }),
  );
  const { trained, random } = scores;
  return { fraction, labels: trained.labels, trained: trained.top1, random: random.top1 };
}

function perClassFigures(evaluated: WithClasses, perClass: number): PerClassFigures {
  const scores = comparedDraws(evaluated, `${perClass} of each class`, (set, options) =>
    perClassTop1(set, { ...options, perClass }),
  );
  const { labels, ...trained } = scores.trained;
  const { mean, spread } = scores.random;
  return { perClass, labels, draws: DRAWS, trained, random: { mean, spread } };
}

/** Probes by few labels of both networks' representations. @param few labels, for the progress */
function comparedDraws<Score>(
  evaluated: WithClasses,
  few: string,
  probe: (set: LabelledFeatures, options: LogisticOptions & { readonly draws: number }) => Score,
): Compared<Score> {
  const { run, spec, onProgress } = evaluated;
  const { seed } = run.config;
  return compared(evaluated, (features, network) => {
    const set = labelledSet(evaluated, features, spec.representationDim);
    let done = 0;
    return probe(set, {
      ...{ draws: DRAWS, seed },
      onPass: () => {
        const phase = `probe of ${network} features, ${few}`;
        onProgress(phase, 'passes', (done += 1), DRAWS * LOGISTIC_PASSES);
      },
    });
  });
}

/** By a pass of its own: the maps of all layers at once would fill the memory. */
async function layerFigures(evaluated: WithClasses, point: ProbePoint): Promise<LayerFigures> {
  const { networks, ids, run, onProgress } = evaluated;
  const { name, layer, dim, map } = point;
  const pass = { name: `maps of ${name}`, view: 'centre', ids, isOfMaps: true } as const;
  const shrink = (maps: Float32Array, count: number): Float32Array =>
    averagePool(maps, count, point);
  const { rows, unreadable } = await networks.outputs(
    pass,
    (['trained', 'random'] as const).map((network) => ({
      ...{ network, output: { layer }, width: dim, shrink },
    })),
  );
  const gone = unreadable[0];
  if (gone !== undefined) {
    throw dataUnreadable(
      shownPath(gone.path),
      `could be read before (${gone.reason})`,
      'try again',
    );
  }
  const { probeEpochs: epochs } = run.config.evaluation;
  const [trained, random] = (['trained', 'random'] as const).map((network, i) => {
    let done = 0;
    return linearProbeTop1(labelledSet(evaluated, rows[i]!, dim), {
      ...{ epochs, seed: run.config.seed, ...trainerFor(evaluated, dim) },
      onPass: () => {
        onProgress(`probe of ${network} ${name}`, 'passes', (done += 1), epochs);
      },
    });
  }) as [number, number];
  return { layer: name, map: [map.side, map.channels], dim, trained, random };
}

function trainerFor({ engine }: Evaluated, dim: number): { readonly trainer?: ProbeTrainer } {
  return dim > WIDE ? { trainer: probeTrainerOn(engine) } : {};
}

/** The first of the splits by which the representation is scored. */
function labelledSet(
  { truth, run, maxImages }: WithClasses,
  features: Float32Array,
  dim: number,
): LabelledFeatures {
  const { evaluation, seed } = run.config;
  const { labels, names } = truth;
  const { testFraction } = evaluation;
  const split: Split = stratifiedSplit({ labels, testFraction, maxImages, seed });
  return {
    train: gatherRows(features, split.train, dim),
    trainLabels: gather(labels, split.train),
    test: gatherRows(features, split.test, dim),
    testLabels: gather(labels, split.test),
    ...{ dim, classes: names.length },
  };
}
