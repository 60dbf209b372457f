/** ZIP archives by hand: members stored, as torch.save has them, with what a test wants otherwise. */
import { crc32 } from 'node:zlib';

export interface ZipOptions {
  /** Of the members; 8 says that they are compressed. */
  readonly method?: number;
  /** Sizes and offsets as 64-bit numbers in the extra field alone. */
  readonly isWide?: boolean;
}

/** @param members texts have a byte a character */
export function zipOf(
  members: Readonly<Record<string, Uint8Array | string>>,
  { method = 0, isWide = false }: ZipOptions = {},
): Buffer {
  const parts: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = 0;
  const add = (...pieces: Buffer[]): void => {
    parts.push(...pieces);
    for (const { length } of pieces) at += length;
  };
  for (const [name, content] of Object.entries(members)) {
    const path = Buffer.from(name);
    const bytes =
      typeof content === 'string' ? Buffer.from(content, 'latin1') : Buffer.from(content);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(path.length, 26);
    entries.push(entryOf(path, bytes, at, method, isWide));
    add(local, path, bytes);
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, directory, end]);
}

function entryOf(path: Buffer, bytes: Buffer, at: number, method: number, isWide: boolean): Buffer {
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(method, 10);
  entry.writeUInt32LE(crc32(bytes), 16);
  const numbers = [bytes.length, bytes.length, at] as const;
  [24, 20, 42].forEach((place, i) => {
    entry.writeUInt32LE(isWide ? 0xffff_ffff : numbers[i]!, place);
  });
  entry.writeUInt16LE(path.length, 28);
  const extra = Buffer.alloc(isWide ? 4 + 5 + 4 + 24 : 0);
  if (isWide) {
    // Another field lies before it.
    extra.writeUInt16LE(0x4246, 0);
    extra.writeUInt16LE(5, 2);
    extra.writeUInt16LE(1, 9);
    extra.writeUInt16LE(24, 11);
    numbers.forEach((value, i) => extra.writeBigUInt64LE(BigInt(value), 13 + 8 * i));
  }
  entry.writeUInt16LE(extra.length, 30);
  return Buffer.concat([entry, path, extra]);
}
