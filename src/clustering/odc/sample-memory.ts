/**
 * The sample memory of Online Deep Clustering: a running unit feature and a pseudo-label for every sample, one part of it per
 * parameter server. Sources: Zhan et al., CVPR 2020 (arXiv:2006.10645), section 3.2; spec of ODC, sections 6 and 11.
 *
 * A worker mixes (mixing.ts); here a step takes effect, once: mixing is not idempotent, so a step that comes again changes
 * nothing. Shapes: n samples of this part, d columns, K clusters.
 */
import { nonFinite, protocolViolation } from '../../errors.ts';
import { firstNonFinite, requireLength } from '../../math/checks.ts';
import { copyRow, gatherRows, scatterRows } from '../../math/matrix.ts';

/** The samples of one part: first, first + stride, first + 2 stride, … */
export interface SampleRange {
  readonly first: number;
  readonly stride: number;
  readonly count: number;
}

/** What a sample memory is made for: which samples, how many columns d, how many clusters K. */
export interface MemoryShape extends SampleRange {
  readonly dim: number;
  /** K */
  readonly classes: number;
}

/** begin <= id < end */
export function consecutiveSamples(begin: number, end: number): SampleRange {
  return { first: begin, stride: 1, count: end - begin };
}

/** Every id below `total` that leaves `rest` when divided by `divisor`. */
export function samplesModulo(rest: number, divisor: number, total: number): SampleRange {
  const count = Math.max(0, Math.ceil((total - rest) / divisor));
  return { first: rest, stride: divisor, count };
}

/** What one slice of a step did to its samples. */
export interface SliceRows {
  readonly slice: number;
  /** [n] a sample may come more than once */
  readonly ids: Int32Array;
  /** [n, d] mixed unit rows */
  readonly rows: Float32Array;
  /** [n] */
  readonly pseudoLabels: Int32Array;
}

/** What a step changed: each sample once, by ascending id, however the step was cut and in whatever order it came. */
export interface MemoryChange {
  readonly ids: Int32Array;
  /** [n, d] and [n] before the step. */
  readonly oldRows: Float32Array;
  readonly oldLabels: Int32Array;
  /** [n, d] and [n] after it. */
  readonly newRows: Float32Array;
  readonly newLabels: Int32Array;
  /** Rows that the slices held, repeated samples counted each time. */
  readonly copies: number;
  /** Of these, with another pseudo-label than before the step. */
  readonly relabelled: number;
}

export type ApplyOutcome =
  | { readonly kind: 'applied'; readonly change: MemoryChange }
  /** The step was applied before. Its change is kept until the next step, so that a lost answer can be given again. */
  | { readonly kind: 'duplicate'; readonly change: MemoryChange | null };

export interface SampleMemoryState {
  /** The step that is applied next. */
  readonly step: number;
  /** [n, d] */
  readonly rows: Float32Array;
  /** [n], -1 for a sample without a feature */
  readonly pseudoLabels: Int32Array;
}

/** How the rest of ODC reaches the memory, whether whole or in parts. */
export interface SampleRows {
  /** @returns [n, d], a copy */
  rowsOf(ids: Int32Array): Float32Array;
  /** @returns [n], a copy */
  pseudoLabelsOf(ids: Int32Array): Int32Array;
  apply(step: number, slices: readonly SliceRows[]): ApplyOutcome;
  relabel(step: number, ids: Int32Array, pseudoLabels: Int32Array): 'applied' | 'duplicate';
}

export class SampleMemory implements SampleRows {
  readonly range: SampleRange;
  readonly #dim: number;
  readonly #clusters: number;
  /** Every step below it has been applied, none from it on. */
  #step: number;
  /** [n, d] rows of length 1 or 0. Written in place. */
  readonly #rows: Float32Array;
  /** [n] below K; -1 for a sample without a feature, which no step draws. */
  readonly #labels: Int32Array;
  /** Of step #step - 1; null after a restore. */
  #last: MemoryChange | null = null;

  /**
   * @param state taken over, not copied: at the reference's size the rows are 1.3 GB
   * @throws TrainerError SHAPE_MISMATCH
   */
  constructor(range: SampleRange, dim: number, clusters: number, state: SampleMemoryState) {
    requireLength('rows of the sample memory', state.rows, range.count * dim);
    requireLength('pseudo-labels of the sample memory', state.pseudoLabels, range.count);
    this.range = range;
    this.#dim = dim;
    this.#clusters = clusters;
    this.#step = state.step;
    this.#rows = state.rows;
    this.#labels = state.pseudoLabels;
  }

  /** The step that is applied next. */
  get step(): number {
    return this.#step;
  }

  has(id: number): boolean {
    const { first, stride, count } = this.range;
    const place = (id - first) / stride;
    return Number.isInteger(place) && place >= 0 && place < count;
  }

