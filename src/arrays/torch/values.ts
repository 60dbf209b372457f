/**
 * What a pickle of PyTorch becomes here: plain values, and tensors as views of storages. Nothing of
 * it is a function of the file's choice; a callable is one of ours.
 */
import type { TrainerError } from '../../errors.ts';

/** Words an error about the file: `problem` is what is wrong with it. */
export type Refuse = (problem: string) => TrainerError;

/** Types of a storage's elements, in the words of safetensors. */
export type ElementType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8';

/** Bytes of an element. */
export const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2 },
  ...{ I64: 8, I32: 4, I16: 2, I8: 1, U8: 1 },
};

export interface StorageType {
  readonly kind: 'storageType';
  readonly element: ElementType;
}

/** A run of elements whose bytes lie elsewhere in the file. */
export interface Storage {
  readonly kind: 'storage';
  readonly element: ElementType;
  /** Name under which the file has the bytes. */
  readonly key: string;
  /** Elements before the first of this storage, of those under the key. */
  readonly begin: number;
  /** Elements. */
  readonly length: number;
}

/** Elements of a storage; within its bounds, as it was checked. */
export interface Tensor {
  readonly kind: 'tensor';
  readonly storage: Storage;
  /** Of the first element, in elements of the storage. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** In elements, one an axis; 0 repeats. */
  readonly strides: readonly number[];
}

export interface Callable {
  readonly kind: 'callable';
  readonly call: (args: readonly PickleValue[], refuse: Refuse) => PickleValue;
}

export type PickleKey = string | number | boolean | null;
export type PickleDict = Map<PickleKey, PickleValue>;

/** Tuples are arrays, as lists are; a value may be part of several others, and of itself. */
export type PickleValue =
  | PickleKey
  | bigint
  | Uint8Array
  | PickleValue[]
  | PickleDict
  | StorageType
  | Storage
  | Tensor
  | Callable;

export function isTensor(value: PickleValue | undefined): value is Tensor {
  return isKind(value, 'tensor');
}

/** Whether a value is one of the objects above, and not plain data. */
export function isKind<K extends 'storageType' | 'storage' | 'tensor' | 'callable'>(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<PickleValue, { readonly kind: K }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}
