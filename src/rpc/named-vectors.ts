/** Named float32 vectors as messages: a server's answers, and what it is restored from. */
import { protocolViolation } from '../errors.ts';
import { MAX_VECTOR_ELEMENTS } from '../ps/layout.ts';
import { VectorAssembler, chunkVector } from './chunks.ts';
import type { VectorMessage__Output } from './generated/deepcluster/v1/VectorMessage.ts';

/** Named vectors as a server sends them. */
export interface NamedVectors {
  readonly version: number;
  readonly headEpoch: number;
  readonly vectors: ReadonlyMap<string, Float32Array>;
}

/** As messages, each a header or a chunk. */
export function* vectorMessages({ version, headEpoch, vectors }: NamedVectors): Generator<
  | {
      header: { name: string; elements: number; version: number; headEpoch: number };
      chunk?: never;
    }
  | { header?: never; chunk: { offset: number; values: Buffer } }
> {
  for (const [name, values] of vectors) {
    yield { header: { name, elements: values.length, version, headEpoch } };
    for (const chunk of chunkVector(values)) yield { chunk };
  }
}

/** Puts a stream of named vectors together. */
export class VectorCollector {
  readonly #what: string;
  readonly #vectors = new Map<string, VectorAssembler>();
  #current: VectorAssembler | null = null;
  #version = 0;
  #headEpoch = -1;

  constructor(what: string) {
    this.#what = what;
  }

  add(message: VectorMessage__Output): void {
    if (message.header) this.begin(message.header);
    else if (message.chunk) this.chunk(message.chunk);
  }

  begin(header: { name: string; elements: number; version: number; headEpoch: number }): void {
    if (header.elements > MAX_VECTOR_ELEMENTS) {
      throw protocolViolation(
        `${this.#what}: vector ${header.name}`,
        `at most ${MAX_VECTOR_ELEMENTS} elements`,
        header.elements,
        'use more parameter servers',
      );
    }
    this.#current = new VectorAssembler(`${this.#what}: ${header.name}`, header.elements);
    this.#vectors.set(header.name, this.#current);
    this.#version = header.version;
    this.#headEpoch = header.headEpoch;
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

  finish(): NamedVectors {
    const vectors = new Map<string, Float32Array>();
    for (const [name, assembler] of this.#vectors) vectors.set(name, assembler.finish());
    return { version: this.#version, headEpoch: this.#headEpoch, vectors };
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
