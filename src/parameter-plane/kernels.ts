/**
 * The parameter kernels: segments of memory that processes of one machine share, and the long loops
 * over parameters and gradients, in C++ (native/), as a module of Node that `npx deepcluster setup`
 * compiles. Where it is missing, JavaScript does its work, with the same bits, and gRPC carries the
 * numbers.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { firstNonFinite } from '../math/checks.ts';
import { setupFolder } from '../process/setup-folder.ts';

/** Every call returns when it is done. What it is given wrong, it throws. */
export interface ParameterModule {
  readonly interface: number;
  /** Whether this system has the memory that processes can share: Linux. */
  readonly hasSegments: boolean;
  /** Zeros, until they are written; the descriptor is this process' and ends with the buffer. */
  createSegment(bytes: number): { readonly buffer: ArrayBuffer; readonly descriptor: number };
  /** To be read only: writing to it ends the process. */
  openSegment(process: number, descriptor: number, bytes: number): ArrayBuffer;
  /**
   * One step of elements begin .. end, by src/ps/sgd.ts; vectors are [P], and of the body, without
   * which momenta are null. Gradients are added up by src/ps/slice-tree.ts.
   * Blocks of a codec are counted from `begin`.
   * @param slices the first slice of each gradient's unit, ascending
   * @param codec to whose values each sum of two is rounded
   */
  step(
    threads: number,
    begin: number,
    end: number,
    gradients: readonly Float32Array[],
    samples: number,
    from: Float32Array,
    to: Float32Array,
    momentumFrom: Float32Array | null,
    momentumTo: Float32Array | null,
    ...rest: [
      learningRate: number,
      weightDecay: number,
      ownRate: number,
      momentum: number,
      slices: readonly number[],
      codec: number,
    ]
  ): void;
  /** sum = left + right, of equal lengths; `sum` may be one of them. */
  add(threads: number, left: Float32Array, right: Float32Array, sum: Float32Array): void;
  /** Index of the first NaN or infinity, or -1. */
  firstNonFinite(threads: number, values: Float32Array): number;
  /** Of equal lengths. */
  copy(threads: number, from: Float32Array, to: Float32Array): void;
  /** src/ps/codec/gradient-codec.ts; `to` may be `from`. */
  round(threads: number, codec: number, from: Float32Array, to: Float32Array): void;
  encode(threads: number, codec: number, from: Float32Array, to: Uint8Array): void;
  decode(threads: number, codec: number, from: Uint8Array, to: Float32Array): void;
}

/** By which the module knows the codecs. */
export const CODEC_NUMBERS = { float32: 0, bfloat16: 1, float16: 2, int8: 3 } as const;

export interface ParameterKernels {
  readonly module: ParameterModule | null;
  /** What it has, or why there is none, for a person. */
  readonly story: string;
}

const FILE = 'parameter-kernels.node';
/** Of the module; raised whenever a function takes other arguments. */
const INTERFACE = 2;
const REMEDY = 'npx deepcluster setup';
/** More gain nothing: memory is what they wait for. */
const MOST_THREADS = 8;

let found: ParameterKernels | null = null;

/** The module of this installation, or why there is none; looked for once. */
export function parameterKernels(): ParameterKernels {
  found ??= loadParameterKernels(join(setupFolder(), FILE));
  return found;
}

export function loadParameterKernels(file: string): ParameterKernels {
  if (!existsSync(file)) return { module: null, story: `not built (${REMEDY})` };
  let module: ParameterModule;
  try {
    module = createRequire(import.meta.url)(file) as ParameterModule;
  } catch (error) {
    return { module: null, story: `not loaded: ${messageOf(error).slice(0, 200)} (${REMEDY})` };
  }
  if (module.interface !== INTERFACE) {
    return { module: null, story: `of another version of this package (${REMEDY})` };
  }
  return { module, story: module.hasSegments ? 'with shared memory' : 'without shared memory' };
}

/** Threads for one call. */
export function kernelThreads(): number {
  return Math.min(MOST_THREADS, availableParallelism());
}

/** Index of the first NaN or infinity, or -1. */
export function firstNonFiniteValue(values: Float32Array): number {
  const { module } = parameterKernels();
  return module?.firstNonFinite(kernelThreads(), values) ?? firstNonFinite(values);
}

/** Fewer are copied before threads have begun. */
const LEAST_TO_COPY = 262_144;

/** Of equal lengths. */
export function copyVector(from: Float32Array, to: Float32Array): void {
  const { module } = from.length >= LEAST_TO_COPY ? parameterKernels() : { module: null };
  if (module === null) to.set(from);
  else module.copy(kernelThreads(), from, to);
}
