/** Named float32 vectors as messages: a server's answers, and what it is restored from. */
import { protocolViolation, shapeMismatch } from '../errors.ts';
import { MAX_VECTOR_ELEMENTS } from '../ps/layout.ts';
import type { VectorCoding } from '../ps/codec/vector-coding.ts';
import type { VectorPool } from '../ps/vector-pool.ts';
import { CHUNK_BYTES, VectorAssembler, chunkVector } from './chunks.ts';
import { EncodedVectorAssembler, requireCodec, wireCodec } from './encoded-vectors.ts';
import type { Codec__Output } from './generated/deepcluster/v1/Codec.ts';
import type { Segment, Segment__Output } from './generated/deepcluster/v1/Segment.ts';
import type { VectorHeader__Output } from './generated/deepcluster/v1/VectorHeader.ts';
import type { VectorMessage__Output } from './generated/deepcluster/v1/VectorMessage.ts';

/** Named vectors as a server sends them. */
export interface NamedVectors {
  readonly version: number;
  readonly headEpoch: number;
  readonly vectors: ReadonlyMap<string, Float32Array>;
  /**
   * Of values in memory that the server lends, whether they are still those: to be asked after the
   * last of them was read. Left out: they are the caller's own.
   */
  readonly isIntact?: () => boolean;
  /** To be called after the last read, if it is known: the memory is used again. */
  readonly release?: () => void;
}

/** By name: of vectors that do not travel as float32. */
export type VectorCodings = Readonly<Record<string, VectorCoding>>;

/**
 * As messages, each a header or a chunk.
 * @param segments by name: where those vectors lie that the receiver reads there
 */
export function* vectorMessages(
  { version, headEpoch, vectors }: NamedVectors,
  segments: Readonly<Record<string, Segment>> = {},
  codings: VectorCodings = {},
): Generator<
  | {
      header: {
        name: string;
        elements: number;
        version: number;
        headEpoch: number;
        segment?: Segment;
        codec?: Codec__Output;
      };
      chunk?: never;
    }
  | { header?: never; chunk: { offset: number; values: Buffer } }
> {
  for (const [name, values] of vectors) {
    const segment = segments[name];
    const header = { name, elements: values.length, version, headEpoch };
    const coding = codings[name] ?? null;
    if (segment === undefined) {
      yield coding === null ? { header } : { header: { ...header, codec: wireCodec(coding) } };
      for (const chunk of chunksOf(values, coding)) yield { chunk };
    } else {
      yield { header: { ...header, segment } };
    }
  }
}

/** @param coding null: as float32 */
export function chunksOf(
  values: Float32Array,
  coding: VectorCoding | null,
): Iterable<{ offset: number; values: Buffer }> {
  return coding === null ? chunkVector(values) : coding.chunks(values, CHUNK_BYTES);
}

/** Segments of the sender that the receiver can read. */
export interface OpensSegments {
  /** Null where it cannot be opened here. */
  open: (segment: Segment__Output) => {
    readonly values: Float32Array;
    readonly sequence: number;
  } | null;
}

/** What was to be read in the sender's memory cannot be opened: it is to send the numbers. */
export class SegmentUnreachable extends Error {}

interface ArrivingVector {
  readonly finish: () => Float32Array;
}

interface ArrivingChunks extends ArrivingVector {
  readonly add: VectorAssembler['add'];
}

/** Puts a stream of named vectors together. */
export class VectorCollector {
  readonly #what: string;
  readonly #segments: OpensSegments | null;
  readonly #pool: VectorPool | undefined;
  readonly #codings: VectorCodings;
  readonly #vectors = new Map<string, ArrivingVector>();
  /** Names of vectors in the sender's memory. */
  readonly #lentNames = new Set<string>();
  readonly #checks: (() => boolean)[] = [];
  #current: ArrivingChunks | null = null;
  #version = 0;
  #headEpoch = -1;

  /**
   * @param segments null: the sender sends numbers
   * @param pool for vectors that the receiver gives back
   * @param codings of vectors that must come by them: what is read in the sender's memory is
   *   rounded
   */
  constructor(
    what: string,
    segments: OpensSegments | null = null,
    pool?: VectorPool,
    codings: VectorCodings = {},
  ) {
    this.#what = what;
    this.#segments = segments;
    this.#pool = pool;
    this.#codings = codings;
  }

