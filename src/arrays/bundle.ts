/** Arrays out of a bundle by name, each of the type it must have. */
import { protocolViolation } from '../errors.ts';
import type { ArrayData, NamedArray, NamedArrays } from './safetensors.ts';

type ArrayType<Data extends ArrayData> = { readonly name: string } & (new (length: number) => Data);

/**
 * @throws TrainerError PROTOCOL_VIOLATION when the bundle has no such array, or one of another type
 */
export function arrayOf<Data extends ArrayData>(
  arrays: NamedArrays,
  name: string,
  type: ArrayType<Data>,
): Data {
  const data = arrays[name]?.data;
  if (data instanceof type) return data;
  throw protocolViolation(
    `array ${name}`,
    type.name,
    data === undefined ? 'none' : data.constructor.name,
    'run the same release on every process',
  );
}

/** A single number as an array. */
export function numberArray(value: number): NamedArray {
  return { data: Float64Array.of(value), shape: [1] };
}

/**
 * @throws TrainerError PROTOCOL_VIOLATION when the bundle has no such array, or one of another type
 *   or length
 */
export function numberOf(arrays: NamedArrays, name: string): number {
  const data = arrayOf(arrays, name, Float64Array);
  const [value] = data;
  if (value !== undefined && data.length === 1) return value;
  const remedy = 'run the same release on every process';
  throw protocolViolation(`array ${name}`, 'one number', data.length, remedy);
}
