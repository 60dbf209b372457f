/**
 * How ODC's samples lie beside the parameter shards: sample i on server i modulo the number of
 * servers, so that every slice is spread evenly. Shapes: n samples, d columns.
 */
import type { IdentifiedRows } from '../clustering/odc/bundles.ts';
import {
  samplesModulo,
  type MemoryShape,
  type SliceRows,
} from '../clustering/odc/sample-memory.ts';
import { copyRow, gather, gatherRows } from '../math/matrix.ts';

/** Rows of samples with their pseudo-labels, in the order of the ids. */
export type MovedRows = Omit<SliceRows, 'slice'>;

/** What each server holds of a whole memory, `first` 0 and `stride` 1. */
export function memoryShapes(whole: MemoryShape, shardCount: number): MemoryShape[] {
  return Array.from({ length: shardCount }, (_, shardIndex) => ({
    ...whole,
    ...samplesModulo(shardIndex, shardCount, whole.count),
  }));
}

/** Places in `ids` of the samples that a server holds. */
export function placesOnShard(ids: Int32Array, shardIndex: number, shardCount: number): Int32Array {
  const places: number[] = [];
  ids.forEach((id, place) => {
    if (id % shardCount === shardIndex) places.push(place);
  });
  return Int32Array.from(places);
}

/** The samples that a server holds, in the order given. */
export function samplesOnShard(
  moved: MovedRows,
  shardIndex: number,
  shardCount: number,
): MovedRows {
  if (shardCount === 1) return moved;
  const { ids, rows, pseudoLabels } = moved;
  const places = placesOnShard(ids, shardIndex, shardCount);
  return { ...rowsAt({ ids, rows }, places), pseudoLabels: gather(pseudoLabels, places) };
}

/** Some of the rows, in the order of `places`, which are places in `ids`. */
export function rowsAt({ ids, rows }: IdentifiedRows, places: Int32Array): IdentifiedRows {
  const dim = ids.length === 0 ? 0 : rows.length / ids.length;
  return { ids: gather(ids, places), rows: gatherRows(rows, places, dim) };
}

/**
 * The rows [n, d] of all samples in the order of their ids, from those of the servers.
 * @param dim d
 */
export function joinRows(shards: readonly Float32Array[], dim: number): Float32Array {
  const [only] = shards;
  if (shards.length === 1 && only !== undefined) return only;
  const whole = new Float32Array(shards.reduce((total, { length }) => total + length, 0));
  shards.forEach((rows, shardIndex) => {
    for (let i = 0; i * dim < rows.length; i += 1) {
      copyRow(rows, i, whole, shardIndex + i * shards.length, dim);
    }
  });
  return whole;
}
