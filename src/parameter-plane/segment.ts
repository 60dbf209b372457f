/**
 * Vectors in memory that processes of one machine share: one process makes a segment and alone
 * writes to it, others open it by its place and read. Nothing is left of it when the last of them
 * has ended, however that ended.
 *
 * A segment has a sequence number: odd while its owner writes, another even one for every content.
 * Who reads asks before and after: what changed meanwhile was none of what was meant, and counts as
 * not read. So a writer that is late, or a reader that is slow, spoils nothing (a seqlock).
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { parameterKernels, type ParameterModule } from './kernels.ts';

/** Where another process finds a segment. */
export interface SegmentPlace {
  /** Of the machine, its process names and its user: {@link hostName}. */
  readonly host: string;
  readonly process: number;
  readonly descriptor: number;
  /** Random; a process and descriptor that mean something else by now have another one. */
  readonly key: string;
  /** Of float32 values in it. */
  readonly elements: number;
}

/** Before the values: the key, then the sequence number. A page, so that values are aligned. */
const HEADER_BYTES = 4096;
const KEY_BYTES = 16;
/** Of the header as int32. */
const SEQUENCE_WORD = 16;

let host: string | null = null;

/**
 * Processes with the same name can open each other's segments, unless the system forbids it.
 * Empty where there is no such memory.
 */
export function hostName(): string {
  host ??= readHostName();
  return host;
}

function readHostName(): string {
  if (parameterKernels().module?.hasSegments !== true) return '';
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const names = readlinkSync('/proc/self/ns/pid');
    return `${boot} ${names} ${process.getuid?.() ?? 0}`;
  } catch {
    return ''; // a system that does not say has no such memory either
  }
}

/** A segment as its owner has it, who alone writes to it. */
export interface WritableSegment {
  readonly place: SegmentPlace;
  /** [elements] */
  readonly values: Float32Array;
  /** Of the content; odd while it is being written. */
  readonly sequence: number;
  /** From here on whoever reads learns that the content is not what it was. */
  beginWrite(): void;
  /** @returns the content's sequence number */
  endWrite(): number;
}

/** @throws Error where there is no such memory, or no room for it */
export type MakeSegment = (elements: number) => WritableSegment;

export const ownSegment: MakeSegment = (elements) => new OwnSegment(elements);

/** A segment of this process. */
export class OwnSegment implements WritableSegment {
  readonly place: SegmentPlace;
  readonly values: Float32Array;
  readonly #header: Int32Array;

  /** @throws Error where this system has no such memory, or no room for it */
  constructor(elements: number) {
    const { buffer, descriptor } = requireModule().createSegment(HEADER_BYTES + 4 * elements);
    const key = randomBytes(KEY_BYTES);
    new Uint8Array(buffer).set(key);
    this.#header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.values = new Float32Array(buffer, HEADER_BYTES, elements);
    this.place = {
      host: hostName(),
      process: process.pid,
      descriptor,
      key: key.toString('hex'),
      elements,
    };
  }

  get sequence(): number {
    return Atomics.load(this.#header, SEQUENCE_WORD);
  }

  beginWrite(): void {
    if (this.sequence % 2 === 0) Atomics.add(this.#header, SEQUENCE_WORD, 1);
  }

  endWrite(): number {
    if (this.sequence % 2 !== 0) Atomics.add(this.#header, SEQUENCE_WORD, 1);
    return this.sequence;
  }
}

/** Another process' segment. */
export class ForeignSegment {
  /** [elements] to be read only: writing to it ends this process. */
  readonly values: Float32Array;
  readonly #header: Int32Array;

  /** @throws Error where it is gone, or something else by now */
  constructor({ process: owner, descriptor, key, elements }: SegmentPlace) {
    const bytes = HEADER_BYTES + 4 * elements;
    const buffer = requireModule().openSegment(owner, descriptor, bytes);
    const found = Buffer.from(buffer, 0, KEY_BYTES).toString('hex');
    if (found !== key) throw new Error('shared memory: another segment is there by now');
    this.#header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.values = new Float32Array(buffer, HEADER_BYTES, elements);
  }

  get sequence(): number {
    return Atomics.load(this.#header, SEQUENCE_WORD);
  }
}

function requireModule(): ParameterModule {
  const { module, story } = parameterKernels();
  if (module?.hasSegments === true) return module;
  throw new Error(`shared memory: parameter kernels ${story}`);
}
