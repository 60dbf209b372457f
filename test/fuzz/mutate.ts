/**
 * Inputs for decoders: bytes, text and values that are nearly valid, or not at all. Everything is drawn from the generator that
 * is handed in, so that a case comes again from its seed. Nothing here knows a format; the targets do.
 */
import type { Rng } from '../../src/math/rng.ts';

/** One of several, each as likely. */
export function pick<T>(rng: Rng, from: readonly T[]): T {
  return from[rng.integer(from.length)]!;
}

/** True once in `n` times. */
export function once(rng: Rng, n: number): boolean {
  return rng.integer(n) === 0;
}

/** Up to `most` bytes; lengths are drawn so that short ones are as likely as long ones. */
export function randomBytes(rng: Rng, most: number): Buffer {
  const bytes = Buffer.alloc(rng.integer(1 + rng.integer(most + 1)));
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = rng.uint32();
  return bytes;
}

/**
 * A seed with one to eight things wrong with it: bits, lengths, cuts, repeats, pieces of another seed.
 * @param others seeds of the same format, from which pieces are taken
 * @param most bytes of the result
 */
export function mutateBytes(
  rng: Rng,
  seed: Uint8Array,
  others: readonly Uint8Array[],
  most: number,
): Buffer {
  let bytes: Buffer = Buffer.from(seed);
  for (let count = 1 + rng.integer(1 + rng.integer(8)); count > 0; count -= 1) {
    bytes = pick(rng, BYTE_CHANGES)(rng, bytes, others);
    if (bytes.length > most) bytes = bytes.subarray(0, most);
  }
  return bytes;
}

/**
 * The same for text: characters, cuts, repeats and nesting, and words that mean something to a reader of the format.
 * @param words of the format and of those that parsers stumble over
 */
export function mutateText(
  rng: Rng,
  seed: string,
  others: readonly string[],
  words: readonly string[],
  most: number,
): string {
  let text = seed;
  for (let count = 1 + rng.integer(1 + rng.integer(8)); count > 0; count -= 1) {
    text = pick(rng, TEXT_CHANGES)(rng, text, others, words).slice(0, most);
  }
  return text;
}

/**
 * A copy of plain data (objects, arrays, numbers, texts, bytes) in which a few leaves, entries or fields are others.
 * @param numbers what numbers become, besides the usual edges
 */
export function mutateValue<T>(rng: Rng, value: T, numbers: readonly number[] = []): T {
  const copy = structuredClone({ value });
  for (let count = 1 + rng.integer(3); count > 0; count -= 1) changeSomewhere(rng, copy, numbers);
  return copy.value;
}

/** Words that no format takes kindly to. */
export const AWKWARD_WORDS: readonly string[] = [
  '__proto__',
  'constructor',
  'toString',
  '\0',
  '\u{FEFF}',
  '\u{2028}',
  '\uD800',
  '../',
  '/etc/passwd',
  '..',
  '-0',
  '1e999',
  'NaN',
  '9007199254740993',
  '18446744073709551616',
  'null',
  '""',
  '\r\n',
  '\t',
  '\u001b[31m',
];

const EDGES: readonly number[] = [
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  16,
  127,
  128,
  255,
  256,
  65_535,
  65_536,
  2 ** 20,
  2 ** 24,
  2 ** 28,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];

type ByteChange = (rng: Rng, bytes: Buffer, others: readonly Uint8Array[]) => Buffer;

const BYTE_CHANGES: readonly ByteChange[] = [
  function flipBit(rng, bytes) {
    if (bytes.length > 0) bytes[rng.integer(bytes.length)]! ^= 1 << rng.integer(8);
    return bytes;
  },
  function setByte(rng, bytes) {
    if (bytes.length > 0) bytes[rng.integer(bytes.length)] = rng.uint32();
    return bytes;
  },
  function setEdgeByte(rng, bytes) {
    if (bytes.length > 0) bytes[rng.integer(bytes.length)] = pick(rng, [0, 1, 0x7f, 0x80, 0xff]);
    return bytes;
  },
  function setNumber(rng, bytes) {
    const width = pick(rng, [2, 4, 8]);
    if (bytes.length < width) return bytes;
    const at = rng.integer(bytes.length - width + 1);
    const value = BigInt(pick(rng, [...EDGES, bytes.length, bytes.length + 1]));
    const field = Buffer.alloc(8);
    const isLittle = once(rng, 2);
    if (isLittle) field.writeBigUInt64LE(value);
    else field.writeBigUInt64BE(value);
    field.copy(bytes, at, isLittle ? 0 : 8 - width, isLittle ? width : 8);
    return bytes;
  },
  function addToByte(rng, bytes) {
    if (bytes.length > 0) bytes[rng.integer(bytes.length)]! += 1 + rng.integer(8);
    return bytes;
  },
  function cut(rng, bytes) {
    return bytes.subarray(0, rng.integer(bytes.length + 1));
  },
  function leaveOut(rng, bytes) {
    const [begin, end] = rangeIn(rng, bytes.length);
    return Buffer.concat([bytes.subarray(0, begin), bytes.subarray(end)]);
  },
  function repeat(rng, bytes) {
    const [begin, end] = rangeIn(rng, bytes.length);
    const times = once(rng, 8) ? 64 : 2;
    const part = bytes.subarray(begin, end);
    return Buffer.concat([
      bytes.subarray(0, begin),
      ...new Array<Buffer>(times).fill(part),
      bytes.subarray(end),
    ]);
  },
  function insert(rng, bytes) {
    const at = rng.integer(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), randomBytes(rng, 32), bytes.subarray(at)]);
  },
  function splice(rng, bytes, others) {
    if (others.length === 0) return bytes;
    const other = pick(rng, others);
    const [begin, end] = rangeIn(rng, other.length);
    const at = rng.integer(bytes.length + 1);
    const rest = once(rng, 2) ? bytes.subarray(at) : bytes.subarray(0, 0);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(begin, end), rest]);
  },
];

