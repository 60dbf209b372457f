/** Arrays out of a bundle by name, each of the type it must have. */
import { protocolViolation } from '../errors.ts';
import type { ArrayData, NamedArrays } from './safetensors.ts';

type ArrayType<Data extends ArrayData> = { readonly name: string } & (new (length: number) => Data);

/** @throws TrainerError PROTOCOL_VIOLATION when the bundle has no such array, or one of another type */
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
