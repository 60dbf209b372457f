/**
 * The thread that lays out a report's map and finds the neighbours of clusters: seconds of pure
 * arithmetic.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { UMAP } from 'umap-js';
import { seededRng } from '../../math/rng.ts';
import { neighboursOf, type LayoutResult, type LayoutTask } from './layout.ts';

/** As the library and its paper have it; fewer where there are fewer rows. */
const NEIGHBOURS = 15;

const task = workerData as LayoutTask;
const result: LayoutResult = {
  neighbours: neighboursOf(task),
  points: task.rows === null ? null : umapOf(task.rows.values, task.rows.dim, task.seed),
};
parentPort?.postMessage(result);

function umapOf(values: Float32Array, dim: number, seed: number): Float32Array {
  const { length } = values;
  const vectors = Array.from({ length: length / dim }, (_, i) =>
    Array.from(values.subarray(i * dim, (i + 1) * dim)),
  );
  const random = seededRng(seed, 'report map');
  const umap = new UMAP({
    nComponents: 2,
    nNeighbors: Math.min(NEIGHBOURS, vectors.length - 1),
    minDist: 0.15,
    random: () => random.float(),
  });
  return Float32Array.from(umap.fit(vectors).flat());
}
