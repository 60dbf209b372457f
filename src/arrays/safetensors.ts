/**
 * Named arrays as safetensors bytes: the length of a JSON header as u64, the header, then the
 * arrays' elements. All numbers are little-endian, as is every machine that the tensor engines run
 * on. Used for checkpoints, and on the wire as the form of a bundle of arrays. Source: the format's
 * description at huggingface.co/docs/safetensors; the decoder is as strict as it.
 */
import { z } from 'zod';
import { TrainerError, messageOf, protocolViolation, shapeMismatch } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { firstIssue } from '../messages/schema-issue.ts';

export type ArrayData = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

export interface NamedArray {
  readonly data: ArrayData;
  /** Row-major; its product is the number of elements, and [] a single one. */
  readonly shape: readonly number[];
}

export type NamedArrays = Readonly<Record<string, NamedArray>>;

export interface DecodedArrays {
  /** Has no prototype: a name that is not there is undefined, whatever it is. */
  readonly arrays: NamedArrays;
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Types, by name, of arrays that this program has no type for, where the context takes them; they
   * are left out.
   */
  readonly others: ReadonlyMap<string, string>;
}

/** What the bytes are, for the words of an error, and the code it has. */
export interface DecodeContext {
  readonly what: string;
  readonly code: ErrorCode;
  /**
   * Whether arrays of other types may be among them: files of others have counts in I64, for
   * instance. Left out: no.
   */
  readonly takesOthers?: boolean;
}

/** The whole file in one piece; see {@link safetensorsChunks} for one without a copy. */
export function encodeSafetensors(
  arrays: NamedArrays,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const chunks = safetensorsChunks(arrays, metadata);
  const bytes = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/**
 * The file as consecutive pieces: the header, then views of the arrays themselves, the widest
 * elements first and then by name. Every array so begins at a multiple of its element size, and
 * equal content is equal bytes.
 * @throws TrainerError SHAPE_MISMATCH, and PROTOCOL_VIOLATION for a name that the format reserves
 */
export function safetensorsChunks(
  arrays: NamedArrays,
  metadata: Readonly<Record<string, string>> = {},
): readonly Uint8Array[] {
  const entries = Object.entries(arrays).sort(byWidthThenName);
  const header: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  if (Object.keys(metadata).length > 0) header[METADATA] = metadata;
  let end = 0;
  for (const [name, { data, shape }] of entries) {
    if (isReserved(name)) {
      throw protocolViolation('name of an array', 'none that is reserved', name, 'rename it');
    }
    if (!isShape(shape) || product(shape) !== data.length)
      throw shapeMismatch(`array ${name}`, shape, [data.length]);
    const begin = end;
    end += data.byteLength;
    header[name] = { dtype: dtypeOf(data), shape, data_offsets: [begin, end] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const head = Buffer.alloc(LENGTH_BYTES + padded, ' ');
  head.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(head, LENGTH_BYTES);
  return [head, ...entries.map(([, { data }]) => bytesOf(data))];
}

/**
 * The arrays of a file, each checked before memory is taken for it. An array that lies aligned is a
 * view of `bytes`, another one a copy: leave `bytes` as they are while the arrays are used.
 * @throws TrainerError CHECKPOINT_CORRUPT, or the code of `context`, for anything but a well-formed
 *   file without gaps
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  context: DecodeContext = { what: 'safetensors', code: 'CHECKPOINT_CORRUPT' },
): DecodedArrays {
  const refuse: Refuse = (problem, cause) =>
    new TrainerError(context.code, `${context.what}: ${problem}`, { problem }, { cause });
  const takesOthers = context.takesOthers === true;
  const { specs, metadata, dataBegin } = readHeader(bytes, takesOthers, refuse);
  requireCovered(specs, bytes.length - dataBegin, refuse);
  const arrays = Object.create(null) as Record<string, NamedArray>;
  const others = new Map<string, string>();
  for (const { name, dtype, shape, begin, end } of specs) {
    if (!isOwn(dtype)) {
      others.set(name, dtype);
      continue;
    }
    arrays[name] = {
      data: arrayOf(dtype, bytes.subarray(dataBegin + begin, dataBegin + end)),
      shape,
    };
  }
  return { arrays, metadata, others };
}

type Refuse = (problem: string, cause?: unknown) => TrainerError;
type Dtype = 'F64' | 'F32' | 'I32' | 'U32' | 'U8';
type OtherDtype = keyof typeof OTHER_WIDTHS;

interface ArrayType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayData;
}

interface ArraySpec {
  readonly name: string;
  readonly dtype: Dtype | OtherDtype;
  readonly shape: readonly number[];
  /** Of the data that follows the header. */
  readonly begin: number;
  readonly end: number;
}

const ARRAY_TYPES: Readonly<Record<Dtype, ArrayType>> = {
  F64: Float64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  U8: Uint8Array,
};

/** Bytes of an element, of the format's types that are none of ours. */
const OTHER_WIDTHS = {
  ...{ BOOL: 1, I8: 1, F8_E4M3: 1, F8_E5M2: 1 },
  ...{ I16: 2, U16: 2, F16: 2, BF16: 2 },
  ...{ I64: 8, U64: 8 },
} as const;

const METADATA = '__metadata__';
const LENGTH_BYTES = 8;
const ALIGNMENT = 8;
/** Tens of thousands of arrays; a longer header is refused before it is parsed. */
const MAX_HEADER_BYTES = 8 * 1024 * 1024;

const specSchema = z.strictObject({
  dtype: z.enum(['F64', 'F32', 'I32', 'U32', 'U8']),
  shape: z.array(z.int().min(0)).max(32),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});

const anySpecSchema = specSchema.extend({
  dtype: z.enum([
    ...specSchema.shape.dtype.options,
    ...(Object.keys(OTHER_WIDTHS) as OtherDtype[]),
  ]),
});

const metadataSchema = z.record(z.string(), z.string());

function readHeader(
  bytes: Uint8Array,
  takesOthers: boolean,
  refuse: Refuse,
): { specs: ArraySpec[]; metadata: Record<string, string>; dataBegin: number } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < LENGTH_BYTES)
    throw refuse(`ends after ${buffer.length} bytes, in its length`);
  const length = buffer.readBigUInt64LE(0);
  const limit = Math.min(MAX_HEADER_BYTES, buffer.length - LENGTH_BYTES);
  if (length > limit) throw refuse(`header of ${length} bytes, at most ${limit} can be`);
  const dataBegin = LENGTH_BYTES + Number(length);
  const header = parseObject(buffer.subarray(LENGTH_BYTES, dataBegin), refuse);
  const specs: ArraySpec[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) metadata = readForm(metadataSchema, name, value, refuse);
    else specs.push(readSpec(name, value, takesOthers ? anySpecSchema : specSchema, refuse));
  }
  return { specs, metadata, dataBegin };
}

