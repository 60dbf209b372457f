/**
 * Bulk bytes as chunks: the one codec between long byte strings or float32 vectors and streamed
 * messages. Sizes are checked before memory is taken, and no more of it is than fits what has come;
 * values come out aligned for their type.
 */
import { protocolViolation, shapeMismatch } from '../errors.ts';
import { MAX_VECTOR_ELEMENTS } from '../ps/layout.ts';
import type { VectorPool } from '../ps/vector-pool.ts';

/**
 * Payload of one message: measured best between 256 KiB and 1 MiB, far below gRPC's limit of 4 MiB.
 */
export const CHUNK_BYTES = 1024 * 1024;

/**
 * Largest bulk a peer may announce: 2 GiB, well above any artifact and below what one typed array
 * holds.
 */
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
  #bytes: ArrivingBytes | null = null;

  constructor(what: string) {
    this.#what = what;
  }

  /** @throws TrainerError PROTOCOL_VIOLATION */
  add(chunk: { offset: number; total: number; data: Uint8Array }): void {
    this.#bytes ??= this.#begin(chunk.total);
    const { total, received } = this.#bytes;
    const isNext = chunk.offset === received && chunk.total === total;
    if (!isNext || !this.#bytes.append(chunk.data)) {
      throw protocolViolation(
        `${this.#what}: chunk`,
        `offset ${received} of ${total}`,
        `${chunk.offset}+${chunk.data.byteLength} of ${chunk.total}`,
        'chunks come in order, without gaps, and none is empty',
      );
    }
  }

  /**
   * The whole, or null where no chunk came.
   * @throws TrainerError PROTOCOL_VIOLATION when it is not complete
   */
  finish(): Uint8Array | null {
    const bytes = this.#bytes;
    if (bytes !== null && bytes.received !== bytes.total) {
      throw protocolViolation(
        this.#what,
        `${bytes.total} bytes`,
        bytes.received,
        'the stream ended early',
      );
    }
    return bytes?.whole() ?? null;
  }

  #begin(total: number): ArrivingBytes {
    if (Number.isSafeInteger(total) && total > 0 && total <= MAX_BULK_BYTES) {
      return new ArrivingBytes(total);
    }
    throw protocolViolation(
      `${this.#what}: announced length`,
      `1 to ${MAX_BULK_BYTES} bytes`,
      total,
      'the peer sends something else',
    );
  }
}

/**
 * Memory that arriving bytes may be given at once, as a multiple of what has come: few copies, and
 * no gigabytes for a word.
 */
const GROWTH = 8;

/**
 * Bytes whose number was announced: memory is taken as they come, not for what a peer says that
 * will come.
 */
class ArrivingBytes {
  readonly total: number;
  /** Bytes so far; the next ones begin here. */
  received = 0;
  /** As long as the whole, or long enough for what has come. */
  #bytes: Uint8Array<ArrayBuffer>;

  /** @param spare of that many bytes, to be written to; left out: memory is taken */
  constructor(total: number, spare: Uint8Array<ArrayBuffer> = new Uint8Array(0)) {
    this.total = total;
    this.#bytes = spare;
  }

  /** False for no bytes, and for more than were announced; nothing is then taken. */
  append(data: Uint8Array): boolean {
    const room = this.extend(data.byteLength);
    room?.set(data);
    return room !== null;
  }

  /**
   * Counts bytes as received that the caller writes at once.
   * @returns where; null for none, and for more than were announced
   */
  extend(length: number): Uint8Array<ArrayBuffer> | null {
    const begin = this.received;
    const end = begin + length;
    if (length === 0 || end > this.total) return null;
    if (end > this.#bytes.byteLength) {
      const grown = new Uint8Array(Math.min(this.total, GROWTH * end));
      grown.set(this.#bytes.subarray(0, begin));
      this.#bytes = grown;
    }
    this.received = end;
    return this.#bytes.subarray(begin, end);
  }

  /** Of bytes that have all come. */
  whole(): Uint8Array<ArrayBuffer> {
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
  readonly #what: string;
  readonly #elements: number;
  readonly #bytes: ArrivingBytes;

  /**
   * @param pool where memory of that length may be spare
   * @throws TrainerError SHAPE_MISMATCH for a length that no peer may announce
   */
  constructor(what: string, elements: number, pool?: VectorPool) {
    if (!(Number.isSafeInteger(elements) && elements >= 0 && elements <= MAX_VECTOR_ELEMENTS)) {
      throw shapeMismatch(`${what}: announced length`, [`0 to ${MAX_VECTOR_ELEMENTS}`], [elements]);
    }
    this.#what = what;
    this.#elements = elements;
    const spare = pool?.take(elements) ?? null;
    this.#bytes =
      spare === null
        ? new ArrivingBytes(4 * elements)
        : new ArrivingBytes(4 * elements, new Uint8Array(spare.buffer as ArrayBuffer));
  }

  /**
   * @throws TrainerError SHAPE_MISMATCH unless the chunk is the next one, of whole elements, and
   *   none too many
   */
  add(chunk: { offset: number; values: Uint8Array }): void {
    const received = this.#bytes.received / 4;
    const isNext = chunk.offset === received && chunk.values.byteLength % 4 === 0;
    if (!isNext || !this.#bytes.append(chunk.values)) {
      const end = chunk.offset + chunk.values.byteLength / 4;
      throw shapeMismatch(`${this.#what}: chunk`, [received, '…'], [chunk.offset, end]);
    }
  }

  /**
   * The next elements' place, which the caller writes at once.
   * @throws TrainerError SHAPE_MISMATCH unless they are the next ones, and none too many
   */
  extend(offset: number, elements: number): Float32Array {
    const received = this.#bytes.received / 4;
    const room = offset === received ? this.#bytes.extend(4 * elements) : null;
    if (room === null) {
      throw shapeMismatch(`${this.#what}: chunk`, [received, '…'], [offset, offset + elements]);
    }
    return new Float32Array(room.buffer, room.byteOffset, elements);
  }

  /** @throws TrainerError SHAPE_MISMATCH when it is not complete */
  finish(): Float32Array {
    const received = this.#bytes.received / 4;
    if (received !== this.#elements) {
      throw shapeMismatch(this.#what, [this.#elements], [received]);
    }
    return new Float32Array(this.#bytes.whole().buffer);
  }
}
