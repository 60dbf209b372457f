/**
 * The order in which numbers of a step's slices are added up: a fixed binary tree over slice
 * numbers. Node i of level L has slices i * 2^L up to (i + 1) * 2^L; its value is the sum of its
 * halves, rounded to float32, or that of the one half which has a slice at all. Whoever has all
 * slices of a node may add them up: the bits are the same, whoever adds what. Pairwise, so an error
 * grows with the logarithm of the slices (Higham 1993, "The accuracy of floating point summation").
 */
import { kernelThreads, parameterKernels } from '../parameter-plane/kernels.ts';

/** Slices of a step that one holder adds up: a node of the tree. */
export interface SliceUnit {
  /** The first one, by whose number the unit is known. */
  readonly slice: number;
  /** How many: a power of two that `slice` is a multiple of, or fewer where the step ends. */
  readonly slices: number;
}

/** Whether these are all slices of a node that are below `stepSlices`. */
export function isNode({ slice, slices }: SliceUnit, stepSlices: number): boolean {
  const width = nodeWidth(slices);
  const end = slice + slices;
  const isInStep = slice >= 0 && slices >= 1 && end <= stepSlices;
  return isInStep && slice % width === 0 && (slices === width || end === stepSlices);
}

/** Slices of the smallest node that has room for so many. */
export function nodeWidth(slices: number): number {
  return 2 ** Math.ceil(Math.log2(slices));
}

/** What is added up to one side of a node. */
interface Part<Values> {
  /** A slice of it, whichever. */
  readonly slice: number;
  readonly values: Values;
}

/**
 * Adds up the values of slices as they come, in slice order; some may be left out. Of n slices it
 * holds log2(n) + 1 values at the most.
 */
export class TreeSum<Values> {
  readonly #add: (left: Values, right: Values, depth: number) => Values;
  /** Left to right, no two of one node that later slices do not belong to. */
  readonly #parts: Part<Values>[] = [];

  /**
   * @param add `depth`: parts that lie left of both, each with values of its own; what it returns
   *   takes the place of both
   */
  constructor(add: (left: Values, right: Values, depth: number) => Values) {
    this.#add = add;
  }

  /** @param slice above all that came before: one, or the first of a whole node */
  push(slice: number, values: Values): void {
    this.#addBefore(slice);
    this.#parts.push({ slice, values });
    this.#addBefore(slice + 1);
  }

  /** The sum of all, after which there is none; null where none came. */
  finish(): Values | null {
    this.#addBefore(Infinity);
    return this.#parts.pop()?.values ?? null;
  }

  /** Adds what no slice from `next` on belongs to. */
  #addBefore(next: number): void {
    for (;;) {
      const [left, right] = this.#parts.slice(-2);
      if (left === undefined || right === undefined || next < endOfNode(left, right)) return;
      const depth = this.#parts.length - 2;
      const values = this.#add(left.values, right.values, depth);
      this.#parts.splice(-2, 2, { slice: left.slice, values });
    }
  }
}

/** The first slice behind the smallest node that both are of. */
function endOfNode(a: { readonly slice: number }, b: { readonly slice: number }): number {
  const width = 2 ** (32 - Math.clz32(a.slice ^ b.slice));
  return (Math.floor(a.slice / width) + 1) * width;
}

/** Fewer are added before threads have begun. */
const LEAST_FOR_KERNELS = 65_536;

/** @param sum may be one of the two @returns sum, each element rounded to float32 once */
export function addVectors(left: Float32Array, right: Float32Array, sum = left): Float32Array {
  const { module } = sum.length >= LEAST_FOR_KERNELS ? parameterKernels() : { module: null };
  if (module !== null) {
    module.add(kernelThreads(), left, right, sum);
    return sum;
  }
  // The float64 sum of two float32 numbers, rounded, is their float32 sum.
  for (let i = 0; i < sum.length; i += 1) sum[i] = left[i]! + right[i]!;
  return sum;
}