function parseObject(json: Uint8Array, refuse: Refuse): object {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (cause) {
    throw refuse(`header is not JSON: ${messageOf(cause)}`, cause);
  }
  if (typeof header === 'object' && header !== null && !Array.isArray(header)) return header;
  throw refuse('header is not a JSON object');
}

function readSpec(
  name: string,
  value: unknown,
  schema: typeof specSchema | typeof anySpecSchema,
  refuse: Refuse,
): ArraySpec {
  if (isReserved(name)) throw refuse(`array has the reserved name ${name}`);
  const { dtype, shape, data_offsets } = readForm<z.infer<typeof anySpecSchema>>(
    schema,
    name,
    value,
    refuse,
  );
  const [begin, end] = data_offsets;
  const expected = product(shape) * widthOf(dtype);
  if (end - begin !== expected) {
    const form = `${dtype} [${shape.join(', ')}]`;
    throw refuse(`array ${name}: ${form} takes ${expected} bytes, has ${end - begin}`);
  }
  return { name, dtype, shape, begin, end };
}

function readForm<T>(schema: z.ZodType<T>, name: string, value: unknown, refuse: Refuse): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw refuse(`header ${firstIssue(parsed.error, [name])}`);
}

/**
 * Every byte of the data belongs to exactly one array: nothing overlaps, nothing is hidden, nothing
 * is cut off.
 */
function requireCovered(specs: readonly ArraySpec[], bytes: number, refuse: Refuse): void {
  let covered = 0;
  for (const { name, begin, end } of specs.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) throw refuse(`array ${name} begins at ${begin}, expected ${covered}`);
    covered = end;
  }
  if (covered !== bytes) throw refuse(`arrays take ${covered} bytes, the file holds ${bytes}`);
}

function isOwn(dtype: Dtype | OtherDtype): dtype is Dtype {
  return dtype in ARRAY_TYPES;
}

function widthOf(dtype: Dtype | OtherDtype): number {
  return isOwn(dtype) ? ARRAY_TYPES[dtype].BYTES_PER_ELEMENT : OTHER_WIDTHS[dtype];
}

function arrayOf(dtype: Dtype, bytes: Uint8Array): ArrayData {
  const Type = ARRAY_TYPES[dtype];
  const isAligned = bytes.byteOffset % Type.BYTES_PER_ELEMENT === 0;
  const { buffer, byteOffset } = isAligned ? bytes : new Uint8Array(bytes);
  return new Type(buffer, byteOffset, bytes.length / Type.BYTES_PER_ELEMENT);
}

function dtypeOf(data: ArrayData): Dtype {
  if (data instanceof Float64Array) return 'F64';
  if (data instanceof Float32Array) return 'F32';
  if (data instanceof Int32Array) return 'I32';
  if (data instanceof Uint32Array) return 'U32';
  return 'U8';
}

function bytesOf(data: ArrayData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function byWidthThenName(
  [nameA, { data: a }]: [string, NamedArray],
  [nameB, { data: b }]: [string, NamedArray],
): number {
  return b.BYTES_PER_ELEMENT - a.BYTES_PER_ELEMENT || (nameA < nameB ? -1 : 1);
}

/** `__metadata__` is the format's; `__proto__` would be no entry of an object but its prototype. */
function isReserved(name: string): boolean {
  return name === METADATA || name === '__proto__';
}

function isShape(shape: readonly number[]): boolean {
  return shape.every((side) => Number.isSafeInteger(side) && side >= 0);
}

function product(shape: readonly number[]): number {
  return shape.reduce((total, side) => total * side, 1);
}
