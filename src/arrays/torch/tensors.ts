/**
 * Tensors of a file as float32 arrays: the globals of a pickle of theirs, bounds, strides and
 * narrow types. Source: the signatures of `torch._utils._rebuild_tensor_v2` and its kin.
 */
import { isKey } from './pickle.ts';
import { ELEMENT_BYTES, isKind } from './values.ts';
import type { ElementType, PickleDict, PickleValue, Refuse, Storage, Tensor } from './values.ts';

/** The one object of each global that a dictionary of tensors needs. */
const GLOBALS: ReadonlyMap<string, PickleValue> = new Map<string, PickleValue>([
  ['collections.OrderedDict', { kind: 'callable', call: orderedDict }],
  ['torch._utils._rebuild_tensor', { kind: 'callable', call: tensorOf }],
  ['torch._utils._rebuild_tensor_v2', { kind: 'callable', call: tensorOf }],
  ['torch._utils._rebuild_parameter', { kind: 'callable', call: parameterOf }],
  ...storageTypes({ Float: 'F32', Double: 'F64', Half: 'F16', BFloat16: 'BF16' }),
  ...storageTypes({ Long: 'I64', Int: 'I32', Short: 'I16', Char: 'I8', Byte: 'U8', Bool: 'U8' }),
]);

function storageTypes(elements: Readonly<Record<string, ElementType>>): [string, PickleValue][] {
  return Object.entries(elements).map(([name, element]) => [
    `torch.${name}Storage`,
    { kind: 'storageType', element },
  ]);
}

export function globalOf(name: string): PickleValue | undefined {
  return GLOBALS.get(name);
}

/**
 * The storage that an id names: ('storage', type, key, place, elements), and in the format of
 * before 1.6 a view of one.
 */
export function storageOf(id: PickleValue, refuse: Refuse): Storage {
  const [word, type, key, , length, view = null] = Array.isArray(id) ? id : [];
  if (word !== 'storage' || !isKind(type, 'storageType') || typeof key !== 'string')
    throw refuse('it refers to something that is no storage of a known type');
  if (!isCount(length)) throw refuse(`storage ${key} has no length`);
  if (view === null) return { kind: 'storage', element: type.element, key, begin: 0, length };
  const [, begin, viewed] = Array.isArray(view) ? view : [];
  if (!isCount(begin) || !isCount(viewed) || begin + viewed > length)
    throw refuse(`a view of storage ${key} is not within it`);
  return { kind: 'storage', element: type.element, key, begin, length: viewed };
}

/**
 * The elements in row-major order, as float32: float16 and bfloat16 are exact, float64 is rounded.
 * @param bytes under the storage's key; read only
 * @returns a copy
 * @throws the refusal, where a storage is shorter than it says, or has no floating-point numbers
 */
export function floatsOf(
  { storage, offset, shape, strides }: Tensor,
  bytes: Uint8Array,
  refuse: Refuse,
): Float32Array {
  const { element, key, begin, length } = storage;
  const width = ELEMENT_BYTES[element];
  if ((begin + length) * width > bytes.length)
    throw refuse(
      `storage ${key} has ${bytes.length} bytes, its tensors need ${(begin + length) * width}`,
    );
  const count = shape.includes(0) ? 0 : shape.reduce((product, side) => product * side, 1);
  // A repeated axis would make gigabytes of a few bytes.
  if (count > length) throw refuse(`a tensor has ${count} elements, its storage ${length}`);
  const read = readerOf(element, bytes.subarray(begin * width, (begin + length) * width));
  if (read === null)
    throw refuse(`expected floating-point numbers, got ${element}; save them as float32`);
  const result = new Float32Array(count);
  let out = 0;
  const walk = (axis: number, at: number): void => {
    const [side, stride] = [shape[axis]!, strides[axis]!];
    const isLast = axis === shape.length - 1;
    for (let i = 0; i < side; i += 1) {
      if (isLast) result[out++] = read(at + i * stride);
      else walk(axis + 1, at + i * stride);
    }
  };
  if (shape.length === 0) result[0] = read(offset);
  else if (count > 0) walk(0, offset);
  return result;
}

/** A number of a storage by its index; null for types that are not floating-point. */
function readerOf(element: ElementType, bytes: Uint8Array): ((index: number) => number) | null {
  const width = ELEMENT_BYTES[element];
  const { buffer, byteOffset } = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  const length = bytes.length / width;
  switch (element) {
    case 'F32': {
      const values = new Float32Array(buffer, byteOffset, length);
      return (i) => values[i]!;
    }
    case 'F64': {
      const values = new Float64Array(buffer, byteOffset, length);
      return (i) => values[i]!;
    }
    case 'F16': {
      const values = new Uint16Array(buffer, byteOffset, length);
      return (i) => halfOf(values[i]!);
    }
    case 'BF16': {
      const values = new Uint16Array(buffer, byteOffset, length);
      const word = new Uint32Array(1);
      const number = new Float32Array(word.buffer);
      return (i) => {
        word[0] = values[i]! << 16;
        return number[0]!;
      };
    }
    default:
      return null;
  }
}

/** A number of IEEE 754's binary16: a sign, 5 bits of exponent, 10 of fraction. */
function halfOf(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = (bits & 0x3ff) / 1024;
  if (exponent === 0) return sign * fraction * 2 ** -14;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction) * 2 ** (exponent - 15);
}

/** Empty, as protocol 2 has it, or of pairs. */
function orderedDict(args: readonly PickleValue[], refuse: Refuse): PickleDict {
  const [pairs = []] = args;
  const dict: PickleDict = new Map();
  if (!Array.isArray(pairs)) throw refuse('a dictionary is made of what are no pairs');
  for (const pair of pairs) {
    const [key, value] = Array.isArray(pair) ? pair : [];
    if (!isKey(key) || value === undefined)
      throw refuse('a dictionary is made of what are no pairs');
    dict.set(key, value);
  }
  return dict;
}

/** (storage, offset, shape, strides, …): what follows is of training. */
function tensorOf(args: readonly PickleValue[], refuse: Refuse): Tensor {
  const [storage, offset, shape, strides] = args;
  if (!isKind(storage, 'storage') || !isCount(offset) || !isCounts(shape) || !isCounts(strides))
    throw refuse('a tensor is made of no storage, offset, shape and strides');
  if (shape.length !== strides.length || shape.length > MAX_AXES)
    throw refuse(`a tensor has ${shape.length} axes and ${strides.length} strides`);
  const last = shape.reduce((at, side, axis) => at + (side - 1) * strides[axis]!, offset);
  if (!shape.includes(0) && last >= storage.length)
    throw refuse(`a tensor ends at element ${last} of its storage, which has ${storage.length}`);
  return { kind: 'tensor', storage, offset, shape: [...shape], strides: [...strides] };
}

const MAX_AXES = 32;

function parameterOf(args: readonly PickleValue[], refuse: Refuse): Tensor {
  const [tensor] = args;
  if (!isKind(tensor, 'tensor')) throw refuse('a parameter is made of what is no tensor');
  return tensor;
}

function isCount(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCounts(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.length <= MAX_AXES && value.every(isCount);
}
