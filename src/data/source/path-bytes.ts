/**
 * Names of files that need not be UTF-8. Inside the program a path is a string in which each byte
 * that is no UTF-8 is a lone surrogate, U+DC00 plus the byte (U+DC80 to U+DCFF), as Python's
 * `surrogateescape` has it. Bytes go to the file system, and people, messages and pages get the
 * escaped form; nothing else may leave the process.
 */
import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';

/** A lone surrogate that stands for a byte: under the `u` flag, halves of a pair do not match. */
const ESCAPED_BYTES = /[\u{DC80}-\u{DCFF}]/gu;
/** Any other lone surrogate: a string with one names no file. */
const STRAY_HALVES = /[\u{D800}-\u{DC7F}\u{DD00}-\u{DFFF}]/u;
/** Escaped bytes, and what would move a terminal's cursor or end a line. */
const UNSHOWABLE = /[\u{DC80}-\u{DCFF}\p{Cc}\u{2028}\u{2029}]/gu;

const ESCAPE_BASE = 0xdc00;

/**
 * Planes 15 and 16: a text would have to be of 130,000 private characters to leave no block of them
 * free.
 */
const PRIVATE = /[\u{F0000}-\u{10FFFF}]/gu;
const FIRST_PRIVATE = 0xf0000;

/** The text of some bytes; any bytes have one, and `bytesOf` gives them back. */
export function textFromBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  const parts: string[] = [];
  let begin = 0; // of the sound run that ends at `i`
  for (let i = 0; i < bytes.length;) {
    const length = sequenceLength(bytes, i);
    if (length > 0) {
      i += length;
      continue;
    }
    parts.push(bytes.toString('utf8', begin, i), String.fromCharCode(ESCAPE_BASE + bytes[i]!));
    begin = ++i;
  }
  parts.push(bytes.toString('utf8', begin));
  return parts.join('');
}

/** The bytes that a text stands for. */
export function bytesOf(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  let begin = 0;
  for (const { index } of text.matchAll(ESCAPED_BYTES)) {
    const byte = text.charCodeAt(index) - ESCAPE_BASE;
    parts.push(Buffer.from(text.slice(begin, index), 'utf8'), Buffer.of(byte));
    begin = index + 1;
  }
  parts.push(Buffer.from(text.slice(begin), 'utf8'));
  return Buffer.concat(parts);
}

/** Whether some bytes have this text: it has no lone surrogate but those that stand for bytes. */
export function standsForBytes(text: string): boolean {
  return text.isWellFormed() || !STRAY_HALVES.test(text);
}

/**
 * For people and for messages: `caf\xe9.jpg`. Control characters are escaped, too; all else is as
 * it is.
 */
export function shownPath(path: string): string {
  return path.replaceAll(UNSHOWABLE, (character) =>
    [...bytesOf(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

/** The file for the calls of `node:fs`: a string, or bytes where the path is not UTF-8. */
export function fileAt(root: string, path: string): string | Buffer {
  const file = join(root, path);
  return file.isWellFormed() ? file : bytesOf(file);
}

/**
 * Text for a library that only knows UTF-8: each escaped byte is a private character that the text
 * does not have, and `restore` makes it a byte again in any part of it.
 */
export function withStandIns(text: string): { text: string; restore: (part: string) => string } {
  if (text.isWellFormed()) return { text, restore: (part) => part };
  const taken = new Set<number>(); // blocks of 256 private characters
  for (const [character] of text.matchAll(PRIVATE)) taken.add(character.codePointAt(0)! >> 8);
  let block = FIRST_PRIVATE >> 8;
  while (taken.has(block)) block += 1;
  const toPrivate = (byte: string): string =>
    String.fromCodePoint((block << 8) + byte.charCodeAt(0) - ESCAPE_BASE);
  const toByte = (character: string): string => {
    const code = character.codePointAt(0)!;
    return code >> 8 === block ? String.fromCharCode(ESCAPE_BASE + (code & 0xff)) : character;
  };
  return {
    text: text.replaceAll(ESCAPED_BYTES, toPrivate),
    restore: (part) => part.replaceAll(PRIVATE, toByte),
  };
}

/** Bytes of the UTF-8 sequence that begins at `i` (Unicode 16, table 3-7), or 0 where none does. */
function sequenceLength(bytes: Buffer, i: number): number {
  const lead = bytes[i]!;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || i + length > bytes.length) return 0;
  return isUtf8(bytes.subarray(i, i + length)) ? length : 0;
}
