/**
 * How ODC's samples lie on the parameter servers: sample i on server i mod parts, so that every slice is spread evenly.
 * Shapes: n samples, d columns.
 */
import type { IdentifiedRows } from '../clustering/odc/bundles.ts';
import { samplesModulo, type SliceRows } from '../clustering/odc/sample-memory.ts';
import { copyRow, gather, gatherRows } from '../math/matrix.ts';
import type { MemoryShape } from '../rpc/generated/deepcluster/v1/MemoryShape.ts';

export type MemoryForm = Required<MemoryShape>;

/** Rows of samples with their pseudo-labels, in the order of the ids. */
export type MovedRows = Omit<SliceRows, 'slice'>;

/** What each server holds of a whole memory, `first` 0 and `stride` 1. */
export function memoryForms(whole: MemoryForm, parts: number): MemoryForm[] {
  return Array.from({ length: parts }, (_, part) => ({
    ...whole,
    ...samplesModulo(part, parts, whole.count),
  }));
}

/** Places in `ids` of the samples that a server holds. */
export function placesOfPart(ids: Int32Array, part: number, parts: number): Int32Array {
  const places: number[] = [];
  ids.forEach((id, place) => {
    if (id % parts === part) places.push(place);
  });
  return Int32Array.from(places);
}

/** The samples that a server holds, in the order given. */
export function samplesOfPart(moved: MovedRows, part: number, parts: number): MovedRows {
  if (parts === 1) return moved;
  const { ids, rows, pseudoLabels } = moved;
  const places = placesOfPart(ids, part, parts);
  return { ...rowsAt({ ids, rows }, places), pseudoLabels: gather(pseudoLabels, places) };
}

/** Some of the rows, in the order of `places`, which are places in `ids`. */
export function rowsAt({ ids, rows }: IdentifiedRows, places: Int32Array): IdentifiedRows {
  const dim = ids.length === 0 ? 0 : rows.length / ids.length;
  return { ids: gather(ids, places), rows: gatherRows(rows, places, dim) };
}

/** The rows [n, d] of all samples in the order of their ids, from those of the servers. @param dim d */
export function joinRows(parts: readonly Float32Array[], dim: number): Float32Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
  parts.forEach((part, index) => {
    for (let i = 0; i * dim < part.length; i += 1) {
      copyRow(part, i, whole, index + i * parts.length, dim);
    }
  });
  return whole;
}
