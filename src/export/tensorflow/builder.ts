/**
 * A graph in TensorFlow's operations: images [N, S, S, 3], maps [N, H, W, C], weights as the
 * engine has them. Arrays are constants of the graph, by the names of PyTorch's modules with `/`
 * between the parts.
 */
import type { NamedArray } from '../../arrays/safetensors.ts';
import { BATCH_NORM_EPSILON } from '../../engine/operations.ts';
import type { ConvLayer, MaxPoolLayer } from '../../nn/layers.ts';
import { bytesOf } from '../bits.ts';
import type { BatchNormValues, GraphBuilder, GraphOutput, Value } from '../graph/builder.ts';
import type { Attribute, DataType, GraphNode, TensorShape } from './schema.ts';

const FLOAT: Attribute = { type: 'DT_FLOAT' };
const INT32: Attribute = { type: 'DT_INT32' };
/** Lower than any activation: the padding of a maximum. */
const LOWEST = -3.4028234663852886e38;

export class TensorflowBuilder implements GraphBuilder {
  readonly images = 'images';
  readonly nodes: GraphNode[] = [];
  /** The outputs so far. */
  readonly described: GraphOutput[] = [];
  /** Of the numbers of clusters: TensorFlow.js has no DT_INT64. */
  readonly #indexType: DataType;
  readonly #counts = new Map<string, number>();

