/**
 * The assignment of rows to columns, one to one, whose total weight is greatest. Source: Kuhn
 * 1955 (the Hungarian method), by shortest augmenting paths with potentials (Edmonds and Karp
 * 1972, Tomizawa
 * 1971): O(r² c) with r the shorter side.
 */
import { shapeMismatch } from '../errors.ts';

/**
 * @param weights [rows, columns] row-major, finite
 * @returns [rows] the column of each row; -1 where there are more rows than columns and it has none
 * @throws TrainerError SHAPE_MISMATCH
 */
export function greatestAssignment(
  weights: ArrayLike<number>,
  rows: number,
  columns: number,
): Int32Array {
  if (weights.length !== rows * columns) {
    throw shapeMismatch('weights to assign by', [rows, columns], [weights.length]);
  }
  if (rows <= columns) {
    return assignEach((row, column) => -weights[row * columns + column]!, rows, columns);
  }
  const rowOf = assignEach((column, row) => -weights[row * columns + column]!, columns, rows);
  const columnOf = new Int32Array(rows).fill(-1);
  rowOf.forEach((row, column) => (columnOf[row] = column));
  return columnOf;
}

/** What the search keeps; columns stand from 1, place 0 is the row that is being added. */
interface Search {
  /** [rows] and [columns + 1]: cost - rowPotential - columnPotential >= 0, and 0 where assigned. */
  readonly rowPotential: Float64Array;
  readonly columnPotential: Float64Array;
  /** [columns + 1] row of each column; -1 while it has none. */
  readonly rowOf: Int32Array;
}

/** Every row gets a column, at the least cost. @param rows at most `columns` */
function assignEach(
  cost: (row: number, column: number) => number,
  rows: number,
  columns: number,
): Int32Array {
  const search: Search = {
    rowPotential: new Float64Array(rows),
    columnPotential: new Float64Array(columns + 1),
    rowOf: new Int32Array(columns + 1).fill(-1),
  };
  for (let row = 0; row < rows; row += 1) addRow(row, cost, search);
  const columnOf = new Int32Array(rows);
  for (let column = 1; column <= columns; column += 1) {
    const row = search.rowOf[column]!;
    if (row >= 0) columnOf[row] = column - 1;
  }
  return columnOf;
}

/**
 * Finds the shortest path from `row` to a free column (Dijkstra, over reduced costs), and moves
 * the rows along it.
 */
function addRow(
  row: number,
  cost: (row: number, column: number) => number,
  { rowPotential, columnPotential, rowOf }: Search,
): void {
  const { length } = rowOf;
  const distance = new Float64Array(length).fill(Infinity);
  const previous = new Int32Array(length);
  const isDone = new Uint8Array(length);
  rowOf[0] = row;
  let column = 0;
  while (rowOf[column] !== -1) {
    isDone[column] = 1;
    const from = rowOf[column]!;
    let next = 0;
    let least = Infinity;
    for (let to = 1; to < length; to += 1) {
      if (isDone[to] === 1) continue;
      const reduced = cost(from, to - 1) - rowPotential[from]! - columnPotential[to]!;
      if (reduced < distance[to]!) {
        distance[to] = reduced;
        previous[to] = column;
      }
      if (distance[to]! < least) {
        least = distance[to]!;
        next = to;
      }
    }
    for (let to = 0; to < length; to += 1) {
      if (isDone[to] === 1) {
        rowPotential[rowOf[to]!]! += least;
        columnPotential[to]! -= least;
      } else {
        distance[to]! -= least;
      }
    }
    column = next;
  }
  while (column !== 0) {
    rowOf[column] = rowOf[previous[column]!]!;
    column = previous[column]!;
  }
}
