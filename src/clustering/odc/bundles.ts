/**
 * ODC's arrays under the names by which they travel between processes, and the names of its artifacts. What turns a bundle into
 * bytes is elsewhere. Shapes: n samples, d columns, K clusters.
 */
import { arrayOf } from '../../arrays/bundle.ts';
import type { ArrayData, NamedArray, NamedArrays } from '../../arrays/safetensors.ts';
import type { CentroidDelta } from './centroid-memory.ts';
import type { MemoryChange, SliceRows } from './sample-memory.ts';

/** Rows of some samples, in the order of the ids. */
export interface IdentifiedRows {
  /** [n] */
  readonly ids: Int32Array;
  /** [n, d] */
  readonly rows: Float32Array;
}

/** New pseudo-labels of some samples. */
export interface Relabelling {
  /** [n] */
  readonly ids: Int32Array;
  readonly pseudoLabels: Int32Array;
}

export function rowsToBundle({ ids, rows }: IdentifiedRows): NamedArrays {
  return { ids: vector(ids), rows: matrix(rows, ids.length) };
}

export function rowsFromBundle(bundle: NamedArrays): IdentifiedRows {
  return { ids: arrayOf(bundle, 'ids', Int32Array), rows: arrayOf(bundle, 'rows', Float32Array) };
}

export function relabellingToBundle({ ids, pseudoLabels }: Relabelling): NamedArrays {
  return { ids: vector(ids), pseudoLabels: vector(pseudoLabels) };
}

export function relabellingFromBundle(bundle: NamedArrays): Relabelling {
  return {
    ids: arrayOf(bundle, 'ids', Int32Array),
    pseudoLabels: arrayOf(bundle, 'pseudoLabels', Int32Array),
  };
}

export function sliceToBundle({ ids, rows, pseudoLabels }: Omit<SliceRows, 'slice'>): NamedArrays {
  return { ...rowsToBundle({ ids, rows }), pseudoLabels: vector(pseudoLabels) };
}

export function sliceFromBundle(bundle: NamedArrays, slice: number): SliceRows {
  return { slice, ...rowsFromBundle(bundle), ...relabellingFromBundle(bundle) };
}

export function changeToBundle(change: MemoryChange): NamedArrays {
  const { ids, oldRows, oldLabels, newRows, newLabels, copies, relabelled } = change;
  return {
    ids: vector(ids),
    oldRows: matrix(oldRows, ids.length),
    oldLabels: vector(oldLabels),
    newRows: matrix(newRows, ids.length),
    newLabels: vector(newLabels),
    counts: vector(Int32Array.of(copies, relabelled)),
  };
}

export function changeFromBundle(bundle: NamedArrays): MemoryChange {
  const [copies = 0, relabelled = 0] = arrayOf(bundle, 'counts', Int32Array);
  return {
    ids: arrayOf(bundle, 'ids', Int32Array),
    oldRows: arrayOf(bundle, 'oldRows', Float32Array),
    oldLabels: arrayOf(bundle, 'oldLabels', Int32Array),
    newRows: arrayOf(bundle, 'newRows', Float32Array),
    newLabels: arrayOf(bundle, 'newLabels', Int32Array),
    copies,
    relabelled,
  };
}

export function deltaToBundle({ version, isWhole, clusters, values }: CentroidDelta): NamedArrays {
  return {
    version: vector(Int32Array.of(version, isWhole ? 1 : 0)),
    classes: vector(clusters),
    values: matrix(values, clusters.length),
  };
}

export function deltaFromBundle(bundle: NamedArrays): CentroidDelta {
  const [version = 0, isWhole = 0] = arrayOf(bundle, 'version', Int32Array);
  return {
    version,
    isWhole: isWhole === 1,
    clusters: arrayOf(bundle, 'classes', Int32Array),
    values: arrayOf(bundle, 'values', Float32Array),
  };
}

/** Before the slash in the name of every artifact of published centroids. */
export const CENTROIDS_ARTIFACT = 'odc-centroids';

/** What a worker that has `held` (-1: none) lacks to have `wanted`. */
export function centroidsArtifact(held: number, wanted: number): string {
  return `${CENTROIDS_ARTIFACT}/${held}/${wanted}`;
}

function vector(data: ArrayData): NamedArray {
  return { data, shape: [data.length] };
}

function matrix(data: ArrayData, rows: number): NamedArray {
  return { data, shape: [rows, rows === 0 ? 0 : data.length / rows] };
}
