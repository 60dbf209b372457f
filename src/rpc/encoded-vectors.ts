/** Vectors that travel in a codec's bytes, and the codecs' names on the wire. */
import { protocolViolation, shapeMismatch } from '../errors.ts';
import type { CodecName } from '../ps/codec/codec-name.ts';
import type { VectorCoding } from '../ps/codec/vector-coding.ts';
import type { VectorPool } from '../ps/vector-pool.ts';
import { VectorAssembler } from './chunks.ts';
import type { Codec__Output } from './generated/deepcluster/v1/Codec.ts';

export const WIRE_CODECS = {
  float32: 'FLOAT32',
  bfloat16: 'BFLOAT16',
  float16: 'FLOAT16',
  int8: 'INT8',
} as const satisfies Record<CodecName, Codec__Output>;

/** Null, as when left out: float32. */
export function wireCodec(coding: VectorCoding | null = null): Codec__Output {
  return WIRE_CODECS[coding?.codec.name ?? 'float32'];
}

/**
 * @param got a number where this release has no name for it
 * @throws TrainerError PROTOCOL_VIOLATION unless the numbers are sent in this form
 */
export function requireCodec(
  what: string,
  coding: VectorCoding | null,
  got: Codec__Output | number,
): void {
  const expected = wireCodec(coding);
  if (got === expected) return;
  throw protocolViolation(
    `${what}: codec`,
    expected.toLowerCase(),
    String(got).toLowerCase(),
    'run the same release and the same training.codec on every process',
  );
}

/** Receives a vector in a codec's bytes. */
export class EncodedVectorAssembler {
  readonly #what: string;
  readonly #coding: VectorCoding;
  readonly #values: VectorAssembler;

  /** @throws TrainerError SHAPE_MISMATCH for another length than the layout's */
  constructor(what: string, elements: number, coding: VectorCoding, pool?: VectorPool) {
    if (elements !== coding.elements) throw shapeMismatch(what, [coding.elements], [elements]);
    this.#what = what;
    this.#coding = coding;
    this.#values = new VectorAssembler(what, elements, pool);
  }

  /** @throws TrainerError SHAPE_MISMATCH unless the chunk is the next one, of whole elements */
  add({ offset, values: encoded }: { offset: number; values: Uint8Array }): void {
    this.#coding.decode(this.#what, offset, encoded, (elements) =>
      this.#values.extend(offset, elements),
    );
  }

  /** @throws TrainerError SHAPE_MISMATCH when it is not complete */
  finish(): Float32Array {
    return this.#values.finish();
  }
}
