/**
 * bfloat16: the upper half of a float32, which keeps its range and 8 bits of significand. To
 * nearest even; what is finite stays so: beyond the largest value it is that value. Infinities and
 * NaN stay what they are. The bits of src/parameter-plane/native/codec.cc.
 */

/** @param bits of a float32 @returns the 16 bits */
export function toBfloat16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7fc0;
  if (magnitude === 0x7f80_0000) return sign | 0x7f80;
  const nearest = (magnitude + 0x7fff + ((magnitude >>> 16) & 1)) >>> 16;
  return sign | Math.min(nearest, 0x7f7f);
}

/** @returns the bits of a float32 */
export function ofBfloat16(half: number): number {
  return half << 16;
}
