/**
 * The codecs of the parameter exchange as one would write them for one number, or one block, in
 * float64 and without bits; nothing is shared with src/ps/codec. Finite numbers only.
 */
import type { ParameterLayout } from '../../../src/ps/layout.ts';

export type LossyName = 'bfloat16' | 'float16' | 'int8';

/** To nearest even, of a quotient that is far below 2^52. */
function nearestEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** @param bits of significand @param least exponent of the smallest regular number */
function ofBits(value: number, bits: number, least: number, most: number): number {
  if (value === 0) return value;
  // The logarithm is rounded: it may be one too high or too low.
  let exponent = Math.max(least, Math.floor(Math.log2(Math.abs(value))) - 1);
  while (2 ** (exponent + 1) <= Math.abs(value)) exponent += 1;
  const unit = 2 ** (exponent - bits + 1);
  const rounded = unit * nearestEven(Math.abs(value) / unit);
  return Math.sign(value) * Math.min(rounded, most);
}

function ofScale(block: readonly number[]): number[] {
  const largest = Math.max(...block.map(Math.abs));
  if (largest < 2 ** -100) return block.map(() => 0);
  const scaled = Math.fround(largest / 127);
  const unit = 2 ** (Math.floor(Math.log2(scaled)) - 15);
  const scale = unit * Math.floor(scaled / unit);
  return block.map((value) => nearestEven(Math.fround(value / scale)) * scale + 0);
}

/** @param values of one variable, or a part of it that begins with a block */
export function plainRounded(values: readonly number[], codec: LossyName): number[] {
  if (codec === 'bfloat16') {
    return values.map((value) => ofBits(value, 8, -126, (2 - 2 ** -7) * 2 ** 127));
  }
  if (codec === 'float16') return values.map((value) => ofBits(value, 11, -14, 65504));
  const blocks = Array.from({ length: Math.ceil(values.length / 256) }, (_, i) =>
    ofScale(values.slice(256 * i, 256 * (i + 1))),
  );
  return blocks.flat();
}

/** A flat vector: matrices of at least 2048 elements are rounded, by variable. */
export function plainRoundedVector(
  values: Float32Array,
  { variables }: ParameterLayout,
  codec: LossyName,
): Float32Array {
  const rounded = values.slice();
  for (const { offset, size, shape } of variables) {
    if (shape.length < 2 || size < 2048) continue;
    rounded.set(plainRounded([...values.subarray(offset, offset + size)], codec), offset);
  }
  return rounded;
}
