/**
 * Members of a ZIP archive as views of its bytes, read from its central directory; only what
 * `torch.save` writes: members that are stored, not compressed, and the 64-bit records. Source:
 * PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3.
 */
import { crc32 } from 'node:zlib';
import type { Refuse } from './values.ts';

export type ZipMembers = ReadonlyMap<string, Uint8Array>;

/** Whether bytes begin as an archive does. */
export function isZip(bytes: Uint8Array): boolean {
  return LOCAL_MAGIC.every((byte, i) => bytes[i] === byte);
}

/**
 * Every member by name; each is checked to lie within the file and to have the CRC-32 that the
 * directory says.
 * @returns views of `bytes`
 * @throws the refusal, of an archive that is cut off, damaged or compressed
 */
export function readZip(bytes: Uint8Array, refuse: Refuse): ZipMembers {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { begin, end, count } = findDirectory(file, refuse);
  const members = new Map<string, Uint8Array>();
  let at = begin;
  for (let i = 0; i < count; i += 1) {
    if (at + HEADER_BYTES > end || file.readUInt32LE(at) !== HEADER)
      throw refuse(`entry ${i} of ${count} in the archive's directory is damaged`);
    const entry = readEntry(file, at, refuse);
    if (entry.next > end) throw refuse("the archive's directory is cut off");
    if (members.has(entry.name)) throw refuse(`${entry.name} is twice in the archive`);
    members.set(entry.name, contentOf(file, entry, refuse));
    at = entry.next;
  }
  return members;
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly isEncrypted: boolean;
  readonly crc: number;
  /** Bytes as they lie in the file, and unpacked. */
  readonly stored: number;
  readonly size: number;
  /** Of the member's own header. */
  readonly local: number;
  /** Offset of the next entry. */
  readonly next: number;
}

const LOCAL_MAGIC = [0x50, 0x4b, 0x03, 0x04];
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
const HEADER = 0x02014b50;
const HEADER_BYTES = 46;
const END = 0x06054b50;
const END_BYTES = 22;
const END_64 = 0x06064b50;
const END_64_BYTES = 56;
const LOCATOR_64 = 0x07064b50;
const LOCATOR_64_BYTES = 20;
const MAX_COMMENT = 0xffff;
/** In place of a number that an extra field has in 64 bits. */
const ELSEWHERE = 0xffff_ffff;
const EXTRA_64 = 1;

/** Range of the central directory and the number of its entries. */
function findDirectory(
  file: Buffer,
  refuse: Refuse,
): { begin: number; end: number; count: number } {
  const cut = (): Error => refuse("it ends without an archive's directory: it is cut off");
  const least = Math.max(0, file.length - END_BYTES - MAX_COMMENT);
  let end = file.length - END_BYTES;
  while (end >= least && file.readUInt32LE(end) !== END) end -= 1;
  if (end < least) throw cut();
  let count = file.readUInt16LE(end + 10);
  let size = file.readUInt32LE(end + 12);
  let begin = file.readUInt32LE(end + 16);
  const locator = end - LOCATOR_64_BYTES;
  if (locator >= 0 && file.readUInt32LE(locator) === LOCATOR_64) {
    const at = Number(file.readBigUInt64LE(locator + 8));
    if (at + END_64_BYTES > locator || file.readUInt32LE(at) !== END_64) throw cut();
    count = Number(file.readBigUInt64LE(at + 32));
    size = Number(file.readBigUInt64LE(at + 40));
    begin = Number(file.readBigUInt64LE(at + 48));
  }
  if (begin + size > end || count * HEADER_BYTES > size) throw cut();
  return { begin, end: begin + size, count };
}

/** The entry at an offset where its fixed part fits. */
function readEntry(file: Buffer, at: number, refuse: Refuse): Entry {
  const nameEnd = at + HEADER_BYTES + file.readUInt16LE(at + 28);
  const extraEnd = nameEnd + file.readUInt16LE(at + 30);
  const next = extraEnd + file.readUInt16LE(at + 32);
  if (next > file.length) throw refuse("the archive's directory is cut off");
  const fields = [
    file.readUInt32LE(at + 24),
    file.readUInt32LE(at + 20),
    file.readUInt32LE(at + 42),
  ];
  const wide = wideNumbers(file.subarray(nameEnd, extraEnd));
  // The extra field has, in this order, those that did not fit.
  const [size, stored, local] = fields.map((value) =>
    value === ELSEWHERE ? (wide.shift() ?? value) : value,
  ) as [number, number, number];
  return {
    name: file.toString('utf8', at + HEADER_BYTES, nameEnd),
    isEncrypted: (file.readUInt16LE(at + 8) & 1) === 1,
    method: file.readUInt16LE(at + 10),
    crc: file.readUInt32LE(at + 16),
    ...{ stored, size, local, next },
  };
}

function wideNumbers(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length;) {
    const length = extra.readUInt16LE(at + 2);
    const field = extra.subarray(at + 4, at + 4 + length);
    if (extra.readUInt16LE(at) === EXTRA_64) {
      const count = Math.floor(field.length / 8);
      return Array.from({ length: count }, (_, i) => Number(field.readBigUInt64LE(8 * i)));
    }
    at += 4 + length;
  }
  return [];
}

function contentOf(file: Buffer, entry: Entry, refuse: Refuse): Uint8Array {
  const { name, method, isEncrypted, crc, stored, size, local } = entry;
  if (method !== 0 || isEncrypted)
    throw refuse(`${name} is compressed or encrypted, which torch.save does not do; save it again`);
  if (local + LOCAL_BYTES > file.length || file.readUInt32LE(local) !== LOCAL)
    throw refuse(`${name} is not where the archive's directory says`);
  const begin = local + LOCAL_BYTES + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
  if (stored !== size || begin + size > file.length) throw refuse(`${name} is cut off`);
  const content = file.subarray(begin, begin + size);
  if (crc32(content) !== crc) throw refuse(`${name} does not match its CRC-32: it is damaged`);
  return content;
}
