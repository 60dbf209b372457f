/**
 * The affinity graph of nearest neighbours, W = A + Aᵀ with A_ij = exp(-D_ij / sigma²): images that
 * are neighbours of each other have twice the weight. Sparse, by compressed rows. Source: spec of
 * DeepCluster, section 5.1. Weights are float64; the reference has float32. Shapes: N images, m
 * neighbours, E <= 2 m N entries: for 1.28 M images with 5 neighbours 12.8 M of 12 bytes, 154 MB.
 */
import { shapeMismatch } from '../../errors.ts';
import { NO_NEIGHBOUR } from './neighbour-lists.ts';

/** Neighbours of N images, which go by their places 0 .. N - 1 here. */
export interface NeighbourTable {
  /** m */
  readonly most: number;
  /** [N, m] places, nearest first; NO_NEIGHBOUR behind the last one. */
  readonly neighbours: Int32Array;
  /** [N, m] float32 squared distances. */
  readonly distances: Float32Array;
}

/** A symmetric matrix. */
export interface AffinityGraph {
  /** N */
  readonly count: number;
  /** [N + 1] where a row's entries begin. */
  readonly starts: Int32Array;
  /** [E] ascending within a row. */
  readonly columns: Int32Array;
  /** [E] float64 */
  readonly weights: Float64Array;
}

/** @throws TrainerError SHAPE_MISMATCH */
export function affinityGraph(table: NeighbourTable, sigma: number): AffinityGraph {
  const { most, neighbours, distances } = table;
  const count = neighbours.length / most;
  if (distances.length !== neighbours.length) {
    throw shapeMismatch('distances of neighbours', [count, most], [distances.length]);
  }
  const own = sortedRows(table, sigma);
  const reverse = transposed(own);
  const starts = new Int32Array(count + 1);
  const entries = own.columns.length + reverse.columns.length;
  const columns = new Int32Array(entries);
  const weights = new Float64Array(entries);
  let filled = 0;
  for (let row = 0; row < count; row += 1) {
    let [a, b] = [own.starts[row]!, reverse.starts[row]!];
    const [endA, endB] = [own.starts[row + 1]!, reverse.starts[row + 1]!];
    while (a < endA || b < endB) {
      const columnA = a < endA ? own.columns[a]! : count;
      const columnB = b < endB ? reverse.columns[b]! : count;
      const column = Math.min(columnA, columnB);
      let weight = 0;
      if (columnA === column) weight += own.weights[a++]!;
      if (columnB === column) weight += reverse.weights[b++]!;
      columns[filled] = column;
      weights[filled] = weight;
      filled += 1;
    }
    starts[row + 1] = filled;
  }
  return { count, starts, columns: columns.slice(0, filled), weights: weights.slice(0, filled) };
}

/** A, each row by ascending column. */
function sortedRows({ most, neighbours, distances }: NeighbourTable, sigma: number): AffinityGraph {
  const count = neighbours.length / most;
  const starts = new Int32Array(count + 1);
  const columns = new Int32Array(neighbours.length);
  const weights = new Float64Array(neighbours.length);
  let filled = 0;
  for (let row = 0; row < count; row += 1) {
    const first = filled;
    for (let at = row * most; at < (row + 1) * most; at += 1) {
      const column = neighbours[at]!;
      if (column === NO_NEIGHBOUR) break;
      let place = filled;
      for (; place > first && columns[place - 1]! > column; place -= 1) {
        columns[place] = columns[place - 1]!;
        weights[place] = weights[place - 1]!;
      }
      columns[place] = column;
      weights[place] = Math.exp(-distances[at]! / sigma ** 2);
      filled += 1;
    }
    starts[row + 1] = filled;
  }
  return { count, starts, columns: columns.slice(0, filled), weights: weights.slice(0, filled) };
}

/** Its rows are ascending, too, since entries come row by row. */
function transposed({ count, starts, columns, weights }: AffinityGraph): AffinityGraph {
  const begins = new Int32Array(count + 1);
  for (const column of columns) begins[column + 1]! += 1;
  for (let row = 0; row < count; row += 1) begins[row + 1]! += begins[row]!;
  const next = begins.slice();
  const rows = new Int32Array(columns.length);
  const turned = new Float64Array(columns.length);
  for (let row = 0; row < count; row += 1) {
    for (let at = starts[row]!; at < starts[row + 1]!; at += 1) {
      const place = next[columns[at]!]!++;
      rows[place] = row;
      turned[place] = weights[at]!;
    }
  }
  return { count, starts: begins, columns: rows, weights: turned };
}
