/**
 * An ONNX model on the probe's images, by ONNX Runtime's WebAssembly build, where that is
 * installed beside this package.
 */
import { scaledImages, type Outputs, type Probe } from '../probe.ts';

interface OnnxTensor {
  readonly data: unknown;
}

interface OnnxSession {
  run(
    feeds: Readonly<Record<string, OnnxTensor>>,
    outputs: readonly string[],
  ): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

/**
 * What of it is used: the declarations of this package must do without those of one that may be
 * missing.
 */
export interface OnnxRuntime {
  readonly env: { readonly wasm: { numThreads?: number } };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OnnxTensor;
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: { readonly executionProviders: readonly string[] },
    ): Promise<OnnxSession>;
  };
}

/** @returns null where it is not installed */
export async function loadRuntime(): Promise<OnnxRuntime | null> {
  try {
    return await import('onnxruntime-web');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return null;
    throw error;
  }
}

/**
 * @param names of the outputs that are wanted
 * @throws Error of the runtime for a model that it refuses
 */
export async function runModel(
  { InferenceSession, Tensor, env }: OnnxRuntime,
  model: Uint8Array,
  probe: Probe,
  names: readonly string[],
): Promise<Outputs> {
  const { count, size } = probe;
  env.wasm.numThreads = 1;
  const session = await InferenceSession.create(model, { executionProviders: ['wasm'] });
  try {
    const images = new Tensor('float32', scaledImages(probe, 'NCHW'), [count, 3, size, size]);
    const results = await session.run({ images }, names);
    return new Map(
      names.map((name) => {
        const data = results[name]!.data as Float32Array | BigInt64Array;
        return [name, data instanceof BigInt64Array ? Array.from(data, Number) : data];
      }),
    );
  } finally {
    await session.release();
  }
}
