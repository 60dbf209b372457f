/**
 * A reader of pickles that runs nothing: the operations that a dictionary of tensors needs, in
 * protocols 2 to 5, over globals that the caller gives. Any other operation or global is refused by
 * name. Memory stays in proportion to the pickle: values are made once and shared, never copied.
 * Source: the descriptions of the operations in Python's own `pickletools`.
 */
import { isKind, type PickleKey, type PickleValue, type Refuse } from './values.ts';

export interface PickleContext {
  /** What a global is, by module and name with a dot between; undefined: not known. */
  readonly globalOf: (name: string) => PickleValue | undefined;
  /** The object that an id stands for, which lies outside the pickle. */
  readonly persistentOf: (id: PickleValue, refuse: Refuse) => PickleValue;
  readonly refuse: Refuse;
}

/**
 * The pickle that begins at an offset.
 * @returns its value, and the offset after it
 * @throws the refusal
 */
export function readPickle(
  bytes: Uint8Array,
  begin: number,
  context: PickleContext,
): { value: PickleValue; end: number } {
  const machine = new PickleMachine(bytes, begin, context);
  for (;;) {
    const code = machine.byte();
    if (code === STOP) return { value: machine.pop(), end: machine.at };
    const operation = OPERATIONS.get(code);
    if (operation === undefined)
      throw machine.refuse(`operation ${code} is none that tensors need`);
    operation(machine);
  }
}

const STOP = 0x2e;

