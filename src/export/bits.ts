/** Arrays as bytes. */

/** The bytes of an array, a view. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Whether two arrays are the same to the bit. */
export function isSameData(got: ArrayBufferView | undefined, expected: ArrayBufferView): boolean {
  if (got?.byteLength !== expected.byteLength) return false;
  return bytesOf(got).equals(bytesOf(expected));
}
