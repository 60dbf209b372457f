/**
 * A worker's gradients in memory that it shares with the servers on its machine. A gradient lies in
 * a slot from its push on, and stays as it is until the parameters have another version: by then
 * its step has been applied, by this push or by another's, or its term is over.
 */
import { kernelThreads, parameterKernels } from './kernels.ts';
import { OwnSegment, type SegmentPlace } from './segment.ts';

/** Where the parameters stand, in the order in which that happens. */
export interface ParameterMoment {
  /** Of the coordinator. */
  readonly term: number;
  readonly version: number;
}

export interface FilledSlot extends SegmentPlace {
  /** Of the content. */
  readonly sequence: number;
}

interface Slot {
  readonly segment: OwnSegment;
  /** Of the push whose gradient lies in it. */
  moment: ParameterMoment;
}

export class GradientSlots {
  readonly #slots: Slot[] = [];

  /**
   * Copies a gradient into a slot.
   * @param moment of the parameters that it was computed on
   * @returns null where there is no such memory, or no room
   */
  fill(gradient: Float32Array, moment: ParameterMoment): FilledSlot | null {
    const slot = this.#free(gradient.length, moment) ?? this.#added(gradient.length, moment);
    if (slot === null) return null;
    const { segment } = slot;
    slot.moment = moment;
    segment.beginWrite();
    parameterKernels().module!.copy(kernelThreads(), gradient, segment.values);
    return { ...segment.place, sequence: segment.endWrite() };
  }

  #free(elements: number, moment: ParameterMoment): Slot | null {
    const fits = ({ segment, moment: used }: Slot): boolean =>
      segment.values.length === elements && isBefore(used, moment);
    return this.#slots.find(fits) ?? null;
  }

  #added(elements: number, moment: ParameterMoment): Slot | null {
    try {
      const slot = { segment: new OwnSegment(elements), moment };
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
