/**
 * float16 of IEEE 754: 11 bits of significand, from 2^-24 (denormal) to 65504. To nearest even;
 * what is finite stays so: beyond 65504 it is 65504. Infinities and NaN stay what they are. The
 * bits of src/parameter-plane/native/codec.cc.
 */

/** Floats from 2^23 on are 1 apart: what is added to it is rounded to an integer. */
const ROUNDER = 2 ** 23;

const [word, value] = (() => {
  const buffer = new ArrayBuffer(4);
  return [new Uint32Array(buffer), new Float32Array(buffer)] as const;
})();

/** @param bits of a float32 @returns the 16 bits */
export function toFloat16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00;
  if (magnitude === 0x7f80_0000) return sign | 0x7c00;
  // 65520, from which on the nearest would be 65536.
  if (magnitude >= 0x477f_f000) return sign | 0x7bff;
  if (magnitude < 0x3880_0000) {
    word[0] = magnitude;
    return sign | (Math.fround(value[0]! * 2 ** 24 + ROUNDER) - ROUNDER);
  }
  return sign | ((magnitude - 0x3800_0000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** @returns the bits of a float32 */
export function ofFloat16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) return sign | 0x7f80_0000 | (magnitude << 13);
  if (magnitude >= 0x400) return sign | ((magnitude << 13) + 0x3800_0000);
  value[0] = magnitude * 2 ** -24;
  return sign | word[0]!;
}
