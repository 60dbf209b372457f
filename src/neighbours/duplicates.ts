/**
 * Groups of images that are nearly the same: any two whose features are within a threshold belong
 * together, and so do those that a chain of such pairs connects. Every pair is looked at: an
 * engine multiplies blocks of rows in float32, and what its error bound leaves open is decided in
 * float64, so that the groups are those of float64. Shapes: n rows, D dimensions.
 */
import type { Engine } from '../engine/engine.ts';
import { rowProducts } from '../engine/row-products.ts';
import { blockRows, cosineDistance } from './cosine.ts';
import type { FeatureRows } from './feature-rows.ts';

/** Some rows that belong together. */
export interface DuplicateGroup {
  /** Two or more, ascending. */
  readonly rows: readonly number[];
  /** Of each row, the one of the group that is nearest to it. */
  readonly nearest: readonly number[];
  /** Cosine distance of each row to that one. */
  readonly distances: readonly number[];
}

export interface DuplicateOptions {
  /** Greatest cosine distance of a pair. */
  readonly threshold: number;
  /** Of blocks that were compared. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Rows of a block at the most: a million products at a time. */
const BLOCK_ROWS = 1024;
/** The rounding of a float32. */
const UNIT = 2 ** -24;

/** @returns the largest first, of equally large ones that with the first row */
export async function duplicateGroups(
  features: FeatureRows,
  engine: Pick<Engine, 'run' | 'products'>,
  { threshold, onProgress, signal }: DuplicateOptions,
): Promise<DuplicateGroup[]> {
  const { rows, dim } = features;
  const step = blockRows(dim, BLOCK_ROWS);
  const blocks = Math.ceil(rows / step);
  const total = (blocks * (blocks + 1)) / 2;
  const links = new Links(rows, threshold, dim);
  let done = 0;
  for (let a = 0; a < blocks; a += 1) {
    const left = blockAt(features, a * step, step);
    for (let b = a; b < blocks; b += 1) {
      signal?.throwIfAborted();
      const right = b === a ? left : blockAt(features, b * step, step);
      links.add(left, right, rowProducts(engine, left.unit, right.unit, dim));
      done += 1;
      onProgress?.(done, total);
      // Others of this process get their turn: a signal, say.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return links.groups(features);
}

interface RowBlock {
  readonly begin: number;
  readonly count: number;
  /** [count, D] as they are. */
  readonly values: Float32Array;
  /** [count, D] at length 1; zeros stay zeros. */
  readonly unit: Float32Array;
}

function blockAt(features: FeatureRows, begin: number, step: number): RowBlock {
  const { rows, dim } = features;
  const count = Math.min(step, rows - begin);
  const values = features.read(begin, begin + count);
  const unit = new Float32Array(values.length);
  for (let from = 0; from < values.length; from += dim) {
    let squares = 0;
    for (let j = from; j < from + dim; j += 1) squares += values[j]! ** 2;
    const length = Math.sqrt(squares);
    if (length === 0) continue;
    for (let j = from; j < from + dim; j += 1) unit[j] = values[j]! / length;
  }
  return { begin, count, values, unit };
}

/** Which rows are connected: a forest whose trees are the groups. */
class Links {
  readonly #threshold: number;
  readonly #dim: number;
  /**
   * By how much a product of unit rows may be off: D roundings of the sum and of the factors
   * (Higham 2002, section 3.1), whatever the order.
   */
  readonly #error: number;
  /** [n] towards the root of its tree; roots name themselves. */
  readonly #parent: Int32Array;
  /** [n] row with the greatest product of those linked; -1: none. */
  readonly #nearest: Int32Array;
  /** [n] that product. */
  readonly #best: Float32Array;

  constructor(rows: number, threshold: number, dim: number) {
    this.#threshold = threshold;
    this.#dim = dim;
    this.#error = 1.01 * (dim + 4) * UNIT;
    this.#parent = Int32Array.from({ length: rows }, (_, i) => i);
    this.#nearest = new Int32Array(rows).fill(-1);
    this.#best = new Float32Array(rows).fill(-Infinity);
  }

  /** @param products [left, right] of unit rows */
  add(left: RowBlock, right: RowBlock, products: Float32Array): void {
    const least = 1 - this.#threshold - this.#error;
    const sure = 1 - this.#threshold + this.#error;
    const isSame = left === right;
    for (let i = 0; i < left.count; i += 1) {
      const row = i * right.count;
      for (let j = isSame ? i + 1 : 0; j < right.count; j += 1) {
        const product = products[row + j]!;
        if (product < least) continue;
        if (product < sure && !this.#isWithin(left, i, right, j)) continue;
        this.#link(left.begin + i, right.begin + j, product);
      }
    }
  }

  #isWithin(left: RowBlock, i: number, right: RowBlock, j: number): boolean {
    return cosineDistance(left.values, i, right.values, j, this.#dim) <= this.#threshold;
  }

  #link(a: number, b: number, product: number): void {
    if (product > this.#best[a]!) {
      this.#best[a] = product;
      this.#nearest[a] = b;
    }
    if (product > this.#best[b]!) {
      this.#best[b] = product;
      this.#nearest[b] = a;
    }
    const [rootA, rootB] = [this.#rootOf(a), this.#rootOf(b)];
    // The lower index is the root, so that a group's root is its first row.
    this.#parent[Math.max(rootA, rootB)] = Math.min(rootA, rootB);
  }

  #rootOf(row: number): number {
    const parent = this.#parent;
    let root = row;
    while (parent[root] !== root) root = parent[root]!;
    for (let at = row; parent[at] !== root;) {
      const next = parent[at]!;
      parent[at] = root;
      at = next;
    }
    return root;
  }

  groups(features: FeatureRows): DuplicateGroup[] {
    const members = new Map<number, number[]>();
    this.#nearest.forEach((near, row) => {
      if (near < 0) return;
      const root = this.#rootOf(row);
      const known = members.get(root);
      if (known === undefined) members.set(root, [row]);
      else known.push(row);
    });
    return [...members.values()]
      .sort((a, b) => b.length - a.length || a[0]! - b[0]!)
      .map((rows) => {
        const nearest = rows.map((row) => this.#nearest[row]!);
        const distances = rows.map((row, i) => {
          const [a, b] = [features.read(row, row + 1), features.read(nearest[i]!, nearest[i]! + 1)];
          return cosineDistance(a, 0, b, 0, this.#dim);
        });
        return { rows, nearest, distances };
      });
  }
}