/** The stack and the memo of a pickle as it is read. */
class PickleMachine {
  /** Of the next byte. */
  at: number;
  readonly context: PickleContext;
  readonly #file: Buffer;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at its marks, the innermost last; never above the stack's. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(bytes: Uint8Array, begin: number, context: PickleContext) {
    this.at = begin;
    this.context = context;
    this.#file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  refuse(problem: string): Error {
    return this.context.refuse(`${problem} (byte ${this.at} of its pickle)`);
  }

  /** The next bytes, as many as `length`. */
  take(length: number): Buffer {
    const end = this.at + length;
    if (!(end <= this.#file.length)) throw this.refuse('it ends in mid-value: it is cut off');
    const taken = this.#file.subarray(this.at, end);
    this.at = end;
    return taken;
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  /** An unsigned little-endian number of up to six bytes. */
  unsigned(width: number): number {
    return this.take(width).readUIntLE(0, width);
  }

  unsigned64(): number {
    return Number(this.take(8).readBigUInt64LE());
  }

  line(): string {
    const end = this.#file.indexOf(0x0a, this.at);
    if (end < 0) throw this.refuse('it ends in mid-line: it is cut off');
    const text = this.take(end - this.at).toString('utf8');
    this.at += 1;
    return text;
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  pop(): PickleValue {
    const least = this.#marks.at(-1) ?? 0;
    if (this.#stack.length <= least) throw this.refuse('it takes a value that is not there');
    return this.#stack.pop()!;
  }

  top(): PickleValue {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  /** The values since the innermost mark, which is taken away. */
  popToMark(): PickleValue[] {
    const height = this.#marks.pop();
    if (height === undefined) throw this.refuse('it takes a mark that is not there');
    return this.#stack.splice(height);
  }

  memoize(index = this.#memo.size): void {
    this.#memo.set(index, this.top());
  }

  remembered(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.refuse('it takes a value that was not kept');
    return value;
  }

  global(module: string, name: string): PickleValue {
    const full = `${module}.${name}`;
    const known = this.context.globalOf(full);
    if (known === undefined) {
      throw this.context.refuse(
        `it needs ${full.slice(0, 80)}, and nothing of a pickle is run here; save the tensors alone, ` +
          "in Python: torch.save(net.state_dict(), 'weights.pth')",
      );
    }
    return known;
  }
}

type Operation = (machine: PickleMachine) => void;

const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  // Protocol and frames say nothing that is needed.
  [0x80, (m) => void m.byte()],
  [0x95, (m) => void m.unsigned64()],
  ...plainValues(),
  ...collections(),
  // The stack and the memo.
  [
    code('('),
    (m) => {
      m.mark();
    },
  ],
  [code('0'), (m) => void m.pop()],
  [code('1'), (m) => void m.popToMark()],
  [code('2'), pushes((m) => m.top())],
  [
    code('q'),
    (m) => {
      m.memoize(m.byte());
    },
  ],
  [
    code('r'),
    (m) => {
      m.memoize(m.unsigned(4));
    },
  ],
  [
    0x94,
    (m) => {
      m.memoize();
    },
  ],
  [code('h'), pushes((m) => m.remembered(m.byte()))],
  [code('j'), pushes((m) => m.remembered(m.unsigned(4)))],
  // Objects.
  [code('c'), pushes((m) => m.global(m.line(), m.line()))],
  [0x93, pushes(stackGlobal)],
  [code('Q'), pushes((m) => m.context.persistentOf(m.pop(), m.context.refuse))],
  [code('R'), pushes(reduce)],
  [code('b'), build],
]);

/** An operation that puts a value on the stack. */
function pushes(valueOf: (machine: PickleMachine) => PickleValue): Operation {
  return (machine) => {
    machine.push(valueOf(machine));
  };
}

function code(character: string): number {
  return character.charCodeAt(0);
}

function plainValues(): [number, Operation][] {
  const text = (lengthOf: (m: PickleMachine) => number): Operation => {
    return pushes((m) => m.take(lengthOf(m)).toString('utf8'));
  };
  const raw = (lengthOf: (m: PickleMachine) => number): Operation => {
    return pushes((m) => m.take(lengthOf(m)));
  };
  const short = (m: PickleMachine): number => m.byte();
  const long = (m: PickleMachine): number => m.unsigned(4);
  const wide = (m: PickleMachine): number => m.unsigned64();
  return [
    [code('N'), pushes(() => null)],
    [0x88, pushes(() => true)],
    [0x89, pushes(() => false)],
    [code('K'), pushes((m) => m.byte())],
    [code('M'), pushes((m) => m.unsigned(2))],
    [code('J'), pushes((m) => m.take(4).readInt32LE())],
    [0x8a, pushes((m) => integerOf(m.take(m.byte())))],
    [code('G'), pushes((m) => m.take(8).readDoubleBE())],
    [0x8c, text(short)],
    [code('X'), text(long)],
    [0x8d, text(wide)],
    // Texts of Python 2.
    [code('U'), text(short)],
    [code('T'), text(long)],
    [code('C'), raw(short)],
    [code('B'), raw(long)],
    [0x8e, raw(wide)],
  ];
}

/** A little-endian number in two's complement of up to 255 bytes. */
function integerOf(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0;
  const hex = Buffer.from(bytes).reverse().toString('hex');
  const value = BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex}`));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function collections(): [number, Operation][] {
  const tuple = (length: number): Operation => {
    return pushes((m) => Array.from({ length }, () => m.pop()).reverse());
  };
  return [
    [code(']'), pushes(() => [])],
    [code(')'), pushes(() => [])],
    [code('}'), pushes(() => new Map<PickleKey, PickleValue>())],
    [code('t'), pushes((m) => m.popToMark())],
    [0x85, tuple(1)],
    [0x86, tuple(2)],
    [0x87, tuple(3)],
    [
      code('a'),
      (m) => {
        extend(m, [m.pop()]);
      },
    ],
    [
      code('e'),
      (m) => {
        extend(m, m.popToMark());
      },
    ],
    [
      code('s'),
      (m) => {
        setItems(m, [m.pop(), m.pop()].reverse());
      },
    ],
    [
      code('u'),
      (m) => {
        setItems(m, m.popToMark());
      },
    ],
  ];
}

function extend(machine: PickleMachine, values: readonly PickleValue[]): void {
  const list = machine.top();
  if (!Array.isArray(list)) throw machine.refuse('it appends to what is no list');
  for (const value of values) list.push(value);
}

/** @param pairs key, value, key, value… */
function setItems(machine: PickleMachine, pairs: readonly PickleValue[]): void {
  const dict = machine.top();
  if (!(dict instanceof Map)) throw machine.refuse('it sets an entry of what is no dictionary');
  if (pairs.length % 2 !== 0) throw machine.refuse('it has a key without a value');
  for (let i = 0; i < pairs.length; i += 2) {
    const key = pairs[i]!;
    if (!isKey(key)) throw machine.refuse('it has a key that is neither text nor number');
    dict.set(key, pairs[i + 1]!);
  }
}

export function isKey(value: PickleValue | undefined): value is PickleKey {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function stackGlobal(machine: PickleMachine): PickleValue {
  const name = machine.pop();
  const module = machine.pop();
  if (typeof module !== 'string' || typeof name !== 'string')
    throw machine.refuse('it names a global by what is no text');
  return machine.global(module, name);
}

/** Python's call of a global; here, of a function of ours. */
function reduce(machine: PickleMachine): PickleValue {
  const args = machine.pop();
  const callable = machine.pop();
  if (!Array.isArray(args) || !isKind(callable, 'callable'))
    throw machine.refuse('it calls what is no function');
  return callable.call(args, (problem) => machine.context.refuse(problem));
}

/** Attributes of an object: an ordered dictionary's, which say versions of modules, are left out. */
function build(machine: PickleMachine): void {
  machine.pop();
  if (!(machine.top() instanceof Map))
    throw machine.refuse('it sets attributes of what is no dictionary');
}
