/**
 * The scan of a block of scores, in WebAssembly: each row's maximum, and which groups of GROUP
 * scores hold one that may be the true maximum, given the error of the scores. A block is copied
 * here while it is hot in the cache; the memory is of this module's own, so that it serves every
 * engine. Two forms of scores: float32, from which each column's bias is yet to be subtracted; and
 * bfloat16 in pairs, of which positive ones are compared as 16-bit integers: of positive floats the
 * order of the bits is that of the numbers.
 */
import {
  advance,
  assembleModule,
  f32x4,
  i32,
  local,
  range,
  repeat,
  v128,
  type Code,
  type Repeated,
  type WasmFunction,
} from '../../assembly/assembler.ts';

/** Columns that are looked at together. */
export const GROUP = 16;
/** Rows of a block, and columns of one: 4 MiB of float32. */
export const BLOCK_ROWS = 1024;
export const BLOCK_COLUMNS = 1024;

/** Scores of rows with a tile of centroids; rows x columns, columns a multiple of GROUP. */
export interface ScoreBlock {
  readonly rows: number;
  readonly columns: number;
  /** float32, or two bfloat16 in an int32. */
  readonly values: Float32Array | Int32Array;
}

/** Bytes of a page of WebAssembly's memory. */
const PAGE = 65_536;
/** Where in memory what lies; the block is last. */
const END = 0;
const FACTOR = 16;
const MAXIMA = 64;
const WINDOWS = MAXIMA + 4 * BLOCK_ROWS;
const BIAS = WINDOWS + 4 * BLOCK_ROWS;
const LIST = BIAS + 4 * BLOCK_COLUMNS;
const BLOCK = LIST + 4 * BLOCK_ROWS * (BLOCK_COLUMNS / GROUP);
const MEMORY_PAGES = Math.ceil((BLOCK + 4 * BLOCK_ROWS * BLOCK_COLUMNS) / PAGE);

type Scan = (
  block: number,
  rows: number,
  groups: number,
  maxima: number,
  windows: number,
  bias: number,
  list: number,
) => void;

/** A scanner of blocks; it keeps the maxima of one block's rows from tile to tile of centroids. */
export class ScoreScanner {
  /** [BLOCK_ROWS] the greatest score of each row so far: float32. */
  readonly maxima: Float32Array;
  /** [BLOCK_ROWS] how far below the maximum a true maximum may lie, besides the relative part. */
  readonly windows: Float32Array;
  /** [BLOCK_COLUMNS] subtracted from float32 scores. */
  readonly bias: Float32Array;
  readonly #list: Int32Array;
  readonly #header: Int32Array;
  readonly #factor: Float32Array;
  readonly #floats: Float32Array;
  readonly #ints: Int32Array;
  readonly #scanFloats: Scan;
  readonly #scanBfloat16: Scan;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES });
    const code = assembleModule([scanCode('floats', FLOATS), scanCode('bfloat16', BFLOAT16)]);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } });
    this.#scanFloats = exports['floats'] as Scan;
    this.#scanBfloat16 = exports['bfloat16'] as Scan;
    const { buffer } = memory;
    this.#header = new Int32Array(buffer, END, 1);
    this.#factor = new Float32Array(buffer, FACTOR, 1);
    this.maxima = new Float32Array(buffer, MAXIMA, BLOCK_ROWS);
    this.windows = new Float32Array(buffer, WINDOWS, BLOCK_ROWS);
    this.bias = new Float32Array(buffer, BIAS, BLOCK_COLUMNS);
    this.#list = new Int32Array(buffer, LIST, (BLOCK - LIST) / 4);
    this.#floats = new Float32Array(buffer, BLOCK, BLOCK_ROWS * BLOCK_COLUMNS);
    this.#ints = new Int32Array(buffer, BLOCK, BLOCK_ROWS * BLOCK_COLUMNS);
  }

  /**
   * Before the first tile of a block of rows.
   * @param factor what the maximum is multiplied by for the threshold
   */
  begin(factor: number): void {
    this.#factor[0] = factor;
    this.maxima.fill(-Infinity);
  }

  /**
   * Brings the maxima up to date with a tile, and finds the groups with a score at or above
   * `factor * maximum - window` of its row.
   * @returns group numbers, row * (columns / GROUP) + group, ascending; good until the next call
   */
  scan({ rows, columns, values }: ScoreBlock): Int32Array {
    const groups = columns / GROUP;
    const isFloat = values instanceof Float32Array;
    if (isFloat) this.#floats.set(values);
    else this.#ints.set(values);
    const scan = isFloat ? this.#scanFloats : this.#scanBfloat16;
    scan(BLOCK, rows, groups, MAXIMA, WINDOWS, BIAS, LIST);
    const found = this.#list.subarray(0, (this.#header[0]! - LIST) / 4);
    const groupBytes = isFloat ? 4 * GROUP : 2 * GROUP;
    for (let i = 0; i < found.length; i += 1) found[i] = (found[i]! - BLOCK) / groupBytes;
    return found;
  }
}

const simd = (opcode: number): Code =>
  opcode < 0x80 ? [0xfd, opcode] : [0xfd, (opcode & 0x7f) | 0x80, opcode >> 7];
const or = simd(0x50);
const anyTrue = simd(0x53);
const f32 = {
  load: (offset: number): Code => [0x2a, 2, offset],
  store: (offset: number): Code => [0x38, 2, offset],
  sub: [0x93] as Code,
  mul: [0x94] as Code,
  max: [0x97] as Code,
};
const storeInt = (offset: number): Code => [0x36, 2, offset];
const splatFloat = simd(0x13);
const laneFloat = (lane: number): Code => [...simd(0x1f), lane];
const shuffle = (lanes: readonly number[]): Code => [...simd(0x0d), ...lanes];
const when = (body: Code): Code => [0x04, 0x40, ...body, 0x0b];