  add(message: VectorMessage__Output): void {
    if (message.header) this.begin(message.header);
    else if (message.chunk) this.chunk(message.chunk);
  }

  begin(
    header: Omit<VectorHeader__Output, 'segment' | 'codec'> &
      Partial<Pick<VectorHeader__Output, 'segment' | 'codec'>>,
  ): void {
    if (header.elements > MAX_VECTOR_ELEMENTS) {
      throw protocolViolation(
        `${this.#what}: vector ${header.name}`,
        `at most ${MAX_VECTOR_ELEMENTS} elements`,
        header.elements,
        'use more parameter servers',
      );
    }
    this.#version = header.version;
    this.#headEpoch = header.headEpoch;
    if (header.segment) {
      this.#current = null;
      this.#vectors.set(header.name, this.#lent(header, header.segment));
      return;
    }
    const { name, elements, codec = 'FLOAT32' } = header;
    const what = `${this.#what}: ${name}`;
    const coding = this.#codings[name] ?? null;
    requireCodec(what, coding, codec);
    this.#current =
      coding === null
        ? new VectorAssembler(what, elements, this.#pool)
        : new EncodedVectorAssembler(what, elements, coding, this.#pool);
    this.#vectors.set(name, this.#current);
  }

  #lent(
    { name, elements }: Pick<VectorHeader__Output, 'name' | 'elements'>,
    segment: Segment__Output,
  ): ArrivingVector {
    const end = segment.offset + elements;
    if (end > segment.elements) {
      throw protocolViolation(
        `${this.#what}: vector ${name} in shared memory`,
        `an end of at most ${segment.elements}`,
        end,
        'run the same release on every process',
      );
    }
    const opened = this.#segments?.open(segment) ?? null;
    if (opened === null) {
      return {
        finish: () => {
          throw new SegmentUnreachable();
        },
      };
    }
    const values = opened.values.subarray(segment.offset, end);
    const isIntact = (): boolean => opened.sequence === segment.sequence;
    const coding = this.#codings[name];
    if (coding === undefined) {
      this.#lentNames.add(name);
      this.#checks.push(isIntact);
      return { finish: () => values };
    }
    if (elements !== coding.elements) {
      throw shapeMismatch(`${this.#what}: ${name}`, [coding.elements], [elements]);
    }
    return {
      finish: () => {
        const rounded = this.#pool?.take(elements) ?? new Float32Array(elements);
        coding.round(values, rounded);
        const wasIntact = isIntact();
        this.#checks.push(() => wasIntact);
        return rounded;
      },
    };
  }

  chunk(chunk: { offset: number; values: Uint8Array }): void {
    if (this.#current === null) {
      throw protocolViolation(
        this.#what,
        'a header first',
        'a chunk',
        'the peer sends out of turn',
      );
    }
    this.#current.add(chunk);
  }

  /** @throws SegmentUnreachable */
  finish(): NamedVectors {
    const vectors = new Map<string, Float32Array>();
    for (const [name, assembler] of this.#vectors) vectors.set(name, assembler.finish());
    const named = { version: this.#version, headEpoch: this.#headEpoch, vectors };
    const checks = this.#checks;
    const release = (): void => {
      for (const [name, values] of vectors) {
        if (!this.#lentNames.has(name)) this.#pool?.giveBack(values);
      }
    };
    return {
      ...named,
      ...(this.#pool === undefined ? {} : { release }),
      ...(checks.length === 0 ? {} : { isIntact: () => checks.every((isIntact) => isIntact()) }),
    };
  }
}

/**
 * One of the named vectors.
 * @throws TrainerError PROTOCOL_VIOLATION when the peer did not send it
 */
export function vectorOf(named: NamedVectors, name: string): Float32Array {
  const vector = named.vectors.get(name);
  if (vector === undefined) {
    throw protocolViolation('parameters', `a vector ${name}`, 'none', 'the peer left it out');
  }
  return vector;
}
