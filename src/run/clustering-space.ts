/**
 * The rows by which a run tells its clusters apart, of features of its network.
 * Shapes: m images, d dimensions of a row.
 */
import { algorithmNamed } from '../algorithms/registry.ts';
import { nearestTwo, squaredDistance, type NearestTwo } from '../clustering/nearest-two.ts';
import { normaliseRows } from '../clustering/odc/mixing.ts';
import type { Engine } from '../engine/engine.ts';
import type { Centroids, OpenedRun } from './open-run.ts';

/**
 * As the run has its own images: PCA with whitening where it has one, then unit rows.
 * @param features [m, D] what is clustered
 * @returns [m, d] float32
 */
export function clusteringRows(
  run: Pick<OpenedRun, 'whitening'>,
  engine: Engine,
  features: Float32Array,
  rows: number,
): Float32Array {
  const { whitening } = run;
  return whitening === null
    ? normaliseRows(features, features.length / rows)
    : engine.clustering.project(whitening, features, rows);
}

/**
 * Of each row the cluster and the one that comes next, by the run's own measure, and how far they
 * are.
 * @param rows [m, d] of {@link clusteringRows}
 */
export function clustersOfRows(
  { config }: Pick<OpenedRun, 'config'>,
  rows: Float32Array,
  { values, count, dim }: Centroids,
): NearestTwo {
  const metric = algorithmNamed(config.algorithm).metric(config);
  return nearestTwo(rows, { values, clusters: count, dim }, metric);
}

/**
 * The same without the cluster that comes next, where the engine's kernels find the nearest of
 * many in a tenth of the time: the same clusters and distances, and -1 and NaN for the second.
 * Where a run's measure is another than the distance, all of {@link clustersOfRows}.
 */
export function nearestOfRows(
  run: Pick<OpenedRun, 'config'>,
  engine: Engine,
  rows: Float32Array,
  centroids: Centroids,
): NearestTwo {
  const { values, count, dim } = centroids;
  if (algorithmNamed(run.config.algorithm).metric(run.config) !== 'distance') {
    return clustersOfRows(run, rows, centroids);
  }
  const m = rows.length / dim;
  const prepared = engine.clustering.rowsToCluster(rows, m, dim);
  const { labels } = prepared.assign(values, count);
  prepared.release();
  let inertia = 0;
  const distances = Float32Array.from(labels, (cluster, row) => {
    const square = squaredDistance(rows, row, values, cluster, dim);
    inertia += square;
    return Math.sqrt(square);
  });
  return {
    ...{ first: labels, distances, inertia },
    second: new Int32Array(m).fill(-1),
    secondDistances: new Float32Array(m).fill(NaN),
  };
}
