/**
 * A small assembler for WebAssembly: enough to write the inner loops of the matrix kernels as data,
 * with no toolchain and no binary in the tree. Source: WebAssembly Core Specification 2.0, section
 * 5 (binary format); the fused multiply-add is of the relaxed SIMD extension.
 */

/** Pages of 64 KiB that 32-bit addresses reach: 4 GiB. */
export const MAX_PAGES = 65_536;

/** Encoded instructions; they concatenate, long ones far faster by `concat` than by spreading. */
export type Code = readonly number[];

export interface WasmFunction {
  /** The name it is exported by. */
  readonly name: string;
  /** Parameters, all i32: locals 0 .. params - 1. */
  readonly params: number;
  /** Further i32 locals; they follow the parameters. */
  readonly i32Locals: number;
  /** Locals of four floats; they come last. */
  readonly v128Locals: number;
  readonly body: Code;
}

export const local = {
  get: (index: number): Code => [0x20, ...unsigned(index)],
  set: (index: number): Code => [0x21, ...unsigned(index)],
  tee: (index: number): Code => [0x22, ...unsigned(index)],
};

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  /** Reads at the address on the stack plus `offset` bytes. */
  load: (offset: number): Code => [0x28, 2, ...unsigned(offset)],
  add: [0x6a] as Code,
  sub: [0x6b] as Code,
};

export const f32 = {
  load: (offset: number): Code => [0x2a, 2, ...unsigned(offset)],
  store: (offset: number): Code => [0x38, 2, ...unsigned(offset)],
};

export const memory = {
  /** Takes target, source and bytes from the stack. */
  copy: [0xfc, 0x0a, 0x00, 0x00] as Code,
  /** Takes target, the byte's value and bytes from the stack. */
  fill: [0xfc, 0x0b, 0x00] as Code,
};

export const v128 = {
  load: (offset: number): Code => [...simd(0x00), 2, ...unsigned(offset)],
  store: (offset: number): Code => [...simd(0x0b), 2, ...unsigned(offset)],
  /** One float, four times. */
  loadSplat: (offset: number): Code => [...simd(0x09), 2, ...unsigned(offset)],
  /** Two floats, and zeros. */
  loadPair: (offset: number): Code => [...simd(0x5d), 2, ...unsigned(offset)],
  zero: [...simd(0x0c), ...Array<number>(16).fill(0)] as Code,
  /** The same float four times. */
  constant: (value: number): Code => {
    const bytes = new Uint8Array(Float32Array.of(value, value, value, value).buffer);
    return [...simd(0x0c), ...bytes];
  },
  ones: [...simd(0x0c), ...Array<number>(16).fill(0xff)] as Code,
  and: simd(0x4e),
  /** The first, where the second is not. */
  andNot: simd(0x4f),
};

export const f32x4 = {
  /** All bits set where equal, none where not. */
  equal: simd(0x41),
  greater: simd(0x44),
  add: simd(0xe4),
  sub: simd(0xe5),
  mul: simd(0xe6),
  max: simd(0xe9),
  /** a * b + c with one rounding, where the CPU can. */
  relaxedMadd: simd(0x105),
};

export const f64x2 = {
  /** The first two floats, widened. */
  promote: simd(0x5f),
  add: simd(0xf0),
  mul: simd(0xf2),
};

/** `index += other` */
export function addTo(index: number, other: number): Code {
  return [...local.get(index), ...local.get(other), ...i32.add, ...local.set(index)];
}

/** `index += bytes` */
export function advance(index: number, bytes: number): Code {
  return [...local.get(index), ...i32.const(bytes), ...i32.add, ...local.set(index)];
}

/** `length` indices of locals, from `start` on. */
export function range(start: number, length: number): number[] {
  return Array.from({ length }, (_, i) => start + i);
}

/** As many numbers. */
export type Repeated<N extends number, T extends number[] = []> = T['length'] extends N
  ? T
  : Repeated<N, [...T, number]>;

/**
 * Runs `body` as often as local `counter` says, which is 0 afterwards; at least once, whatever it
 * says.
 */
export function repeat(counter: number, body: Code): Code {
  const [loop, empty, end, branchIf] = [0x03, 0x40, 0x0b, 0x0d];
  const next = [...local.get(counter), ...i32.const(1), ...i32.sub, ...local.tee(counter)];
  return [loop, empty].concat(body, next, [branchIf, 0, end]);
}

/**
 * A module with these functions; its one import is the memory they work in, `env.memory`.
 * @param isShared whether that memory is shared with other threads, and may grow to 4 GiB
 */
export function assembleModule(
  functions: readonly WasmFunction[],
  isShared = false,
): Uint8Array<ArrayBuffer> {
  const [i32Type, v128Type, functionType] = [0x7f, 0x7b, 0x60];
  const types = functions.map(({ params }) => [
    functionType,
    ...vector(Array<Code>(params).fill([i32Type])),
    ...vector([]),
  ]);
  const limits = isShared ? [0x03, ...unsigned(0), ...unsigned(MAX_PAGES)] : [0x00, ...unsigned(0)];
  const imported = [...text('env'), ...text('memory'), 0x02, ...limits];
  const exported = functions.map(({ name }, i) => [...text(name), 0x00, ...unsigned(i)]);
  const codes = functions.map(({ i32Locals, v128Locals, body }) => {
    const locals = vector([
      [...unsigned(i32Locals), i32Type],
      [...unsigned(v128Locals), v128Type],
    ]);
    return sized(locals.concat(body, 0x0b));
  });
  const header: Code = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  return new Uint8Array(
    header.concat(
      section(1, vector(types)),
      section(2, vector([imported])),
      section(3, vector(functions.map((_, i) => unsigned(i)))),
      section(7, vector(exported)),
      section(10, vector(codes)),
    ),
  );
}

function simd(opcode: number): Code {
  return [0xfd, ...unsigned(opcode)];
}

function section(id: number, content: Code): Code {
  return [id].concat(sized(content));
}

function vector(items: readonly Code[]): Code {
  return unsigned(items.length).concat(...items);
}

export function text(value: string): Code {
  return sized([...Buffer.from(value)]);
}

export function sized(content: Code): Code {
  return unsigned(content.length).concat(content);
}

/** LEB128 */
export function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** LEB128, sign in the highest bit of the last byte. */
function signed(value: number): Code {
  const low = value & 0x7f;
  const isLast = (value >> 6 === 0 && low < 0x40) || (value >> 6 === -1 && low >= 0x40);
  return isLast ? [low] : [low | 0x80, ...signed(value >> 7)];
}
