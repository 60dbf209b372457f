/**
 * Bundles of arrays that orders name and workers fetch; the whitening has its own file
 * (src/run/whitening-arrays.ts).
 */
import { arrayOf, numberArray, numberOf } from '../arrays/bundle.ts';
import type { NamedArrays } from '../arrays/safetensors.ts';
import type { ShardMoments } from '../clustering/moments.ts';
import type { RowsOfImages } from '../clustering/pic/nearest-rows.ts';

/** Moments of all data shards, merged. */
export function momentsToArrays({ count, sum, outer }: ShardMoments): NamedArrays {
  return {
    count: numberArray(count),
    sum: { data: sum, shape: [sum.length] },
    outer: { data: outer, shape: [outer.length] },
  };
}

/** @throws TrainerError PROTOCOL_VIOLATION */
export function momentsFromArrays(arrays: NamedArrays): ShardMoments {
  return {
    count: numberOf(arrays, 'count'),
    sum: arrayOf(arrays, 'sum', Float64Array),
    outer: arrayOf(arrays, 'outer', Float64Array),
  };
}

/** @param centroids [k, d] */
export function centroidsToArrays(centroids: Float32Array, k: number): NamedArrays {
  return { centroids: { data: centroids, shape: [k, centroids.length / k] } };
}

/** @throws TrainerError PROTOCOL_VIOLATION */
export function centroidsFromArrays(arrays: NamedArrays): Float32Array {
  return arrayOf(arrays, 'centroids', Float32Array);
}

/** Rows of images. */
export function rowsToArrays({ ids, rows }: RowsOfImages): NamedArrays {
  return {
    ids: { data: ids, shape: [ids.length] },
    rows: { data: rows, shape: [rows.length] },
  };
}

/** @throws TrainerError PROTOCOL_VIOLATION */
export function rowsFromArrays(arrays: NamedArrays): RowsOfImages {
  return {
    ids: arrayOf(arrays, 'ids', Int32Array),
    rows: arrayOf(arrays, 'rows', Float32Array),
  };
}

/** @param labels [N] cluster of every image; -1 where it has none */
export function labelsToArrays(labels: Int32Array): NamedArrays {
  return { labels: { data: labels, shape: [labels.length] } };
}

/** @throws TrainerError PROTOCOL_VIOLATION */
export function labelsFromArrays(arrays: NamedArrays): Int32Array {
  return arrayOf(arrays, 'labels', Int32Array);
}
