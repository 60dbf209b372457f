/** A made-up run for the report: loss that falls within each epoch and jumps at its head, clusters of uneven size. */
import { reportAlgorithm } from '../../../src/algorithms/report-algorithm.ts';
import type { ReportData, ReportEpoch } from '../../../src/report/report-data.ts';
import type { RunSummary } from '../../../src/report/summary.ts';
import { lcg } from './lcg.ts';
import { noSeconds } from '../../../src/run/record-state.ts';

export interface RunShape {
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly k: number;
  readonly images: number;
}

export const DEMO_SHAPE: RunShape = { epochs: 18, stepsPerEpoch: 18, k: 50, images: 1200 };

/** One pixel. */
export const TINY_PNG =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export function madeReport(shape: RunShape = DEMO_SHAPE): ReportData {
  const lossByStep = madeLosses(shape);
  const epochs = madeEpochs(shape, lossByStep);
  const clusterSizes = madeSizes(shape);
  return {
    summary: madeSummary(shape, epochs, clusterSizes),
    algorithm: reportAlgorithm('deepcluster'),
    generatedAt: '2026-01-31T23:59:30.000Z',
    lossByStep,
    epochs,
    clusterSizes,
    montage: [
      {
        cluster: 7,
        size: clusterSizes[7] ?? 0,
        images: [{ dataUri: TINY_PNG, path: 'ring/0001.jpg' }],
        majorityClass: { name: 'ring', share: 0.97 },
      },
    ],
    settings: [
      { key: 'epochs', value: shape.epochs, origin: 'preset demo' },
      { key: 'data.source', value: '/photos/made', origin: '--data' },
      { key: 'data.cropArea', value: [0.3, 1], origin: 'preset demo' },
      { key: 'clustering.k', value: shape.k, origin: 'run.yaml:12' },
    ],
  };
}

function madeLosses({ epochs, stepsPerEpoch, k }: RunShape): number[] {
  const wobble = lcg(7);
  return Array.from({ length: epochs * stepsPerEpoch }, (_, step) => {
    const epoch = Math.floor(step / stepsPerEpoch);
    const within = (step % stepsPerEpoch) / stepsPerEpoch;
    const floor = 1.1 + 0.7 * Math.exp(-epoch / (epochs / 4));
    return floor + (Math.log(k) - floor) * Math.exp(-4 * within) + 0.16 * (wobble() - 0.5);
  });
}

function madeEpochs(shape: RunShape, losses: readonly number[]): ReportEpoch[] {
  const { epochs, stepsPerEpoch, images } = shape;
  return Array.from({ length: epochs }, (_, epoch) => {
    const firstStep = epoch * stepsPerEpoch;
    const own = losses.slice(firstStep, firstStep + stepsPerEpoch);
    const settled = 1 - Math.exp(-epoch / 5);
    return {
      epoch,
      firstStep,
      meanLoss: own.reduce((sum, loss) => sum + loss, 0) / stepsPerEpoch,
      nmiToPrevious: epoch === 0 ? null : 0.48 + 0.4 * settled,
      nmiToTruth: 0.36 + 0.38 * settled,
      emptyClusters: Math.max(0, 3 - epoch),
      entropy: 0.9 + 0.06 * settled,
      inertia: 0.41 * images * (1 - 0.3 * settled),
      seconds: {
        ...{ ...noSeconds(), extract: 1.7, pca: 0.6, kmeans: 0.9 },
        train: 9.4 + (epoch % 3) / 10,
      },
    };
  });
}

function madeSizes({ k, images }: RunShape): number[] {
  const pull = lcg(3);
  const shares = Array.from({ length: k }, () => Math.exp(1.1 * (pull() + pull() - 1)));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => Math.round((images * share) / total));
}

function madeSummary(
  shape: RunShape,
  epochs: readonly ReportEpoch[],
  sizes: readonly number[],
): RunSummary {
  const seconds = (part: keyof ReportEpoch['seconds']): number =>
    epochs.reduce((sum, epoch) => sum + epoch.seconds[part], 0);
  return {
    runId: 'Vx3_kQ81Za',
    algorithm: 'deepcluster',
    architecture: 'small-convnet',
    engine: 'wasm',
    workers: 2,
    epochs: shape.epochs,
    steps: shape.epochs * shape.stepsPerEpoch,
    images: shape.images,
    seconds: 251.5,
    phaseSeconds: {
      ...noSeconds(),
      extract: seconds('extract'),
      pca: seconds('pca'),
      kmeans: seconds('kmeans'),
      train: seconds('train'),
    },
    imagesPerSecond: { extract: 705.9, train: 126.4 },
    finalLoss: epochs.at(-1)?.meanLoss ?? 0,
    lossByStep: 'loss-by-step.txt',
    nmi: {
      toPrevious: epochs.map(({ nmiToPrevious }) => nmiToPrevious),
      toTruth: epochs.map(({ nmiToTruth }) => nmiToTruth ?? 0),
    },
    clusters: { k: shape.k, empty: sizes.filter((size) => size === 0).length, entropy: 0.957 },
    finalClusters: {
      ...{ inertia: 310.5, refilled: 0, nmiToTraining: 0.87, nmiToTruth: 0.71 },
      ...{ emptyClusters: 0, entropy: 0.96 },
    },
    evaluation: {
      feature: 'fc (256)',
      trainImages: 804,
      testImages: 396,
      classes: 10,
      knnTop1: 0.912,
      linearTop1: 0.937,
      randomKnnTop1: 0.578,
      randomLinearTop1: 0.644,
      pixelsKnnTop1: 0.601,
      pixelsLinearTop1: 0.702,
      kmeansNmi: 0.714,
      randomKmeansNmi: 0.301,
      pixelsKmeansNmi: 0.322,
      intervals: {
        from: 'splits and test images',
        knnTop1: { trained: 0.025, random: 0.045, pixels: 0.044 },
        linearTop1: { trained: 0.021, random: 0.043, pixels: 0.041 },
        kmeansNmi: { trained: 0.022, random: 0.031, pixels: 0.029 },
      },
      gains: {
        random: {
          knnTop1: { value: 0.334, interval: 0.046 },
          linearTop1: { value: 0.293, interval: 0.045 },
        },
        pixels: {
          knnTop1: { value: 0.311, interval: 0.045 },
          linearTop1: { value: 0.235, interval: 0.044 },
        },
      },
    },
    ledger: { committed: 21_600, skipped: 0, duplicates: 3, returned: 4 },
    unreadable: 5,
    damaged: 2,
    restarts: 1,
    settingChanges: [],
    learning: { learnt: true, findings: [], advice: [] },
    collapse: { seen: 0, recovered: 0, now: null },
  };
}
