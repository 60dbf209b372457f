/**
 * ODC's sample memory on a parameter server, from its beginning on: room for rows, rows as the
 * workers of the first clustering send them, pseudo-labels, and then the memory that steps change.
 * Pure but for its state; transport is in memory-service.ts. Shapes: n samples of this server's
 * range, d columns, K clusters.
 */
import {
  SampleMemory,
  type MemoryChange,
  type MemoryShape,
  type SliceRows,
} from '../src/clustering/odc/sample-memory.ts';
import { sumRows } from '../src/clustering/odc/cluster-sums.ts';
import type { IdentifiedRows } from '../src/clustering/odc/bundles.ts';
import { firstNonFinite } from '../src/math/checks.ts';
import { scatterRows } from '../src/math/matrix.ts';
import { MAX_VECTOR_ELEMENTS } from '../src/ps/layout.ts';
import { requireAtMost } from '../src/rpc/bounds.ts';
import { TrainerError, nonFinite, protocolViolation, shapeMismatch } from '../src/errors.ts';

export type MemoryOutcome = 'applied' | 'duplicate' | 'fenced';

/** More than names and shapes of a bundle's arrays need. */
const BUNDLE_HEADER_BYTES = 64 * 1024;

export class MemoryKeeper {
  readonly shape: MemoryShape;
  /** [n, d] zeros where no row has come. */
  readonly #rows: Float32Array;
  /** [n] 1 where a row has come. */
  readonly #isFilled: Uint8Array;
  /** By data shard: generation of the lease whose rows are here. */
  readonly #generations = new Map<number, number>();
  /** Null until it is sealed; shares #rows from then on. */
  #memory: SampleMemory | null = null;

  /**
   * @param rows [n, d] that have all come already, taken over: those of a checkpoint
   * @throws TrainerError PROTOCOL_VIOLATION for a shape that does not fit here, SHAPE_MISMATCH
   */
  constructor(shape: MemoryShape, rows: Float32Array | null = null) {
    const { count, dim, classes, stride } = shape;
    const elements = count * dim;
    if (!(
      stride >= 1 &&
      count >= 1 &&
      dim >= 1 &&
      classes >= 2 &&
      elements <= MAX_VECTOR_ELEMENTS
    )) {
      throw protocolViolation(
        'shape of the sample memory',
        `samples, columns and clusters, at most ${MAX_VECTOR_ELEMENTS} numbers`,
        `${count} x ${dim}, ${classes} clusters`,
        'use more parameter servers, or a smaller model.neckDim',
      );
    }
    if (rows !== null && rows.length !== elements) {
      throw shapeMismatch('restored memory rows', [count, dim], [rows.length]);
    }
    this.shape = shape;
    this.#rows = rows ?? new Float32Array(elements);
    this.#isFilled = new Uint8Array(count).fill(rows === null ? 0 : 1);
  }

  get isSealed(): boolean {
    return this.#memory !== null;
  }

  /** Whether it was begun with this shape. */
  has(shape: MemoryShape): boolean {
    return (['first', 'stride', 'count', 'dim', 'classes'] as const).every(
      (key) => shape[key] === this.shape[key],
    );
  }

