/** Named float32 vectors as messages: a server's answers, and what it is restored from. */
import { protocolViolation } from '../errors.ts';
import { MAX_VECTOR_ELEMENTS } from '../ps/layout.ts';
import type { VectorPool } from '../ps/vector-pool.ts';
import { VectorAssembler, chunkVector } from './chunks.ts';
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

/**
 * As messages, each a header or a chunk.
 * @param segments by name: where those vectors lie that the receiver reads there
 */
export function* vectorMessages(
  { version, headEpoch, vectors }: NamedVectors,
  segments: Readonly<Record<string, Segment>> = {},
): Generator<
  | {
      header: {
        name: string;
        elements: number;
        version: number;
        headEpoch: number;
        segment?: Segment;
      };
      chunk?: never;
    }
  | { header?: never; chunk: { offset: number; values: Buffer } }
> {
  for (const [name, values] of vectors) {
    const segment = segments[name];
    const header = { name, elements: values.length, version, headEpoch };
    if (segment === undefined) {
      yield { header };
      for (const chunk of chunkVector(values)) yield { chunk };
    } else {
      yield { header: { ...header, segment } };
    }
  }
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

/** Puts a stream of named vectors together. */
export class VectorCollector {
  readonly #what: string;
  readonly #segments: OpensSegments | null;
  readonly #pool: VectorPool | undefined;
  readonly #vectors = new Map<string, ArrivingVector>();
  readonly #checks: (() => boolean)[] = [];
  #current: VectorAssembler | null = null;
  #version = 0;
  #headEpoch = -1;

  /**
   * @param segments null: the sender sends numbers
   * @param pool for vectors that the receiver gives back
   */
  constructor(what: string, segments: OpensSegments | null = null, pool?: VectorPool) {
    this.#what = what;
    this.#segments = segments;
    this.#pool = pool;
  }

  add(message: VectorMessage__Output): void {
    if (message.header) this.begin(message.header);
    else if (message.chunk) this.chunk(message.chunk);
  }

  begin(
    header: Omit<VectorHeader__Output, 'segment'> & Partial<Pick<VectorHeader__Output, 'segment'>>,
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
    this.#current = new VectorAssembler(
      `${this.#what}: ${header.name}`,
      header.elements,
      this.#pool,
    );
    this.#vectors.set(header.name, this.#current);
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
    this.#checks.push(() => opened.sequence === segment.sequence);
    return { finish: () => opened.values.subarray(segment.offset, end) };
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
    if (checks.length === 0) {
      const release = (): void => {
        for (const values of vectors.values()) this.#pool?.giveBack(values);
      };
      return this.#pool === undefined ? named : { ...named, release };
    }
    return { ...named, isIntact: () => checks.every((isIntact) => isIntact()) };
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
