/**
 * The clusters of a finished run as tables for other programs: `clusters.csv` and
 * `clusters.parquet` have a row an image, `cluster-summary.csv` one a cluster. They are written a
 * part at a time, whatever the number of images. Shapes: N images, K clusters, d columns of the
 * rows that are clustered.
 */
import { writeFile } from 'node:fs/promises';
import { setImmediate as letOthersRun } from 'node:timers/promises';
import { rankClusters, type CentroidRows, type RowMetric } from '../clustering/nearest-two.ts';
import { shownPath } from '../data/source/path-bytes.ts';
import type { ImageSource } from '../data/source/source.ts';
import { csvFloat, csvIndex, csvText } from '../tables/csv.ts';
import { createParquet } from '../tables/parquet.ts';
import type { AssignmentDetails } from '../work/assign.ts';

export interface ClusterTables {
  readonly source: Pick<ImageSource, 'path'>;
  /** [N] cluster of each image; images where it is -1 have no row: they could not be read. */
  readonly clusters: Int32Array;
  /** [N] that the last step trained on; -1 where the image took no part. */
  readonly pseudoLabels: Int32Array;
  /** Null where the run has no final clusters: distances stay empty. */
  readonly final: FinalTables | null;
  /** K */
  readonly k: number;
}

export interface FinalTables {
  readonly details: AssignmentDetails;
  readonly centroids: CentroidRows;
  /** By which clusters are near each other, as images are to clusters. */
  readonly metric: RowMetric;
}

/** Images whose lines are made at a time. */
const CSV_ROWS = 4_096;
/** Images of a row group. */
const GROUP_ROWS = 65_536;
/**
 * Clusters whose neighbours are looked for at a time: a fraction of a second for 10,000 of them.
 */
const RANKED_ROWS = 128;

/** `path,cluster,distance,second,secondDistance` @throws the signal's reason */
export async function writeClustersCsv(
  file: string,
  tables: ClusterTables,
  signal?: AbortSignal,
): Promise<void> {
  await writeFile(file, csvOfClusters(tables), optional(signal));
}

function* csvOfClusters({ source, clusters, final }: ClusterTables): Generator<string> {
  yield 'path,cluster,distance,second,secondDistance\n';
  for (const ids of clusteredImages(clusters, CSV_ROWS)) {
    const lines = ids.map((id) => {
      const { distances, seconds, secondDistances } = final?.details ?? NO_DETAILS;
      const known = [csvFloat(distances[id] ?? NaN), csvIndex(seconds[id] ?? -1)];
      const fields = [csvText(shownPath(source.path(id))), clusters[id]!, ...known];
      return `${fields.join(',')},${csvFloat(secondDistances[id] ?? NaN)}\n`;
    });
    yield lines.join('');
  }
}

const NO_DETAILS: AssignmentDetails = {
  distances: new Float32Array(0),
  seconds: new Int32Array(0),
  secondDistances: new Float32Array(0),
};

/**
 * The same columns, and `trainedOn`: the pseudo-label of the last step.
 * @throws the signal's reason
 */
export async function writeClustersParquet(
  file: string,
  { source, clusters, pseudoLabels, final }: ClusterTables,
  signal?: AbortSignal,
): Promise<void> {
  const { distances, seconds, secondDistances } = final?.details ?? NO_DETAILS;
  const parquet = createParquet(file, {
    path: 'text',
    cluster: 'int32',
    distance: 'float32',
    second: 'int32',
    secondDistance: 'float32',
    trainedOn: 'int32',
  });
  for (const ids of clusteredImages(clusters, GROUP_ROWS)) {
    parquet.write([
      ids.map((id) => shownPath(source.path(id))),
      ids.map((id) => clusters[id]!),
      ids.map((id) => knownNumber(distances[id])),
      ids.map((id) => knownIndex(seconds[id])),
      ids.map((id) => knownNumber(secondDistances[id])),
      ids.map((id) => knownIndex(pseudoLabels[id])),
    ]);
    await letOthersRun();
    signal?.throwIfAborted();
  }
  parquet.close();
}

