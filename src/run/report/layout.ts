/** What a report needs arithmetic for, done in a thread so that its process goes on answering. */
import type { Worker } from 'node:worker_threads';
import { startThread } from '../../process/thread.ts';
import { nearestClusters } from '../../report/gallery/neighbours.ts';

export interface LayoutTask {
  readonly seed: number;
  /** Other clusters to find for each. */
  readonly neighbours: number;
  /** Null: no neighbours are found. */
  readonly centroids: {
    /** [K, dim] */
    readonly values: Float32Array;
    readonly dim: number;
    /** [K] images */
    readonly sizes: Int32Array;
  } | null;
  /** What is laid out on the map, [n, dim]; null: no map. */
  readonly rows: { readonly values: Float32Array; readonly dim: number } | null;
}

export interface LayoutResult {
  /** [K] nearest first. */
  readonly neighbours: number[][] | null;
  /** [n, 2] */
  readonly points: Float32Array | null;
}

/** Centroids whose neighbours are found in no time. */
const FEW_CENTROIDS = 100;

/** Equal tasks have equal results. @throws the signal's reason */
export async function layOut(task: LayoutTask, signal?: AbortSignal): Promise<LayoutResult> {
  const { centroids, rows } = task;
  if (rows === null && (centroids?.sizes.length ?? 0) <= FEW_CENTROIDS) {
    return { neighbours: neighboursOf(task), points: null };
  }
  signal?.throwIfAborted();
  const thread = startThread(new URL('./layout-thread.ts', import.meta.url), task);
  try {
    return await resultOf(thread, signal);
  } finally {
    await thread.terminate();
  }
}

function resultOf(thread: Worker, signal?: AbortSignal): Promise<LayoutResult> {
  return new Promise((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
    const stop = (): void => {
      reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', stop, { once: true });
  });
}

export function neighboursOf({ centroids, neighbours }: LayoutTask): number[][] | null {
  if (centroids === null) return null;
  return nearestClusters(centroids.values, centroids.dim, centroids.sizes, neighbours);
}
