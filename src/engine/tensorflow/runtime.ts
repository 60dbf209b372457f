/**
 * What the kernels here need of the native backend: operations of the TensorFlow runtime by name,
 * with typed attributes.
 */
import * as tf from '@tensorflow/tfjs';

/** One attribute of an operation, as the addon wants it. */
export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/**
 * A kernel over the runtime, its named inputs and its attributes. Inputs are left alone; outputs
 * are new.
 */
export type NativeKernel = (
  runtime: Runtime,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attributes: Readonly<Record<string, unknown>>,
) => tf.Tensor | tf.Tensor[];

/** Makes attributes. */
interface AttributeTypes {
  readonly int: (name: string, value: number | readonly number[]) => Attribute;
  readonly float: (name: string, value: number) => Attribute;
  readonly bool: (name: string, value: boolean) => Attribute;
  readonly string: (name: string, value: string) => Attribute;
  readonly dtype: (name: string, value: 'float32' | 'int32') => Attribute;
}

export interface Runtime {
  /** Whether operations run on a GPU. */
  readonly isGpu: boolean;
  /** Whether the addon has this project's kernels. */
  readonly hasOwnKernels: boolean;
  readonly type: AttributeTypes;
  /** Runs an operation with one output; its element type `T` is float32. */
  readonly one: (
    operation: string,
    inputs: readonly tf.Tensor[],
    attributes?: readonly Attribute[],
  ) => tf.Tensor;
  /** Runs an operation with `outputs` outputs; its element type `T` is float32. */
  readonly many: (
    operation: string,
    inputs: readonly tf.Tensor[],
    outputs: number,
    attributes?: readonly Attribute[],
  ) => tf.Tensor[];
  readonly transpose: (x: tf.Tensor, axes: readonly number[]) => tf.Tensor;
  /** Takes bytes to the device as they are, and makes float32 of them there. */
  readonly floatsOfBytes: (bytes: Uint8Array, shape: readonly number[]) => tf.Tensor;
}

/** A tensor of the addon, by its own number. */
export interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** What is used of the addon's binding; it exports no type of its own. */
export interface Binding {
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_UINT8: number;
  createTensor(shape: readonly number[], dtype: number, values: Uint8Array): number;
  deleteTensor(id: number): void;
  executeOp(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly number[],
    outputs: number,
  ): TensorMetadata[];
  tensorDataSync(id: number): Int32Array;
}

/** The parts of the addon's backend that are used here. */
interface NativeBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: Binding;
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
  executeSingleOutput(name: string, attributes: Attribute[], inputs: tf.TensorInfo[]): tf.Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: Attribute[],
    inputs: tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
}

const runtimes = new WeakMap<object, Runtime>();

export function runtimeOf(backend: unknown): Runtime {
  const native = backend as NativeBackend;
  const runtime = runtimes.get(native) ?? createRuntime(native);
  runtimes.set(native, runtime);
  return runtime;
}

function createRuntime(native: NativeBackend): Runtime {
  const { binding } = native;
  const type: AttributeTypes = {
    int: (name, value) => ({ name, type: binding.TF_ATTR_INT, value }),
    float: (name, value) => ({ name, type: binding.TF_ATTR_FLOAT, value }),
    bool: (name, value) => ({ name, type: binding.TF_ATTR_BOOL, value }),
    string: (name, value) => ({ name, type: binding.TF_ATTR_STRING, value }),
    dtype: (name, value) => ({
      name,
      type: binding.TF_ATTR_TYPE,
      value: value === 'int32' ? binding.TF_INT32 : binding.TF_FLOAT,
    }),
  };
  const float32 = type.dtype('T', 'float32');
  const one: Runtime['one'] = (operation, inputs, attributes = []) =>
    native.executeSingleOutput(operation, [float32, ...attributes], [...inputs]);
  const many: Runtime['many'] = (operation, inputs, outputs, attributes = []) =>
    native.executeMultipleOutputs(operation, [float32, ...attributes], [...inputs], outputs);
  return {
    isGpu: native.isUsingGpuDevice,
    hasOwnKernels: hasOwnKernels({ type, many }),
    type,
    one,
    many,
    transpose: (x, axes) => {
      const permutation = tf.tensor1d([...axes], 'int32');
      const turned = one('Transpose', [x, permutation], [type.dtype('Tperm', 'int32')]);
      permutation.dispose();
      return turned;
    },
    floatsOfBytes: (bytes, shape) => {
      const id = binding.createTensor(shape, binding.TF_UINT8, bytes);
      const attributes = [
        { name: 'SrcT', type: binding.TF_ATTR_TYPE, value: binding.TF_UINT8 },
        type.dtype('DstT', 'float32'),
        type.bool('Truncate', false),
      ];
      const [floats] = binding.executeOp('Cast', attributes, [id], 1);
      binding.deleteTensor(id);
      return native.createOutputTensor(floats!);
    },
  };
}

/** Of the operations' inputs, outputs and attributes; native/revision.cc has the same number. */
const KERNELS_REVISION = 2;

/** Asks the addon, by an operation that does nothing else than to know its revision. */
export function hasOwnKernels({ type, many }: Pick<Runtime, 'type' | 'many'>): boolean {
  try {
    many('DeepclusterKernels', [], 0, [type.int('revision', KERNELS_REVISION)]);
    return true;
  } catch {
    return false; // an operation that the runtime does not know, or of another revision
  }
}

/** Rows and columns of an attribute that may have one number for both. */
export function pairOf(value: unknown): readonly [number, number] {
  return Array.isArray(value) ? (value as [number, number]) : [value as number, value as number];
}