/** What structures text in one format or another, and white space. */
const PUNCTUATION: readonly string[] = Array.from('{}[]()<>:,;"\'\\/#&*!|%@`-?=. \n\t');

type TextChange = (
  rng: Rng,
  text: string,
  others: readonly string[],
  words: readonly string[],
) => string;

const NUMBER = /-?\d+(?:\.\d+)?/g;

const TEXT_CHANGES: readonly TextChange[] = [
  function setCharacter(rng, text) {
    return put(text, rng.integer(text.length + 1), 1, String.fromCharCode(rng.integer(0x250)));
  },
  function setPunctuation(rng, text) {
    const mark = pick(rng, PUNCTUATION);
    return put(text, rng.integer(text.length + 1), rng.integer(2), mark);
  },
  function insertWord(rng, text, _others, words) {
    return put(text, rng.integer(text.length + 1), 0, pick(rng, words));
  },
  function replaceByWord(rng, text, _others, words) {
    const [begin, end] = rangeIn(rng, text.length);
    return put(text, begin, Math.min(end - begin, 24), pick(rng, words));
  },
  function setNumber(rng, text) {
    const found = [...text.matchAll(NUMBER)];
    if (found.length === 0) return text;
    const { index, 0: digits } = pick(rng, found);
    const value = pick(rng, ['-1', '0.5', '1e300', '-0', '1e999', ...EDGES.map(String)]);
    return put(text, index, digits.length, value);
  },
  function cut(rng, text) {
    return text.slice(0, rng.integer(text.length + 1));
  },
  function leaveOut(rng, text) {
    const [begin, end] = rangeIn(rng, text.length);
    return put(text, begin, end - begin, '');
  },
  function repeat(rng, text) {
    const [begin, end] = rangeIn(rng, text.length);
    return put(text, begin, 0, text.slice(begin, end).repeat(once(rng, 8) ? 64 : 1));
  },
  function nest(rng, text) {
    const [open, close] = pick(rng, [
      ['[', ']'],
      ['{"a":', '}'],
      ['(', ')'],
      ['- ', ''],
    ] as const);
    const depth = once(rng, 4) ? 4_000 : 1 + rng.integer(40);
    const [begin, end] = rangeIn(rng, text.length);
    const inside = open.repeat(depth) + text.slice(begin, end);
    return put(text, begin, end - begin, inside + (once(rng, 3) ? '' : close.repeat(depth)));
  },
  function splice(rng, text, others) {
    if (others.length === 0) return text;
    const other = pick(rng, others);
    const [begin, end] = rangeIn(rng, other.length);
    return put(text, rng.integer(text.length + 1), 0, other.slice(begin, end));
  },
  function swapLines(rng, text) {
    const lines = text.split('\n');
    const [a, b] = [rng.integer(lines.length), rng.integer(lines.length)];
    [lines[a], lines[b]] = [lines[b]!, lines[a]!];
    return lines.join('\n');
  },
];

/** begin <= end <= length; short ranges are as likely as long ones. */
function rangeIn(rng: Rng, length: number): [number, number] {
  const begin = rng.integer(length + 1);
  const most = 1 + rng.integer(length - begin + 1);
  return [begin, begin + rng.integer(most)];
}

function put(text: string, at: number, removed: number, added: string): string {
  return text.slice(0, at) + added + text.slice(at + removed);
}

function changeSomewhere(rng: Rng, root: { value: unknown }, numbers: readonly number[]): void {
  let holder: Record<string, unknown> = root;
  let key = 'value';
  for (;;) {
    const value = holder[key];
    const isInner = typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
    const keys = isInner ? Object.keys(value) : [];
    if (keys.length === 0 || (key !== 'value' && once(rng, 6))) break;
    holder = value as Record<string, unknown>;
    key = pick(rng, keys);
  }
  if (Array.isArray(holder) && once(rng, 2)) changeEntries(rng, holder, Number(key));
  else if (once(rng, 8) && key !== 'value') Reflect.deleteProperty(holder, key);
  else holder[key] = otherThan(rng, holder[key], numbers);
}

function changeEntries(rng: Rng, list: unknown[], at: number): void {
  if (once(rng, 2)) list.splice(at, 1);
  else list.splice(at, 0, ...new Array<unknown>(once(rng, 8) ? 100 : 1).fill(list[at]));
}

function otherThan(rng: Rng, value: unknown, numbers: readonly number[]): unknown {
  if (typeof value === 'number') {
    return pick(rng, [value + 1, value - 1, -value, -1, 0.5, NaN, Infinity, ...numbers, ...EDGES]);
  }
  if (typeof value === 'string') {
    return pick(rng, ['', `${value}x`, value.slice(1), 'x'.repeat(300), ...AWKWARD_WORDS]);
  }
  if (typeof value === 'boolean') return !value;
  if (value instanceof Uint8Array) return mutateBytes(rng, value, [], 1 << 16);
  return pick(rng, [null, 0, '', [], {}]);
}
