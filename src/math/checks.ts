/** Checks of vectors that come from elsewhere. */
import { shapeMismatch } from '../errors.ts';

/** @throws TrainerError SHAPE_MISMATCH */
export function requireLength(
  what: string,
  { length }: { readonly length: number },
  expected: number,
): void {
  if (length !== expected) throw shapeMismatch(what, [expected], [length]);
}

/** Index of the first NaN or infinity, or -1. */
export function firstNonFinite(values: Float32Array | Float64Array): number {
  for (let i = 0; i < values.length; i += 1) if (!Number.isFinite(values[i]!)) return i;
  return -1;
}
