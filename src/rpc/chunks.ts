/**
 * Bulk bytes as chunks: the one codec between long byte strings or float32 vectors and streamed messages.
 * Sizes are checked before memory is allocated; values come out in memory aligned for their type.
 */
import { protocolViolation, shapeMismatch } from '../errors.ts';

/** Payload of one message: measured best between 256 KiB and 1 MiB, far below gRPC's limit of 4 MiB. */
export const CHUNK_BYTES = 1024 * 1024;

/** Largest bulk a peer may announce: 2 GiB, well above any artifact and below what one typed array holds. */
const MAX_BULK_BYTES = 2 ** 31;

/** Views over the bytes; nothing is copied here. */
export function* chunkBytes(
  bytes: Uint8Array,
): Generator<{ offset: number; total: number; data: Buffer }> {
  for (let offset = 0; offset < bytes.byteLength; offset += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, bytes.byteLength - offset);
    const data = Buffer.from(bytes.buffer, bytes.byteOffset + offset, length);
    yield { offset, total: bytes.byteLength, data };
  }
}

/** Puts chunks together again; they must come in order and without gaps. */
export class ChunkAssembler {
  readonly #what: string;
  /** Null until the first chunk has told the whole's length. */
  #bytes: Uint8Array | null = null;
  /** Bytes received; the next chunk must begin here. */
  #received = 0;

  constructor(what: string) {
    this.#what = what;
  }

  add(chunk: { offset: number; total: number; data: Uint8Array }): void {
    if (this.#bytes === null) {
      if (!(chunk.total > 0 && chunk.total <= MAX_BULK_BYTES)) {
        throw protocolViolation(
          `${this.#what}: announced length`,
          `1 to ${MAX_BULK_BYTES} bytes`,
          chunk.total,
          'the peer sends something else',
        );
      }
      this.#bytes = new Uint8Array(chunk.total);
    }
    const fits =
      chunk.offset === this.#received &&
      chunk.total === this.#bytes.byteLength &&
      chunk.offset + chunk.data.byteLength <= this.#bytes.byteLength;
    if (!fits) {
      throw protocolViolation(
        `${this.#what}: chunk`,
        `offset ${this.#received} of ${this.#bytes.byteLength}`,
        `${chunk.offset}+${chunk.data.byteLength} of ${chunk.total}`,
        'chunks come in order and without gaps',
      );
    }
    this.#bytes.set(chunk.data, chunk.offset);
    this.#received += chunk.data.byteLength;
  }

  /** The whole, or null where no chunk came. @throws TrainerError PROTOCOL_VIOLATION when it is not complete */
  finish(): Uint8Array | null {
    if (this.#bytes !== null && this.#received !== this.#bytes.byteLength) {
      throw protocolViolation(
        this.#what,
        `${this.#bytes.byteLength} bytes`,
        this.#received,
        'the stream ended early',
      );
    }
    return this.#bytes;
  }
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** A float32 vector as little-endian chunks; views, not copies. */
export function* chunkVector(values: Float32Array): Generator<{ offset: number; values: Buffer }> {
  if (!LITTLE_ENDIAN)
    throw new Error('vectors travel as little-endian bytes; this machine is big-endian');
  const perChunk = CHUNK_BYTES / 4;
  for (let offset = 0; offset < values.length; offset += perChunk) {
    const count = Math.min(perChunk, values.length - offset);
    yield {
      offset,
      values: Buffer.from(values.buffer, values.byteOffset + 4 * offset, 4 * count),
    };
  }
}

/** Receives a vector whose length is known beforehand. */
export class VectorAssembler {
  readonly values: Float32Array;
  readonly #what: string;
  readonly #bytes: Uint8Array;
  /** Elements received; the next chunk must begin here. */
  #received = 0;

  constructor(what: string, elements: number) {
    this.#what = what;
    this.values = new Float32Array(elements);
    this.#bytes = new Uint8Array(this.values.buffer);
  }

  add(chunk: { offset: number; values: Uint8Array }): void {
    const end = 4 * chunk.offset + chunk.values.byteLength;
    if (
      chunk.offset !== this.#received ||
      chunk.values.byteLength % 4 !== 0 ||
      end > this.#bytes.byteLength
    ) {
      throw shapeMismatch(`${this.#what}: chunk`, [this.#received, '…'], [chunk.offset, end / 4]);
    }
    this.#bytes.set(chunk.values, 4 * chunk.offset);
    this.#received = end / 4;
  }

  finish(): Float32Array {
    if (this.#received !== this.values.length) {
      throw shapeMismatch(this.#what, [this.values.length], [this.#received]);
    }
    return this.values;
  }
}
