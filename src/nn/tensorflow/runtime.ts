/** What the kernels here need of the native backend: operations of the TensorFlow runtime by name, with typed attributes. */
import * as tf from '@tensorflow/tfjs';
import { hasOwnKernels } from './own-kernels.ts';

/** One attribute of an operation, as the addon wants it. */
export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** A kernel over the runtime, its named inputs and its attributes. Inputs are left alone; outputs are new. */
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
  /** Whether the addon has this project's kernels for CPUs, and operations run on one. */
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
}

/** The parts of the addon's backend that are used here; it exports no type of its own. */
interface NativeBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: Readonly<Record<string, number>>;
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
    int: (name, value) => ({ name, type: binding['TF_ATTR_INT']!, value }),
    float: (name, value) => ({ name, type: binding['TF_ATTR_FLOAT']!, value }),
    bool: (name, value) => ({ name, type: binding['TF_ATTR_BOOL']!, value }),
    string: (name, value) => ({ name, type: binding['TF_ATTR_STRING']!, value }),
    dtype: (name, value) => ({
      name,
      type: binding['TF_ATTR_TYPE']!,
      value: binding[value === 'int32' ? 'TF_INT32' : 'TF_FLOAT'],
    }),
  };
  const float32 = type.dtype('T', 'float32');
  const one: Runtime['one'] = (operation, inputs, attributes = []) =>
    native.executeSingleOutput(operation, [float32, ...attributes], [...inputs]);
  const many: Runtime['many'] = (operation, inputs, outputs, attributes = []) =>
    native.executeMultipleOutputs(operation, [float32, ...attributes], [...inputs], outputs);
  return {
    isGpu: native.isUsingGpuDevice,
    hasOwnKernels: !native.isUsingGpuDevice && hasOwnKernels({ type, many }),
    type,
    one,
    many,
    transpose: (x, axes) => {
      const permutation = tf.tensor1d([...axes], 'int32');
      const turned = one('Transpose', [x, permutation], [type.dtype('Tperm', 'int32')]);
      permutation.dispose();
      return turned;
    },
  };
}
