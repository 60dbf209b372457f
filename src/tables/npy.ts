/**
 * NumPy's file of one array, format 1.0: little-endian float32 in C order. Written here in a few
 * lines rather than by a package, since those there are take the whole array at once. The header
 * has a fixed length, so that it can be written again once the number of rows is known. Source:
 * the format's description in NumPy's documentation, numpy.lib.format.
 */
const MAGIC = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0]);
/**
 * Of all that precedes the data: a multiple of 64, as the format asks for, with room for any
 * shape.
 */
export const NPY_HEADER_BYTES = 128;

/** @returns NPY_HEADER_BYTES bytes that precede the elements of [rows, dim] */
export function npyHeader(rows: number, dim: number): Buffer {
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${dim}), }`;
  const length = NPY_HEADER_BYTES - MAGIC.length - 2;
  const header = Buffer.alloc(NPY_HEADER_BYTES, ' ');
  MAGIC.copy(header);
  header.writeUInt16LE(length, MAGIC.length);
  header.write(dictionary, MAGIC.length + 2, 'latin1');
  header[NPY_HEADER_BYTES - 1] = 0x0a;
  return header;
}

/**
 * Where the elements of such a file begin, and their shape.
 * @param head its first bytes, NPY_HEADER_BYTES or more
 * @returns null for anything but float32 of two dimensions in C order
 */
export function readNpyHeader(
  head: Buffer,
): { readonly begin: number; readonly rows: number; readonly dim: number } | null {
  if (!head.subarray(0, 6).equals(MAGIC.subarray(0, 6)) || head[6] !== 1) return null;
  const begin = MAGIC.length + 2 + head.readUInt16LE(MAGIC.length);
  const text = head.toString('latin1', MAGIC.length + 2, begin);
  const shape = /'shape': \((\d+), (\d+)\)/.exec(text);
  if (!/'descr': '<f4'/.test(text) || !/'fortran_order': False/.test(text)) return null;
  return shape === null ? null : { begin, rows: Number(shape[1]), dim: Number(shape[2]) };
}