/** How scores of one form are read: a group of GROUP at an address, vector by vector. */
interface ScoreForm {
  readonly vectors: number;
  readonly load: (address: number, bias: number, vector: number) => Code;
  readonly max: Code;
  readonly atLeast: Code;
  readonly lowest: Code;
  readonly groupBytes: number;
  readonly biasBytes: number;
  /** The greatest lane of a vector on the stack, as one float. @param scratch a local */
  readonly greatest: (scratch: number) => Code;
  /** A float on the stack as the vector to compare with; rounded down if positive. */
  readonly threshold: Code;
}

const FLOATS: ScoreForm = {
  vectors: 4,
  load: (address, bias, vector) => [
    ...[...local.get(address), ...v128.load(16 * vector)],
    ...[...local.get(bias), ...v128.load(16 * vector), ...simd(0xe5)],
  ],
  max: f32x4.max,
  atLeast: simd(0x46),
  lowest: [...simd(0x0c), ...Array.from({ length: 4 }, () => [0, 0, 0x80, 0xff]).flat()],
  groupBytes: 4 * GROUP,
  biasBytes: 4 * GROUP,
  greatest: (scratch) => [
    ...local.set(scratch),
    ...[0, 1, 2, 3].flatMap((lane) => [...local.get(scratch), ...laneFloat(lane)]),
    ...[...f32.max, ...f32.max, ...f32.max],
  ],
  threshold: splatFloat,
};

/** Lanes of 16 bits, `by` further on. */
const rotated = (by: number): Code => shuffle(range(0, 16).map((byte) => (byte + 2 * by) % 16));
const shiftLeft: Code = [0x74];
const shiftRight: Code = [0x75];
const floatOfBits: Code = [0xbe];
const bitsOfFloat: Code = [0xbc];

const BFLOAT16: ScoreForm = {
  vectors: 2,
  load: (address, _bias, vector) => [...local.get(address), ...v128.load(16 * vector)],
  max: simd(0x98),
  atLeast: simd(0x35),
  lowest: [...simd(0x0c), ...Array.from({ length: 8 }, () => [0, 0x80]).flat()],
  groupBytes: 2 * GROUP,
  biasBytes: 0,
  greatest: (scratch) => [
    ...local.set(scratch),
    ...[4, 2, 1].flatMap((by) => [
      ...[...local.get(scratch), ...local.get(scratch), ...local.get(scratch)],
      ...[...rotated(by), ...simd(0x98), ...local.set(scratch)],
    ]),
    ...[...local.get(scratch), ...simd(0x18), 0],
    ...[...i32.const(16), ...shiftLeft, ...floatOfBits],
  ],
  threshold: [...bitsOfFloat, ...i32.const(16), ...shiftRight, ...simd(0x10)],
};

function scanCode(name: string, form: ScoreForm): WasmFunction {
  const params = 7;
  const [block, rows, groups, maxima, windows, bias, list] = range(0, params) as Repeated<
    typeof params
  >;
  const [address, biasAddress, group, begin] = range(params, 4) as Repeated<4>;
  const greatest = range(params + 4, form.vectors);
  const [limit] = range(params + 4 + form.vectors, 1) as Repeated<1>;
  const vectors = range(0, form.vectors);
  const restart: Code = [
    ...[...local.get(begin), ...local.set(address)],
    ...[...local.get(bias), ...local.set(biasAddress)],
    ...[...local.get(groups), ...local.set(group)],
  ];
  const next: Code = [
    ...advance(address, form.groupBytes),
    ...advance(biasAddress, form.biasBytes),
  ];
  const findGreatest: Code = [
    ...vectors.flatMap((v) => [...form.lowest, ...local.set(greatest[v]!)]),
    ...restart,
    ...repeat(group, [
      ...vectors.flatMap((v) => [
        ...[...local.get(greatest[v]!), ...form.load(address, biasAddress, v)],
        ...[...form.max, ...local.set(greatest[v]!)],
      ]),
      ...next,
    ]),
  ];
  const keepGreatest: Code = [
    ...local.get(maxima),
    ...vectors.flatMap((v) => local.get(greatest[v]!)),
    ...vectors.slice(1).flatMap(() => form.max),
    ...form.greatest(limit),
    ...[...local.get(maxima), ...f32.load(0), ...f32.max],
    ...f32.store(0),
  ];
  const findGroups: Code = [
    ...[...local.get(maxima), ...f32.load(0), ...i32.const(FACTOR), ...f32.load(0), ...f32.mul],
    ...[...local.get(windows), ...f32.load(0), ...f32.sub],
    ...[...form.threshold, ...local.set(limit)],
    ...restart,
    ...repeat(group, [
      ...vectors.flatMap((v) => [
        ...[...form.load(address, biasAddress, v), ...local.get(limit), ...form.atLeast],
        ...(v === 0 ? [] : or),
      ]),
      ...anyTrue,
      ...when([
        ...[...local.get(list), ...local.get(address), ...storeInt(0)],
        ...advance(list, 4),
      ]),
      ...next,
    ]),
  ];
  return {
    name,
    params,
    i32Locals: 4,
    v128Locals: form.vectors + 1,
    body: [
      ...[...local.get(block), ...local.set(begin)],
      ...repeat(rows, [
        ...[...findGreatest, ...keepGreatest, ...findGroups],
        ...[...local.get(address), ...local.set(begin)],
        ...[...advance(maxima, 4), ...advance(windows, 4)],
      ]),
      ...[...i32.const(END), ...local.get(list), ...storeInt(0)],
    ],
  };
}
