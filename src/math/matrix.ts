/**
 * Rows of matrices, which are flat and row-major: copied from place to place, and multiplied with
 * each other. The products of many rows with many rows, in float64, are the one dense kernel that
 * clustering and evaluation share; callers cut large problems into tiles that stay in cache.
 */

/**
 * The rows of `from` at some places, in that order; a place may come more than once.
 * @param from [n, dim] read only
 * @returns [places, dim]
 */
export function gatherRows(
  from: Float32Array,
  places: ArrayLike<number>,
  dim: number,
): Float32Array {
  const rows = new Float32Array(places.length * dim);
  for (let i = 0; i < places.length; i += 1) copyRow(from, places[i]!, rows, i, dim);
  return rows;
}

/**
 * Puts row i of `rows` at place i of `places`; where a place comes more than once, its last row
 * stays.
 * @param rows [places, dim] read only
 * @param into [n, dim] written
 */
export function scatterRows(
  rows: Float32Array,
  places: ArrayLike<number>,
  dim: number,
  into: Float32Array,
): void {
  for (let i = 0; i < places.length; i += 1) copyRow(rows, i, into, places[i]!, dim);
}

/** Row `at` of `from` becomes row `place` of `to`. */
export function copyRow<Rows extends Float32Array | Float64Array>(
  from: Rows,
  at: number,
  to: Rows,
  place: number,
  dim: number,
): void {
  to.set(from.subarray(at * dim, (at + 1) * dim), place * dim);
}

/** @returns the numbers of all parts, one behind the other, in a new array */
export function joined(parts: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  return joinedInto(new Float32Array(lengthOf(parts)), parts);
}

/** The same of whole numbers. */
export function joinedIntegers(parts: readonly Int32Array[]): Int32Array<ArrayBuffer> {
  return joinedInto(new Int32Array(lengthOf(parts)), parts);
}

function lengthOf(parts: readonly { readonly length: number }[]): number {
  return parts.reduce((total, { length }) => total + length, 0);
}

function joinedInto<Whole extends { set(part: ArrayLike<number>, at: number): void }>(
  whole: Whole,
  parts: readonly ArrayLike<number>[],
): Whole {
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The values at some places, in that order. */
export function gather(values: Int32Array, places: Int32Array): Int32Array {
  return places.map((place) => values[place]!);
}

/** Rows of a tile: 32 rows of 256 float64 are 64 KiB. */
export const TILE_ROWS = 32;

/**
 * out := A Bᵀ. Each product is one sum in the order of the columns, wherever its rows lie: the same
 * two rows give the same bits in any tile, so results never depend on how rows were cut into tiles
 * or data shards.
 * @param a [aRows, dim]
 * @param b [bRows, dim]
 * @param out [aRows, bRows], written; may be longer
 */
export function multiplyTransposed(
  a: Float64Array,
  aRows: number,
  b: Float64Array,
  bRows: number,
  dim: number,
  out: Float64Array,
): void {
  let i = 0;
  for (; i + 1 < aRows; i += 2) twoRows(a, i, b, bRows, dim, out);
  if (i < aRows) oneRow(a, i, 0, b, bRows, dim, out);
}

/**
 * Rows as float64: conversion once per tile instead of once per product.
 * @returns `into`, filled from its beginning
 */
export function widenRows(
  rows: Float32Array,
  begin: number,
  end: number,
  dim: number,
  into: Float64Array,
): Float64Array {
  const from = begin * dim;
  const length = end * dim - from;
  for (let i = 0; i < length; i += 1) into[i] = rows[from + i]!;
  return into;
}

/** Two rows by four: eight sums that do not wait for each other, six loads for eight products. */
function twoRows(
  a: Float64Array,
  i: number,
  b: Float64Array,
  bRows: number,
  dim: number,
  out: Float64Array,
): void {
  const a0 = i * dim;
  const a1 = a0 + dim;
  let k = 0;
  for (; k + 3 < bRows; k += 4) {
    const b0 = k * dim;
    const b1 = b0 + dim;
    const b2 = b1 + dim;
    const b3 = b2 + dim;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    let t0 = 0;
    let t1 = 0;
    let t2 = 0;
    let t3 = 0;
    for (let j = 0; j < dim; j += 1) {
      const x = a[a0 + j]!;
      const y = a[a1 + j]!;
      const v0 = b[b0 + j]!;
      const v1 = b[b1 + j]!;
      const v2 = b[b2 + j]!;
      const v3 = b[b3 + j]!;
      s0 += x * v0;
      t0 += y * v0;
      s1 += x * v1;
      t1 += y * v1;
      s2 += x * v2;
      t2 += y * v2;
      s3 += x * v3;
      t3 += y * v3;
    }
    const o = i * bRows + k;
    out[o] = s0;
    out[o + 1] = s1;
    out[o + 2] = s2;
    out[o + 3] = s3;
    out[o + bRows] = t0;
    out[o + bRows + 1] = t1;
    out[o + bRows + 2] = t2;
    out[o + bRows + 3] = t3;
  }
  oneRow(a, i, k, b, bRows, dim, out);
  oneRow(a, i + 1, k, b, bRows, dim, out);
}

/** What the blocks of two by four leave over: row i with the rows of B from `first` on. */
function oneRow(
  a: Float64Array,
  i: number,
  first: number,
  b: Float64Array,
  bRows: number,
  dim: number,
  out: Float64Array,
): void {
  const from = i * dim;
  for (let k = first; k < bRows; k += 1) {
    const other = k * dim;
    let sum = 0;
    for (let j = 0; j < dim; j += 1) sum += a[from + j]! * b[other + j]!;
    out[i * bRows + k] = sum;
  }
}
