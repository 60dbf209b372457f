/**
 * Sums of floating-point numbers that depend neither on order nor on grouping: each summand is
 * rounded to a multiple of 2^-e first, with e so small that every partial sum is a whole number of
 * these below 2^53. No addition rounds then, so whoever adds up what, in whatever order, gets the
 * same bits: a worker its data shards, the coordinator its workers.
 *
 * A rounder is 1.5 * 2^(52 - e): the spacing of float64 around it is 2^-e, so adding and
 * subtracting it rounds a value below 2^(51 - e) to a multiple, ties to even, in JavaScript and C++
 * alike. The rounder 0 leaves every value as it is. Source: Demmel and Nguyen, Fast Reproducible
 * Floating-Point Summation (ARITH 2013), section 3.
 */
import { protocolViolation } from '../errors.ts';

/** A unit row in float32 is longer than 1 by rounding alone: by 2^-23, and engines add a little. */
const LONGEST_ROW = 1 + 2 ** -16;
/** Sums of up to 2^21 rows are exact at this e; a summand is then off by 2^-33 at most. */
const FINEST_EXPONENT = 32;
/** Bits of a float64's whole numbers. */
const WHOLE_BITS = 53;

/**
 * The rounder for sums over the elements, or the squared lengths, of at most so many rows of length
 * at most 1: e is 32 up to 2^21 rows (2,097,088 by the tolerance of a row's length), and one less
 * for each doubling from there.
 */
export function unitRowsRounder(rows: number): number {
  const bits = Math.ceil(Math.log2(Math.max(1, rows) * LONGEST_ROW ** 2));
  return rounderOf(Math.min(FINEST_EXPONENT, WHOLE_BITS - bits));
}

/**
 * The rounder for sums of values that are each, and in any partial sum, at most `bound` in size but
 * for the rounding of the values themselves. 2^-e is at most 2^-50 of the bound, and two bits are
 * spare. 0 where the bound is 0, and where it is not finite: nothing can be said of such sums.
 */
export function rounderFor(bound: number): number {
  if (!(bound > 0 && bound < Infinity)) return 0;
  return rounderOf(WHOLE_BITS - 2 - Math.ceil(Math.log2(bound)));
}

/**
 * The rounder for the inertias of data shards with at most so many unit rows in all: a row is at
 * most 2 away from a centroid that is a mean of such rows, or as long.
 */
export function inertiaRounder(rows: number): number {
  return rounderFor(8 * rows);
}

/** @throws TrainerError PROTOCOL_VIOLATION where rows are too long for their sums to be exact */
export function requireUnitRows(longest: number, rounder: number): void {
  if (rounder === 0 || !(longest > LONGEST_ROW)) return;
  const remedy = 'exact sums are of rows that were normalised; run the same release everywhere';
  throw protocolViolation('rows of k-means: length', 'at most 1', longest, remedy);
}

function rounderOf(exponent: number): number {
  return 1.5 * 2 ** (WHOLE_BITS - 1 - exponent);
}
