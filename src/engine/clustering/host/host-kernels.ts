/**
 * The host kernels: clustering's loops in C++ (native/), as a module of Node that `npx deepcluster
 * setup` compiles. Where it is missing, the engine and JavaScript do its work, with the same
 * results.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { HOST_KERNELS_FILE, setupFolder } from '../../../process/setup-folder.ts';
import { messageOf } from '../../../errors.ts';

/**
 * Rows as the module takes them: centre [D], codes [n, D padded to QUAD], coded [n, CODED_NUMBERS],
 * norms [n].
 */
export type HostRowArrays = readonly [
  count: number,
  dim: number,
  features: Float32Array,
  centre: Float32Array,
  codes: Int8Array,
  coded: Float32Array,
  norms: Float64Array,
];

/**
 * `kernels` is an index of the names; every call returns when it is done. What it is given wrong,
 * it throws.
 */
export interface HostModule {
  readonly interface: number;
  /** Dimensions at most. */
  readonly mostDim: number;
  /**
   * Names of the kernels that this processor runs, the fastest first; the last one is for any
   * processor.
   */
  readonly kernels: readonly string[];
  /** Writes all arrays of the rows but the features. */
  encodeRows(kernels: number, threads: number, ...rows: HostRowArrays): void;
  /**
   * Labels of the rows begin .. end - 1.
   * @param labels [n] read as guesses; below 0 where there is none
   */
  findNearest(
    kernels: number,
    threads: number,
    ...rest: [
      ...rows: HostRowArrays,
      k: number,
      centroids: Float32Array,
      begin: number,
      end: number,
      labels: Int32Array,
    ]
  ): void;
  /** Adds to sums [K, D], of values that `rounder` has rounded (exact-sums.ts), and counts [K]. */
  sumByLabel(
    kernels: number,
    threads: number,
    count: number,
    dim: number,
    features: Float32Array,
    labels: Int32Array,
    k: number,
    rounder: number,
    sums: Float64Array,
    counts: Uint32Array,
  ): void;
}

export interface HostKernels {
  readonly module: HostModule | null;
  /** Its instruction set, or why there is none, for a person. */
  readonly story: string;
}

/** Dimensions of a row's codes come in so many at once; and what is known of a row's codes. */
export const QUAD = 4;
export const CODED_NUMBERS = 4;
/** The kernels for any processor, which an engine outruns. */
export const PORTABLE = 'portable';
/** Of the module; raised whenever a function takes other arguments. */
const INTERFACE = 2;
const REMEDY = 'npx deepcluster setup';

let found: HostKernels | null = null;

/** The module of this installation, or why there is none; looked for once. */
export function hostKernels(): HostKernels {
  found ??= loadHostKernels(join(setupFolder(), HOST_KERNELS_FILE));
  return found;
}

export function loadHostKernels(file: string): HostKernels {
  if (!existsSync(file)) return { module: null, story: `not built (${REMEDY})` };
  let module: HostModule;
  try {
    module = createRequire(import.meta.url)(file) as HostModule;
  } catch (error) {
    return { module: null, story: `not loaded: ${messageOf(error).slice(0, 200)} (${REMEDY})` };
  }
  if (module.interface !== INTERFACE) {
    return { module: null, story: `of another version of this package (${REMEDY})` };
  }
  const [fastest] = module.kernels;
  const story = fastest === PORTABLE ? 'none for this processor: the engine is faster' : fastest!;
  return { module, story };
}
