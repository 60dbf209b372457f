/**
 * The peak of a worker's resident memory, by the measured line of its network and by what it keeps
 * besides: decoded images, views of the next slices, features, sums. Pure.
 */
import type { NetworkCost } from './measure/network-cost.ts';

/** What of a run's settings decides it. */
export interface WorkerLoad {
  /** Images of a slice, and the views of each. */
  readonly sliceSize: number;
  readonly crops: number;
  /** Side of a view [px]. */
  readonly imageSize: number;
  /** Of an image as it is kept decoded [px]. */
  readonly decodedPixels: number;
  readonly cacheBytes: number;
  /** Images of the run, and the workers that share them. */
  readonly images: number;
  readonly workers: number;
  /** Numbers of a row that is clustered. */
  readonly featureDim: number;
  /** Images of a step. */
  readonly batchSize: number;
  /** Of the network. */
  readonly parameters: number;
  /** Mode `local`; left out: no. */
  readonly isLocal?: boolean;
}

/**
 * What a worker has and a measured process has not: its connections, and a thread of heartbeats.
 */
const CONNECTIONS_BYTES = 48 * 2 ** 20;
/** Slices whose views are made before their turn (worker/prefetch.ts); two are measured. */
const SLICES_AHEAD = 4;
/** Rows of features as they were made, and as k-means has them prepared. */
const FORMS_OF_ROWS = 2;
/** Mode `local`: parameters as they came, as they are moved, and the momentum. */
const LOCAL_VECTORS = 3;

/** In training or in the extraction, whichever takes more. @returns bytes */
export function workerPeakBytes(cost: NetworkCost, load: WorkerLoad): number {
  const { baseBytes, extractionBytes } = cost;
  const training = baseBytes + load.sliceSize * bytesOfImage(cost, load) + sumBytes(load);
  return keptBytes(load) + Math.max(extractionBytes, training);
}

/**
 * The largest slice within a budget.
 * @returns images; 0 where not even one fits
 */
export function largestSlice(
  cost: NetworkCost,
  load: Omit<WorkerLoad, 'sliceSize'>,
  budgetBytes: number,
): number {
  const room = budgetBytes - keptBytes(load);
  if (room < cost.extractionBytes) return 0;
  const fitting = (sums: number): number =>
    Math.floor((room - cost.baseBytes - sums) / bytesOfImage(cost, load));
  // Smaller slices are more of them, whose sums take more.
  let sliceSize = fitting(0);
  while (sliceSize >= 1) {
    const fits = fitting(sumBytes({ ...load, sliceSize }));
    if (fits >= sliceSize) return sliceSize;
    sliceSize = fits;
  }
  return 0;
}

/**
 * Gradients of slices that wait for those they are added to: one for each level of the tree over
 * the slices of a worker's share of a step (src/ps/slice-tree.ts).
 */
function sumBytes({ batchSize, sliceSize, workers, parameters }: WorkerLoad): number {
  const slices = Math.ceil(Math.ceil(batchSize / sliceSize) / workers);
  return Math.ceil(Math.log2(slices)) * 4 * parameters;
}

function bytesOfImage({ bytesPerImage }: NetworkCost, load: Omit<WorkerLoad, 'sliceSize'>): number {
  return bytesPerImage + SLICES_AHEAD * load.crops * viewBytes(load);
}

/** Besides the passes. */
function keptBytes(load: Omit<WorkerLoad, 'sliceSize'>): number {
  const { images, workers, featureDim, cacheBytes, decodedPixels } = load;
  const decoded = images * (3 * decodedPixels + viewBytes(load));
  const rows = FORMS_OF_ROWS * 4 * featureDim * Math.ceil(images / workers);
  const local = load.isLocal === true ? LOCAL_VECTORS * 4 * load.parameters : 0;
  return CONNECTIONS_BYTES + Math.min(cacheBytes, decoded) + rows + local;
}

/** uint8 of three colours. */
function viewBytes({ imageSize }: Pick<WorkerLoad, 'imageSize'>): number {
  return 3 * imageSize ** 2;
}
