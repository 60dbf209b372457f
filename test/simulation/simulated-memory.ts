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

/** No gradient of the tiny network: where it counts, the run is another one. */
const LATE = 1e6;

export class SimulatedMemory {
  readonly #segments: WritableSegment[] = [];
  /** Contents that were pushed, by descriptor and sequence number. */
  readonly #pushed = new Set<string>();

  readonly make: MakeSegment = (elements) => {
    const segment = new SimulatedSegment(elements, this.#segments.length);
    this.#segments.push(segment);
    return segment;
  };

  /** A worker has been told that its servers have what lies there. */
  notePushed({ descriptor, sequence }: { descriptor: number; sequence: number }): void {
    this.#pushed.add(`${descriptor}/${sequence}`);
  }

  /**
   * Workers write once more to gradients that they have pushed. What is still being pushed would be
   * refused as another content.
   * @returns segments
   */
  writeLate(): number {
    const pushed = this.#segments.filter(({ sequence }, descriptor) =>
      this.#pushed.has(`${descriptor}/${sequence}`),
    );
    for (const segment of pushed) {
      segment.beginWrite();
      segment.values.fill(LATE);
      segment.endWrite();
    }
    return pushed.length;
  }

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