  /** @param side S */
  constructor(side: number, indexType: DataType) {
    this.#indexType = indexType;
    this.#add('Placeholder', this.images, [], {
      dtype: FLOAT,
      shape: { shape: shapeOf([-1, side, side, 3]) },
    });
  }

  constant(name: string, array: NamedArray): Value {
    const dtype: DataType = array.data instanceof Int32Array ? 'DT_INT32' : 'DT_FLOAT';
    const tensorContent = bytesOf(array.data);
    const tensor = { dtype, tensorShape: shapeOf(array.shape), tensorContent };
    const value = name.replaceAll('.', '/');
    this.#add('Const', value, [], { dtype: { type: dtype }, value: { tensor } });
    return value;
  }

  channels(name: string, values: readonly number[]): Value {
    return this.constant(name, { data: Float32Array.from(values), shape: [values.length] });
  }

  sobel(maps: Value, name: string, taps: Float32Array): Value {
    // [out, in, row, column] becomes [row, column, in, out].
    const data = Float32Array.from({ length: taps.length }, (_, i) => {
      const [out, rest] = [i % 2, Math.floor(i / 2)];
      const [channel, tap] = [rest % 3, Math.floor(rest / 3)];
      return taps[(out * 3 + channel) * 9 + tap]!;
    });
    const filter = this.constant(name, { data, shape: [3, 3, 3, 2] });
    return this.#convolve(maps, filter, 1, 1);
  }

  convolve(maps: Value, filter: Value, bias: Value | null, geometry: ConvLayer): Value {
    const plain = this.#convolve(maps, filter, geometry.stride, geometry.padding);
    return bias === null ? plain : this.#node('BiasAdd', [plain, bias], { T: FLOAT });
  }

  normaliseMaps(maps: Value, { scale, shift, mean, variance }: BatchNormValues): Value {
    return this.#node('FusedBatchNormV3', [maps, scale, shift, mean, variance], {
      ...{ T: FLOAT, U: FLOAT, data_format: text('NHWC') },
      ...{ epsilon: { f: BATCH_NORM_EPSILON }, is_training: { b: false } },
    });
  }

  maxPool(maps: Value, { window, stride, padding }: MaxPoolLayer): Value {
    const around = padding === 0 ? maps : this.#pad(maps, padding);
    return this.#node('MaxPool', [around], {
      ...{ T: FLOAT, data_format: text('NHWC'), padding: text('VALID') },
      ...{ ksize: integers([1, window, window, 1]), strides: integers([1, stride, stride, 1]) },
    });
  }

  globalAveragePool(maps: Value): Value {
    const attributes = { T: FLOAT, Tidx: INT32, keep_dims: { b: false } };
    return this.#node('Mean', [maps, this.#integers([1, 2], [2])], attributes);
  }

  flatten(maps: Value, length: number): Value {
    const shape = this.#integers([-1, length], [2]);
    return this.#node('Reshape', [maps, shape], { T: FLOAT, Tshape: INT32 });
  }

  dense(rows: Value, weight: Value, bias: Value): Value {
    return this.#node('BiasAdd', [this.#product(rows, weight, false), bias], { T: FLOAT });
  }

  relu(x: Value): Value {
    return this.#node('Relu', [x], { T: FLOAT });
  }

  add(a: Value, b: Value): Value {
    return this.#node('AddV2', [a, b], { T: FLOAT });
  }

  subtract(a: Value, b: Value): Value {
    return this.#node('Sub', [a, b], { T: FLOAT });
  }

  multiply(a: Value, b: Value): Value {
    return this.#node('Mul', [a, b], { T: FLOAT });
  }

  divide(a: Value, b: Value): Value {
    return this.#node('RealDiv', [a, b], { T: FLOAT });
  }

  squareRoot(x: Value): Value {
    return this.#node('Sqrt', [x], { T: FLOAT });
  }

  dotProducts(rows: Value, matrix: Value): Value {
    return this.#product(rows, matrix, true);
  }

  sumOfSquares(rows: Value, keepsAxis: boolean): Value {
    const squares = this.#node('Square', [rows], { T: FLOAT });
    const attributes = { T: FLOAT, Tidx: INT32, keep_dims: { b: keepsAxis } };
    return this.#node('Sum', [squares, this.#integers([1], [1])], attributes);
  }

  largest(rows: Value): Value {
    return this.#node('ArgMax', [rows, this.#integers([1], [])], {
      ...{ T: FLOAT, Tidx: INT32, output_type: { type: this.#indexType } },
    });
  }

  rowsAt(matrix: Value, places: Value): Value {
    return this.#node('GatherV2', [matrix, places, this.#integers([0], [])], {
      ...{
        Tparams: FLOAT,
        Tindices: { type: this.#indexType },
        Taxis: INT32,
        batch_dims: { i: 0 },
      },
    });
  }

  output(value: Value, output: GraphOutput): void {
    this.#add('Identity', output.name, [value], { T: { type: this.typeOf(output) } });
    this.described.push(output);
  }

  /** Of an output. */
  typeOf({ type }: GraphOutput): DataType {
    return type === 'int64' ? this.#indexType : 'DT_FLOAT';
  }

  #convolve(maps: Value, filter: Value, stride: number, padding: number): Value {
    const p = padding;
    return this.#node('Conv2D', [maps, filter], {
      ...{ T: FLOAT, data_format: text('NHWC'), strides: integers([1, stride, stride, 1]) },
      ...{ dilations: integers([1, 1, 1, 1]), padding: text(p === 0 ? 'VALID' : 'EXPLICIT') },
      ...(p === 0 ? {} : { explicit_paddings: integers([0, 0, p, p, p, p, 0, 0]) }),
    });
  }

  #pad(maps: Value, p: number): Value {
    const around = this.#integers([0, 0, p, p, p, p, 0, 0], [4, 2]);
    const lowest = this.constant(this.#nameFor('Lowest'), {
      data: Float32Array.of(LOWEST),
      shape: [],
    });
    return this.#node('PadV2', [maps, around, lowest], { T: FLOAT, Tpaddings: INT32 });
  }

  #product(rows: Value, matrix: Value, isTransposed: boolean): Value {
    return this.#node('MatMul', [rows, matrix], {
      ...{ T: FLOAT, transpose_a: { b: false }, transpose_b: { b: isTransposed } },
    });
  }

  #integers(values: readonly number[], shape: readonly number[]): Value {
    return this.constant(this.#nameFor('Integers'), { data: Int32Array.from(values), shape });
  }

  #node(op: string, input: readonly Value[], attr: GraphNode['attr']): Value {
    return this.#add(op, this.#nameFor(op), input, attr);
  }

  #nameFor(op: string): string {
    const count = (this.#counts.get(op) ?? 0) + 1;
    this.#counts.set(op, count);
    return `${op}_${count}`;
  }

  #add(op: string, name: string, input: readonly Value[], attr: GraphNode['attr']): Value {
    this.nodes.push({ name, op, input, attr });
    return name;
  }
}

export function shapeOf(sides: readonly number[]): TensorShape {
  return { dim: sides.map((size) => ({ size })) };
}

function text(value: string): Attribute {
  return { s: Buffer.from(value) };
}

function integers(i: readonly number[]): Attribute {
  return { list: { i } };
}
