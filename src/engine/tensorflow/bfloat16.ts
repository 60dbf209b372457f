/**
 * The native runtime's bfloat16, which the tensor library has no name for: tensors of it live on
 * the device under the runtime's own numbers, and leave it as pairs in int32.
 */
import * as tf from '@tensorflow/tfjs';
import type { Bfloat16Products, Products } from '../clustering/products.ts';
import type { Attribute, Binding, TensorMetadata } from './runtime.ts';

/** What is used here of the addon's backend. */
interface RawBackend {
  readonly binding: Binding;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
}

/** DT_BFLOAT16 of the runtime. */
const BFLOAT16 = 14;

class NativeBfloat16 implements Bfloat16Products {
  readonly #raw: RawBackend;

  constructor(raw: RawBackend) {
    this.#raw = raw;
  }

  round(tensor: tf.Tensor): number {
    const [id] = this.#raw.getInputTensorIds([tensor]);
    return this.#cast(id!, this.#raw.binding.TF_FLOAT, BFLOAT16).id;
  }

  widen(id: number): tf.Tensor {
    return this.#raw.createOutputTensor(this.#cast(id, BFLOAT16, this.#raw.binding.TF_FLOAT));
  }

  multiply(a: number, b: number, [rows, columns]: readonly [number, number]): Int32Array {
    const { TF_ATTR_BOOL, TF_ATTR_TYPE, TF_INT32 } = this.#raw.binding;
    const product = this.#execute(
      'MatMul',
      [
        { name: 'transpose_a', type: TF_ATTR_BOOL, value: false },
        { name: 'transpose_b', type: TF_ATTR_BOOL, value: false },
        { name: 'T', type: TF_ATTR_TYPE, value: BFLOAT16 },
      ],
      [a, b],
    );
    const shape = tf.tensor1d([rows, columns / 2, 2], 'int32');
    const [shapeId] = this.#raw.getInputTensorIds([shape]);
    const pairs = this.#execute(
      'Reshape',
      [
        { name: 'T', type: TF_ATTR_TYPE, value: BFLOAT16 },
        { name: 'Tshape', type: TF_ATTR_TYPE, value: TF_INT32 },
      ],
      [product.id, shapeId!],
    );
    shape.dispose();
    const integers = this.#execute(
      'Bitcast',
      [
        { name: 'T', type: TF_ATTR_TYPE, value: BFLOAT16 },
        { name: 'type', type: TF_ATTR_TYPE, value: TF_INT32 },
      ],
      [pairs.id],
    );
    const values = this.#raw.binding.tensorDataSync(integers.id);
    for (const { id } of [product, pairs, integers]) this.drop(id);
    return values;
  }

  drop(id: number): void {
    this.#raw.binding.deleteTensor(id);
  }

  #cast(id: number, from: number, to: number): TensorMetadata {
    const { TF_ATTR_BOOL, TF_ATTR_TYPE } = this.#raw.binding;
    const attributes = [
      { name: 'SrcT', type: TF_ATTR_TYPE, value: from },
      { name: 'DstT', type: TF_ATTR_TYPE, value: to },
      { name: 'Truncate', type: TF_ATTR_BOOL, value: false },
    ];
    return this.#execute('Cast', attributes, [id]);
  }

  #execute(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly number[],
  ): TensorMetadata {
    return this.#raw.binding.executeOp(name, attributes, inputs, 1)[0]!;
  }
}

/** Of the probe: rows, inner dimension and columns of a product. */
const PROBE = [1024, 256, 1024] as const;
const PROBE_RUNS = 4;
/** So many times as fast as float32 it must be, for what else it costs. */
const WORTH = 1.2;

/** @param backend of the addon, the current one when it is asked */
export function bfloat16Of(backend: unknown): Products['bfloat16'] {
  const products = new NativeBfloat16(backend as RawBackend);
  let pays: boolean | null = null;
  return () => ((pays ??= paysHere(products)) ? products : null);
}

/**
 * Whether products in bfloat16 are faster here than in float32, and summed in float32, as their
 * bound supposes: where the hardware has no such instruction, the runtime may do neither. Results
 * do not depend on it.
 */
function paysHere(products: Bfloat16Products): boolean {
  return tf.tidy(() => {
    const [rows, inner, columns] = PROBE;
    const x = tf.ones([rows, inner]);
    const c = tf.ones([inner, columns]);
    const [coarseX, coarseC] = [products.round(x), products.round(c)];
    const [longX, longC] = [products.round(tf.ones([2, 600])), products.round(tf.ones([600, 2]))];
    const float = fastest(() => tf.matMul(x, c).dataSync());
    const coarse = fastest(() => products.multiply(coarseX, coarseC, [rows, columns]));
    // A sum in bfloat16 would stay at 256: 257 is not one of its numbers.
    const pair = products.multiply(longX, longC, [2, 2])[0]!;
    for (const id of [coarseX, coarseC, longX, longC]) products.drop(id);
    return coarse * WORTH < float && pair === 0x4416_4416;
  });
}

function fastest(work: () => unknown): number {
  let best = Infinity;
  for (let run = 0; run < PROBE_RUNS; run += 1) {
    const startMs = performance.now();
    work();
    best = Math.min(best, performance.now() - startMs);
  }
  return best;
}
