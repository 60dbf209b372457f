/**
 * The nearest other rows of each row, found in any order: by squared distance as float32, and of
 * equal ones the lower id first. That order is total, so lists do not depend on how rows were cut
 * into blocks, nor on who searched which. Shapes: n rows, m neighbours.
 */
import { shapeMismatch } from '../../errors.ts';

/** Behind the last neighbour of a list that is not full. */
export const NO_NEIGHBOUR = -1;

export class NeighbourLists {
  /** m */
  readonly most: number;
  /** [n, m] nearest first; NO_NEIGHBOUR behind the last one. */
  readonly ids: Int32Array;
  /** [n, m] float32 squared distances; Infinity where there is no neighbour. */
  readonly distances: Float32Array;

  /**
   * Empty lists, or those of these arrays.
   * @throws TrainerError SHAPE_MISMATCH
   */
  constructor(rows: number, most: number, ids?: Int32Array, distances?: Float32Array) {
    this.most = most;
    this.ids = ids ?? new Int32Array(rows * most).fill(NO_NEIGHBOUR);
    this.distances = distances ?? new Float32Array(rows * most).fill(Infinity);
    for (const { length } of [this.ids, this.distances]) {
      if (length !== rows * most) throw shapeMismatch('neighbours', [rows, most], [length]);
    }
  }

  /** Squared distance above which nothing gets on the row's list any more. */
  limit(row: number): number {
    return this.distances[(row + 1) * this.most - 1]!;
  }

  /**
   * Puts a row on another one's list, if it is near enough.
   * @param distance squared; rounded to float32 here
   */
  offer(row: number, id: number, distance: number): void {
    const { ids, distances, most } = this;
    const rounded = Math.fround(distance);
    const begin = row * most;
    let place = begin + most - 1;
    if (!comesBefore(rounded, id, distances[place]!, ids[place]!)) return;
    for (; place > begin; place -= 1) {
      if (!comesBefore(rounded, id, distances[place - 1]!, ids[place - 1]!)) break;
      ids[place] = ids[place - 1]!;
      distances[place] = distances[place - 1]!;
    }
    ids[place] = id;
    distances[place] = rounded;
  }

  /**
   * Merges the list that another search has found for a row.
   * @param found by a search of other rows than those before
   */
  merge(row: number, found: NeighbourLists, foundRow: number): void {
    const begin = foundRow * found.most;
    for (let i = begin; i < begin + found.most; i += 1) {
      const id = found.ids[i]!;
      if (id === NO_NEIGHBOUR) return;
      this.offer(row, id, found.distances[i]!);
    }
  }
}

function comesBefore(distance: number, id: number, other: number, otherId: number): boolean {
  if (distance !== other) return distance < other;
  return otherId !== NO_NEIGHBOUR && id < otherId;
}
