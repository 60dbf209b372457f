/**
 * Memory that the processes of a simulated machine share. What a process wrote stays as it is when
 * it ends: others have it open.
 */
import { seededRng } from '../../src/math/rng.ts';
import type { MakeSegment, WritableSegment } from '../../src/parameter-plane/segment.ts';

/**
 * Null: processes are on several machines. Drawn apart, so that the rest of a seed stays what it
 * is.
 */
export function memoryOf(seed: number): SimulatedMemory | null {
  return seededRng('shared memory', seed).integer(2) === 0 ? new SimulatedMemory() : null;
}

export class SimulatedMemory {
  readonly #segments: WritableSegment[] = [];

  readonly make: MakeSegment = (elements) => {
    const segment = new SimulatedSegment(elements, this.#segments.length);
    this.#segments.push(segment);
    return segment;
  };

  open(descriptor: number): WritableSegment {
    return this.#segments[descriptor]!;
  }
}

class SimulatedSegment implements WritableSegment {
  readonly place: WritableSegment['place'];
  readonly values: Float32Array;
  sequence = 0;

  constructor(elements: number, descriptor: number) {
    this.values = new Float32Array(elements);
    this.place = { host: 'simulated', process: 1, descriptor, key: '', elements };
  }

  beginWrite(): void {
    this.sequence += 1 - (this.sequence % 2);
  }

  endWrite(): number {
    this.sequence += this.sequence % 2;
    return this.sequence;
  }
}
