/**
 * Where a worker's gradients lie: in memory that it uses again, since the system gives fresh pages
 * slowly, and where servers on its machine read gradients, in memory that it shares with them: what
 * the engine wrote is then what they add up, without a copy. A gradient that was pushed stays as it
 * is until the parameters' version is past its step, which then has been applied, by this push or by
 * another's, or its term is over.
 */
import type { GradientArrays } from '../ps/gradient-arrays.ts';
import { copyVector } from './kernels.ts';
import {
  ownSegment,
  type MakeSegment,
  type SegmentPlace,
  type WritableSegment,
} from './segment.ts';

/** Where the parameters stand, in the order in which that happens. */
export interface ParameterMoment {
  /** Of the coordinator. */
  readonly term: number;
  readonly version: number;
}

export interface LentGradient extends SegmentPlace {
  /** Of the content. */
  readonly sequence: number;
}

interface Slot {
  readonly segment: WritableSegment;
  /** Of the step that the gradient in it is of; `taken`: it is being computed. */
  use: ParameterMoment | 'taken' | 'free';
}

/** Arrays of this process kept at most: those of a unit that are being added up. */
const MOST_PRIVATE = 4;

export class GradientMemory implements GradientArrays {
  readonly #makeSegment: MakeSegment;
  readonly #slots: Slot[] = [];
  /** Free ones. */
  readonly #private: Float32Array[] = [];
  #moment: ParameterMoment = { term: 0, version: 0 };
  #isShared = false;

  constructor(makeSegment = ownSegment) {
    this.#makeSegment = makeSegment;
  }

  /**
   * A unit of slices begins; what the one before it took and did not lend is free again.
   * @param moment of the parameters that it is computed on
   * @param isShared whether some server will read its gradient where it lies
   */
  begin(moment: ParameterMoment, isShared: boolean): void {
    this.#moment = moment;
    this.#isShared = isShared;
    for (const slot of this.#slots) if (slot.use === 'taken') slot.use = 'free';
  }

  take(parameters: number): Float32Array | null {
    if (!this.#isShared) return this.#takePrivate(parameters);
    const slot = this.#slotFor(parameters, this.#moment);
    if (slot === null) return this.#takePrivate(parameters);
    slot.use = 'taken';
    slot.segment.beginWrite();
    return slot.segment.values;
  }

  /** What is lent stays so. */
  giveBack(gradient: Float32Array): void {
    const slot = this.#slots.find(({ segment }) => segment.values === gradient);
    if (slot === undefined) {
      const isKept = this.#private.includes(gradient);
      if (!isKept && this.#private.length < MOST_PRIVATE) this.#private.push(gradient);
    } else if (slot.use === 'taken') slot.use = 'free';
  }

  /**
   * From here on servers may read the gradient where it lies. One that lies elsewhere is copied.
   * @param moment of the parameters that are known to be there
   * @param step that it is of
   * @returns null where there is no such memory, or no room
   */
  lend(
    gradient: Float32Array,
    moment: ParameterMoment,
    step = moment.version,
  ): LentGradient | null {
    const own = this.#slots.find(({ segment }) => segment.values === gradient);
    const slot = own ?? this.#slotFor(gradient.length, moment);
    if (slot === null) return null;
    const { segment } = slot;
    if (slot !== own) {
      segment.beginWrite();
      copyVector(gradient, segment.values);
    }
    slot.use = { ...moment, version: step };
    return { ...segment.place, sequence: segment.endWrite() };
  }

  #takePrivate(parameters: number): Float32Array | null {
    const at = this.#private.findIndex(({ length }) => length === parameters);
    return at < 0 ? null : this.#private.splice(at, 1)[0]!;
  }

  #slotFor(parameters: number, moment: ParameterMoment): Slot | null {
    const isFree = ({ segment, use }: Slot): boolean =>
      segment.values.length === parameters &&
      (use === 'free' || (use !== 'taken' && isBefore(use, moment)));
    return this.#slots.find(isFree) ?? this.#added(parameters);
  }

  #added(parameters: number): Slot | null {
    try {
      const slot: Slot = { segment: this.#makeSegment(parameters), use: 'free' };
      this.#slots.push(slot);
      return slot;
    } catch {
      return null; // the gradient goes by gRPC
    }
  }
}

function isBefore(a: ParameterMoment, b: ParameterMoment): boolean {
  return a.term < b.term || (a.term === b.term && a.version < b.version);
}