  /**
   * Takes the rows of a data shard.
   * @throws TrainerError PROTOCOL_VIOLATION, SHAPE_MISMATCH, NON_FINITE; nothing is then taken
   */
  fill(shard: number, generation: number, { ids, rows }: IdentifiedRows): MemoryOutcome {
    const { dim } = this.shape;
    const present = this.#generations.get(shard) ?? -1;
    if (this.#memory !== null) return generation === present ? 'duplicate' : 'fenced';
    if (generation < present) return 'fenced';
    if (generation === present) return 'duplicate';
    if (rows.length !== ids.length * dim) {
      throw shapeMismatch(`memory rows of data shard ${shard}`, [ids.length, dim], [rows.length]);
    }
    const bad = firstNonFinite(rows);
    if (bad >= 0) {
      const remedy = 'the rows were refused';
      throw nonFinite(`memory row of sample ${ids[Math.floor(bad / dim)]}`, rows[bad]!, remedy);
    }
    const places = ids.map((id) => this.#placeOf(id));
    scatterRows(rows, places, dim, this.#rows);
    for (const place of places) this.#isFilled[place] = 1;
    this.#generations.set(shard, generation);
    return 'applied';
  }

  /**
   * Gives every sample its pseudo-label, after which steps may come.
   * @param step the one that comes next
   * @param pseudoLabels [n], taken over; -1 for a sample without a row
   * @throws TrainerError PROTOCOL_VIOLATION where a labelled sample has no row, SHAPE_MISMATCH
   */
  seal(step: number, pseudoLabels: Int32Array): MemoryOutcome {
    if (this.#memory !== null) return 'duplicate';
    const { first, stride, count, dim, classes } = this.shape;
    if (pseudoLabels.length !== count) {
      throw shapeMismatch('pseudo-labels of the sample memory', [count], [pseudoLabels.length]);
    }
    pseudoLabels.forEach((label, place) => {
      if (label >= -1 && label < classes && (label < 0 || this.#isFilled[place] === 1)) return;
      throw protocolViolation(
        `sample ${first + place * stride} of the sample memory`,
        `a row, and a pseudo-label below ${classes}`,
        `pseudo-label ${label}${this.#isFilled[place] === 1 ? '' : ' without a row'}`,
        'this is a defect',
      );
    });
    const range = { first, stride, count };
    this.#memory = new SampleMemory(range, dim, classes, { step, rows: this.#rows, pseudoLabels });
    return 'applied';
  }

  /** @throws TrainerError UNAVAILABLE before it is sealed */
  get memory(): SampleMemory {
    if (this.#memory !== null) return this.#memory;
    throw new TrainerError('UNAVAILABLE', 'sample memory: it has no pseudo-labels yet');
  }

  /**
   * Bytes of a bundle of ids, rows and pseudo-labels of so many samples; of all that are here, if
   * it says more.
   */
  bundleLimit(samples: number): number {
    const { count, dim } = this.shape;
    return BUNDLE_HEADER_BYTES + Math.min(samples, count) * (8 + 4 * dim);
  }

  /** Copies of rows. @throws TrainerError GENERATION_FENCED when another step is the next one */
  rowsAt(step: number, ids: Int32Array): Float32Array {
    const { memory } = this;
    requireAtMost('samples whose memory rows are asked for', this.shape.count, ids.length);
    if (memory.step === step) return memory.rowsOf(ids);
    throw new TrainerError(
      'GENERATION_FENCED',
      `memory rows before step ${step}: step ${memory.step} is next`,
      { step: memory.step },
    );
  }

  /** @throws TrainerError PROTOCOL_VIOLATION when that step is not the newest */
  changeOf(step: number): MemoryChange {
    const change = this.memory.changeOf(step);
    if (change !== null) return change;
    throw protocolViolation(
      'change of the sample memory',
      `step ${this.memory.step - 1}`,
      `step ${step}`,
      'restore the parameter server from the checkpoint that the run resumes from',
    );
  }

  /** [K, d] recomputed from all rows. */
  clusterSums(): Float64Array {
    const { rows, pseudoLabels } = this.memory.snapshot();
    return sumRows(rows, pseudoLabels, this.shape.classes, this.shape.dim);
  }

  /** [n, d] without a copy: to be read before the next step. */
  get rows(): Float32Array {
    return this.#rows;
  }

  #placeOf(id: number): number {
    const { first, stride, count } = this.shape;
    const place = (id - first) / stride;
    if (Number.isInteger(place) && place >= 0 && place < count) return place;
    const held = `one of ${count} samples from ${first} on, ${stride} apart`;
    throw protocolViolation(
      'sample of the memory',
      held,
      id,
      'ask the parameter server that holds it',
    );
  }
}

/**
 * Rows that wait for their step's commit, beside the gradients that wait in the parameter store.
 */
export class RowStage {
  /** By slice and generation of the step being collected. */
  readonly #staged = new Map<string, SliceRows>();

  put(generation: number, rows: SliceRows): void {
    this.#staged.set(`${rows.slice}/${generation}`, rows);
  }

  /**
   * The rows of exactly these slices; the stage is empty afterwards.
   * @throws TrainerError PROTOCOL_VIOLATION
   */
  take(slices: readonly { readonly slice: number; readonly generation: number }[]): SliceRows[] {
    const rows = slices.map(({ slice, generation }) => {
      const staged = this.#staged.get(`${slice}/${generation}`);
      if (staged !== undefined) return staged;
      throw protocolViolation(
        `memory rows of slice ${slice}`,
        `those of generation ${generation}`,
        'none',
        'this is a defect',
      );
    });
    this.#staged.clear();
    return rows;
  }
}
