/**
 * The centroid memory of Online Deep Clustering: sums of each cluster's rows, which follow every step, and the means of them,
 * which the workers assign by and which are published only now and then. Assigning by live means would be another algorithm.
 * Sources: Zhan et al., CVPR 2020 (arXiv:2006.10645), section 3.2; spec of ODC, sections 6 and 11.
 *
 * Means are not normalised. The paper renews only clusters that gained or lost members; its code renews all, since members that
 * stay change too, and so does this. Shapes: K clusters, d columns.
 */
import { nonFinite, shapeMismatch } from '../../errors.ts';
import { firstNonFinite } from '../../math/checks.ts';
import { gatherRows, scatterRows } from '../../math/matrix.ts';
import type { CentroidRows } from '../nearest-two.ts';
import { addRow, moveRow } from './cluster-sums.ts';

/** The published centroids that a worker lacks. */
export interface CentroidDelta {
  readonly version: number;
  /** All K follow, whatever the worker has. */
  readonly isWhole: boolean;
  /** [n] ascending */
  readonly clusters: Int32Array;
  /** [n, d] */
  readonly values: Float32Array;
}

/** All that a centroid memory is made of. What was published cannot be made again from the rows: it is older than they are. */
export interface CentroidMemoryState {
  /** Rises with every publication that changed a centroid. */
  readonly version: number;
  /** [K, d] float64 */
  readonly sums: Float64Array;
  /** [K, d] float32 */
  readonly published: Float32Array;
}

export class CentroidMemory {
  readonly #clusters: number;
  readonly #dim: number;
  /** [K, d] exact sums of rounded rows (cluster-sums.ts). */
  readonly #sums: Float64Array;
  /** [K, d] the means as of their last publication. */
  readonly #published: Float32Array;
  #version: number;
  /** [K] version in which the published centroid last changed; never above #version. */
  readonly #changedAt: Float64Array;
  /** Who has an earlier version gets everything: what changed before is not known. */
  readonly #knownSince: number;
  /** [K] 1 where the sum or the size may have changed since the cluster was published. */
  readonly #isDirty: Uint8Array;

  /**
   * @param state taken over, not copied
   * @throws TrainerError SHAPE_MISMATCH, NON_FINITE
   */
  constructor(clusters: number, dim: number, state: CentroidMemoryState) {
    for (const [name, values] of [
      ['cluster sums', state.sums],
      ['published centroids', state.published],
    ] as const) {
      if (values.length !== clusters * dim) {
        throw shapeMismatch(name, [clusters, dim], [values.length]);
      }
      const bad = firstNonFinite(values);
      if (bad >= 0) throw nonFinite(`${name}[${bad}]`, values[bad]!, 'use another checkpoint');
    }
    this.#clusters = clusters;
    this.#dim = dim;
    this.#sums = state.sums;
    this.#published = state.published;
    this.#version = state.version;
    this.#knownSince = state.version;
    this.#changedAt = new Float64Array(clusters).fill(state.version);
    this.#isDirty = new Uint8Array(clusters).fill(1);
  }

  get version(): number {
    return this.#version;
  }

  /** The published centroids, to read, not to write. */
  get centroids(): CentroidRows {
    return { values: this.#published, clusters: this.#clusters, dim: this.#dim };
  }

  /** A row of a cluster gives way to another, of the same cluster or not. @param at its place in both arrays */
  replaceRow(
    from: number,
    oldRows: Float32Array,
    to: number,
    newRows: Float32Array,
    at: number,
  ): void {
    addRow(this.#sums, from, oldRows, at, this.#dim, -1);
    addRow(this.#sums, to, newRows, at, this.#dim, 1);
    this.#isDirty[from] = 1;
    this.#isDirty[to] = 1;
  }

  /** A row goes to another cluster as it is. */
  moveRow(from: number, to: number, rows: Float32Array, at: number): void {
    moveRow(this.#sums, from, to, rows, at, this.#dim);
    this.#isDirty[from] = 1;
    this.#isDirty[to] = 1;
  }

  /** Publishes the means of all clusters; an empty one keeps its centroid. @param sizes [K] */
  publish(sizes: Int32Array): void {
    this.#publish(sizes, this.#isDirty.keys());
  }

  /** Publishes the means of some clusters: those that a split has made. */
  publishOnly(sizes: Int32Array, labels: Iterable<number>): void {
    this.#publish(sizes, labels);
  }

  /**
   * What has changed since a version that a worker has; everything for a version that is older than the last restore, or that
   * this memory never had. Whoever connects anew to a restored run starts from nothing: -1.
   */
  since(version: number): CentroidDelta {
    const isWhole = version < this.#knownSince || version > this.#version;
    const labels: number[] = [];
    for (let c = 0; c < this.#clusters; c += 1) {
      if (isWhole || this.#changedAt[c]! > version) labels.push(c);
    }
    const values = gatherRows(this.#published, labels, this.#dim);
    return { version: this.#version, isWhole, clusters: Int32Array.from(labels), values };
  }

  /** Largest difference of a sum from its recomputation: 0, unless a row changed behind this memory's back. */
  drift(recomputed: Float64Array): number {
    return this.#sums.reduce((most, sum, i) => Math.max(most, Math.abs(sum - recomputed[i]!)), 0);
  }

  /** Takes recomputed sums for its own. @returns the drift that it had */
  repair(recomputed: Float64Array): number {
    const drift = this.drift(recomputed);
    if (drift > 0) {
      this.#sums.set(recomputed);
      this.#isDirty.fill(1);
    }
    return drift;
  }

  /** Everything, without a copy: to be written out before the next step is applied. */
  snapshot(): CentroidMemoryState {
    return { version: this.#version, sums: this.#sums, published: this.#published };
  }

  #publish(sizes: Int32Array, labels: Iterable<number>): void {
    const next = this.#version + 1;
    for (const c of labels) {
      if (this.#isDirty[c] === 0) continue;
      this.#isDirty[c] = 0;
      if (sizes[c] === 0) continue;
      if (this.#setMean(c, sizes[c]!)) {
        this.#changedAt[c] = next;
        this.#version = next;
      }
    }
  }

  /** @returns whether any value changed */
  #setMean(c: number, size: number): boolean {
    let hasChanged = false;
    for (let i = c * this.#dim; i < (c + 1) * this.#dim; i += 1) {
      const mean = Math.fround(this.#sums[i]! / size);
      if (mean !== this.#published[i]) hasChanged = true;
      this.#published[i] = mean;
    }
    return hasChanged;
  }
}

/** Replaces in a worker's copy what a delta names. @param values [K, d] written */
export function applyCentroidDelta(values: Float32Array, delta: CentroidDelta, dim: number): void {
  scatterRows(delta.values, delta.clusters, dim, values);
}
