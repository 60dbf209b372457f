/**
 * ODC's arrays under the names by which they travel between processes, and the names of its artifacts. What turns a bundle into
 * bytes is elsewhere. Shapes: n samples, d columns, K classes.
 */
import { protocolViolation } from '../../errors.ts';
import type { CentroidDelta } from './centroid-memory.ts';
import type { MemoryChange, SliceRows } from './sample-memory.ts';

type Data = Float32Array | Float64Array | Int32Array;

/** Arrays by name, each with its shape. */
export type Bundle<Content = Data> = Readonly<
  Record<string, { readonly data: Content; readonly shape: readonly number[] }>
>;

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

export function rowsToBundle({ ids, rows }: IdentifiedRows): Bundle {
  return { ids: vector(ids), rows: matrix(rows, ids.length) };
}

export function rowsFromBundle(bundle: Bundle<unknown>): IdentifiedRows {
  return { ids: dataOf(bundle, 'ids', Int32Array), rows: dataOf(bundle, 'rows', Float32Array) };
}

export function relabellingToBundle({ ids, pseudoLabels }: Relabelling): Bundle {
  return { ids: vector(ids), pseudoLabels: vector(pseudoLabels) };
}

export function relabellingFromBundle(bundle: Bundle<unknown>): Relabelling {
  return {
    ids: dataOf(bundle, 'ids', Int32Array),
    pseudoLabels: dataOf(bundle, 'pseudoLabels', Int32Array),
  };
}

export function sliceToBundle({ ids, rows, pseudoLabels }: Omit<SliceRows, 'slice'>): Bundle {
  return { ...rowsToBundle({ ids, rows }), pseudoLabels: vector(pseudoLabels) };
}

export function sliceFromBundle(bundle: Bundle<unknown>, slice: number): SliceRows {
  return { slice, ...rowsFromBundle(bundle), ...relabellingFromBundle(bundle) };
}

export function changeToBundle(change: MemoryChange): Bundle {
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

export function changeFromBundle(bundle: Bundle<unknown>): MemoryChange {
  const [copies = 0, relabelled = 0] = dataOf(bundle, 'counts', Int32Array);
  return {
    ids: dataOf(bundle, 'ids', Int32Array),
    oldRows: dataOf(bundle, 'oldRows', Float32Array),
    oldLabels: dataOf(bundle, 'oldLabels', Int32Array),
    newRows: dataOf(bundle, 'newRows', Float32Array),
    newLabels: dataOf(bundle, 'newLabels', Int32Array),
    copies,
    relabelled,
  };
}

export function deltaToBundle({ version, isWhole, classes, values }: CentroidDelta): Bundle {
  return {
    version: vector(Int32Array.of(version, isWhole ? 1 : 0)),
    classes: vector(classes),
    values: matrix(values, classes.length),
  };
}

export function deltaFromBundle(bundle: Bundle<unknown>): CentroidDelta {
  const [version = 0, isWhole = 0] = dataOf(bundle, 'version', Int32Array);
  return {
    version,
    isWhole: isWhole === 1,
    classes: dataOf(bundle, 'classes', Int32Array),
    values: dataOf(bundle, 'values', Float32Array),
  };
}

/** Before the slash in the name of every artifact of published centroids. */
export const CENTROIDS_ARTIFACT = 'odc-centroids';

/** What a worker that has `held` (-1: none) lacks to have `wanted`. */
export function centroidsArtifact(held: number, wanted: number): string {
  return `${CENTROIDS_ARTIFACT}/${held}/${wanted}`;
}

function vector(data: Data) {
  return { data, shape: [data.length] };
}

function matrix(data: Data, rows: number) {
  return { data, shape: [rows, rows === 0 ? 0 : data.length / rows] };
}

function dataOf<Content extends Data>(
  bundle: Bundle<unknown>,
  name: string,
  type: { readonly name: string } & (new (length: number) => Content),
): Content {
  const data = bundle[name]?.data;
  if (data instanceof type) return data;
  const got = data === undefined ? 'none' : 'another type';
  throw protocolViolation(`array ${name}`, type.name, got, 'run the same release on every process');
}