/** Null in place of NaN. */
function knownNumber(value = NaN): number | null {
  return Number.isNaN(value) ? null : value;
}

/** Null in place of -1. */
function knownIndex(value = -1): number | null {
  return value < 0 ? null : value;
}

/** Ids of the images that are in a cluster, some at a time. */
function* clusteredImages(clusters: Int32Array, most: number): Generator<number[]> {
  let ids: number[] = [];
  for (let id = 0; id < clusters.length; id += 1) {
    if (clusters[id]! < 0) continue;
    ids.push(id);
    if (ids.length < most) continue;
    yield ids;
    ids = [];
  }
  if (ids.length > 0) yield ids;
}

/**
 * `cluster,size,medoid,meanDistance,nearest`: the medoid is the path of the member nearest to the
 * centroid. Of all members its squared distances to the others have the least sum, which is n |x
 * - c|² and a constant for the mean c of n rows. The nearest is the cluster, of those with
 * images, whose centroid this cluster's is most like.
 * @throws the signal's reason
 */
export async function writeClusterSummary(
  file: string,
  tables: ClusterTables,
  signal?: AbortSignal,
): Promise<void> {
  const { source, final, k } = tables;
  const { sizes, medoids, sums } = membersOf(tables);
  const nearest = final === null ? null : await nearestClusters(final, sizes, signal);
  const lines = Array.from(sizes, (size, cluster) => {
    const medoid = medoids[cluster]!;
    const path = medoid < 0 ? '' : csvText(shownPath(source.path(medoid)));
    const mean = final === null || size === 0 ? '' : csvFloat(Math.fround(sums[cluster]! / size));
    return `${cluster},${size},${path},${mean},${csvIndex(nearest?.[cluster] ?? -1)}\n`;
  });
  if (lines.length !== k) throw new TypeError(`${lines.length} clusters, not ${k}`);
  const header = 'cluster,size,medoid,meanDistance,nearest\n';
  await writeFile(file, [header, ...lines].join(''), optional(signal));
}

interface ClusterMembers {
  /** [K] */
  readonly sizes: Int32Array;
  /**
   * [K] id of the member nearest to the centroid, of equally near ones the first; -1: not known.
   */
  readonly medoids: Int32Array;
  /** [K] of the members' distances. */
  readonly sums: Float64Array;
}

function membersOf({ clusters, final, k }: ClusterTables): ClusterMembers {
  const sizes = new Int32Array(k);
  const medoids = new Int32Array(k).fill(-1);
  const sums = new Float64Array(k);
  const least = new Float64Array(k).fill(Infinity);
  clusters.forEach((cluster, id) => {
    if (cluster < 0) return;
    sizes[cluster]! += 1;
    if (final === null) return;
    const distance = final.details.distances[id]!;
    sums[cluster]! += distance;
    if (!(distance < least[cluster]!)) return;
    least[cluster] = distance;
    medoids[cluster] = id;
  });
  return { sizes, medoids, sums };
}

/** @returns [K]; -1 where there is no other cluster with images */
async function nearestClusters(
  { centroids, metric }: FinalTables,
  sizes: Int32Array,
  signal?: AbortSignal,
): Promise<Int32Array> {
  const { values, clusters, dim } = centroids;
  const isCandidate = Uint8Array.from(sizes, (size) => (size > 0 ? 1 : 0));
  const nearest = new Int32Array(clusters).fill(-1);
  for (let begin = 0; begin < clusters; begin += RANKED_ROWS) {
    const end = Math.min(clusters, begin + RANKED_ROWS);
    const rows = values.subarray(begin * dim, end * dim);
    const { first, second } = rankClusters(rows, centroids, metric, { isCandidate });
    // A centroid is most like itself, unless another is the same or, by the dot product, longer.
    for (let i = 0; i < end - begin; i += 1) {
      nearest[begin + i] = first[i] === begin + i ? second[i]! : first[i]!;
    }
    await letOthersRun();
    signal?.throwIfAborted();
  }
  return nearest;
}

function optional(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