  /** @throws TrainerError PROTOCOL_VIOLATION for a sample that another part holds */
  rowsOf(ids: Int32Array): Float32Array {
    return gatherRows(this.#rows, this.#placesOf(ids), this.#dim);
  }

  pseudoLabelsOf(ids: Int32Array): Int32Array {
    return ids.map((id) => this.#labels[this.#placeOf(id)]!);
  }

  /** What the newest step changed, to be told again; null for every other step, and after a restore. */
  changeOf(step: number): MemoryChange | null {
    return step === this.#step - 1 ? this.#last : null;
  }

  /** @throws TrainerError as {@link apply} would for this slice */
  check(slice: SliceRows): void {
    this.#requireForm(slice);
  }

  /**
   * Stores the rows and pseudo-labels of a step. Of a sample's copies the last one, in slice order and within the slice,
   * stands; each counts in `relabelled`, against the pseudo-label before the step.
   * @param slices in any order
   * @throws TrainerError PROTOCOL_VIOLATION, SHAPE_MISMATCH, NON_FINITE; the memory is then unchanged
   */
  apply(step: number, slices: readonly SliceRows[]): ApplyOutcome {
    if (step < this.#step) {
      return { kind: 'duplicate', change: step === this.#step - 1 ? this.#last : null };
    }
    if (step > this.#step) throw outOfTurn('rows', step, this.#step);
    for (const slice of slices) this.#requireForm(slice);
    const change = this.#changeBy(slices.toSorted((a, b) => a.slice - b.slice));
    const places = this.#placesOf(change.ids);
    scatterRows(change.newRows, places, this.#dim, this.#rows);
    places.forEach((place, i) => {
      this.#labels[place] = change.newLabels[i]!;
    });
    this.#last = change;
    this.#step += 1;
    return { kind: 'applied', change };
  }

  /**
   * Sets pseudo-labels that the handling of small clusters changed after `step` was applied.
   * @returns `duplicate` when a later step has been applied since: the labels were set before it
   */
  relabel(step: number, ids: Int32Array, pseudoLabels: Int32Array): 'applied' | 'duplicate' {
    if (step >= this.#step) throw outOfTurn('pseudo-labels', step, this.#step - 1);
    if (step < this.#step - 1) return 'duplicate';
    requireLength('moved pseudo-labels', pseudoLabels, ids.length);
    const places = this.#placesOf(ids);
    for (const label of pseudoLabels) this.#requireCluster(label);
    places.forEach((place, i) => {
      this.#labels[place] = pseudoLabels[i]!;
    });
    return 'applied';
  }

  /** Everything, without a copy: to be written out before the next step is applied. */
  snapshot(): SampleMemoryState {
    return { step: this.#step, rows: this.#rows, pseudoLabels: this.#labels };
  }

  /** @param slices in slice order */
  #changeBy(slices: readonly SliceRows[]): MemoryChange {
    const standing = new Map<number, { slice: SliceRows; at: number }>();
    let copies = 0;
    let relabelled = 0;
    for (const slice of slices) {
      slice.ids.forEach((id, at) => {
        standing.set(id, { slice, at });
        copies += 1;
        if (slice.pseudoLabels[at] !== this.#labels[this.#placeOf(id)]) relabelled += 1;
      });
    }
    const ids = Int32Array.from(standing.keys()).sort();
    const newRows = new Float32Array(ids.length * this.#dim);
    const newLabels = new Int32Array(ids.length);
    ids.forEach((id, i) => {
      const { slice, at } = standing.get(id)!;
      copyRow(slice.rows, at, newRows, i, this.#dim);
      newLabels[i] = slice.pseudoLabels[at]!;
    });
    const oldRows = this.rowsOf(ids);
    const oldLabels = this.pseudoLabelsOf(ids);
    return { ids, oldRows, oldLabels, newRows, newLabels, copies, relabelled };
  }

  #placesOf(ids: Int32Array): Int32Array {
    return ids.map((id) => this.#placeOf(id));
  }

  #placeOf(id: number): number {
    if (!this.has(id)) {
      const { first, stride, count } = this.range;
      const held = `one of ${count} samples from ${first} on, ${stride} apart`;
      throw protocolViolation('sample of the memory', held, id, 'ask the part that holds it');
    }
    return (id - this.range.first) / this.range.stride;
  }

  #requireForm({ slice, ids, rows, pseudoLabels }: SliceRows): void {
    requireLength(`rows of slice ${slice}`, rows, ids.length * this.#dim);
    requireLength(`pseudo-labels of slice ${slice}`, pseudoLabels, ids.length);
    for (const label of pseudoLabels) this.#requireCluster(label);
    for (const id of ids) {
      if (this.#labels[this.#placeOf(id)]! >= 0) continue;
      const remedy = 'draw only samples whose image could be read';
      throw protocolViolation(
        `sample ${id} of slice ${slice}`,
        'a sample with a cluster',
        -1,
        remedy,
      );
    }
    const bad = firstNonFinite(rows);
    if (bad >= 0) {
      const remedy = 'the push was refused';
      throw nonFinite(
        `memory row of sample ${ids[Math.floor(bad / this.#dim)]}`,
        rows[bad]!,
        remedy,
      );
    }
  }

  #requireCluster(label: number): void {
    if (label >= 0 && label < this.#clusters) return;
    const remedy = 'the worker and the memory must have the same number of clusters';
    throw protocolViolation('pseudo-label', `0 .. ${this.#clusters - 1}`, label, remedy);
  }
}

function outOfTurn(what: string, step: number, due: number) {
  return protocolViolation(
    `${what} for the sample memory`,
    `step ${due}`,
    `step ${step}`,
    'restore the memory from the checkpoint that the run resumes from',
  );
}
