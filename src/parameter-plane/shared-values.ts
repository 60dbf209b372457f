/**
 * A server's parameters in segments that workers on its machine read without a call for each
 * number.
 */
import type { VectorMemory } from '../ps/lent-vector.ts';
import { hostName, ownSegment, type MakeSegment, type WritableSegment } from './segment.ts';

export class SharedValues implements VectorMemory {
  readonly isShared = true;
  readonly #makeSegment: MakeSegment;
  readonly #segments = new WeakMap<Float32Array, WritableSegment>();

  constructor(makeSegment = ownSegment) {
    this.#makeSegment = makeSegment;
  }

  allocate(length: number): Float32Array {
    let segment: WritableSegment;
    try {
      segment = this.#makeSegment(length);
    } catch {
      return new Float32Array(length); // no room: it goes by gRPC
    }
    this.#segments.set(segment.values, segment);
    return segment.values;
  }

  beginWrite(values: Float32Array): void {
    this.#segments.get(values)?.beginWrite();
  }

  endWrite(values: Float32Array): void {
    this.#segments.get(values)?.endWrite();
  }

  /** Undefined for values that lie in none. */
  segmentOf(values: Float32Array): WritableSegment | undefined {
    return this.#segments.get(values);
  }
}

/** Null where this machine has no such memory. */
export function sharedValues(): SharedValues | null {
  return hostName() === '' ? null : new SharedValues();
}
