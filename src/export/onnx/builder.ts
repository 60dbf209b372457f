/**
 * A graph in ONNX's operations, opset 17: images [N, 3, S, S], maps [N, C, H, W], weights as
 * PyTorch has them. Each array is an initializer under the name that PyTorch's modules give it.
 */
import type { NamedArray } from '../../arrays/safetensors.ts';
import { BATCH_NORM_EPSILON } from '../../engine/operations.ts';
import type { ConvLayer, MaxPoolLayer } from '../../nn/layers.ts';
import type { BatchNormValues, GraphBuilder, GraphOutput, Value } from '../graph/builder.ts';
import type { OnnxAttribute, OnnxNode, OnnxValueInfo } from './schema.ts';

/** The version of the operators' meanings; readers of 2022 and later know it. */
export const OPSET = 17;

export class OnnxBuilder implements GraphBuilder {
  readonly images = 'images';
  readonly nodes: OnnxNode[] = [];
  readonly arrays = new Map<string, NamedArray>();
  /** The outputs so far. */
  readonly described: GraphOutput[] = [];
  /** Results so far by operation, for their names. */
  readonly #counts = new Map<string, number>();

  constant(name: string, array: NamedArray): Value {
    this.arrays.set(name, array);
    return name;
  }

  channels(name: string, values: readonly number[]): Value {
    const shape = [1, values.length, 1, 1];
    return this.constant(name, { data: Float32Array.from(values), shape });
  }

  sobel(maps: Value, name: string, taps: Float32Array): Value {
    const filter = this.constant(name, { data: taps, shape: [2, 3, 3, 3] });
    return this.#convolve([maps, filter], { kernel: 3, stride: 1, padding: 1 });
  }

  convolve(maps: Value, filter: Value, bias: Value | null, geometry: ConvLayer): Value {
    return this.#convolve([maps, filter, ...(bias === null ? [] : [bias])], geometry);
  }

  normaliseMaps(maps: Value, { scale, shift, mean, variance }: BatchNormValues): Value {
    const epsilon: OnnxAttribute = { name: 'epsilon', type: 'FLOAT', f: BATCH_NORM_EPSILON };
    return this.#node('BatchNormalization', [maps, scale, shift, mean, variance], [epsilon]);
  }

  maxPool(maps: Value, { window, stride, padding }: MaxPoolLayer): Value {
    return this.#node('MaxPool', [maps], windowAttributes(window, stride, padding));
  }

  globalAveragePool(maps: Value): Value {
    return this.#node('Flatten', [this.#node('GlobalAveragePool', [maps])], [int('axis', 1)]);
  }

  flatten(maps: Value): Value {
    return this.#node('Flatten', [maps], [int('axis', 1)]);
  }

  dense(rows: Value, weight: Value, bias: Value): Value {
    return this.#node('Gemm', [rows, weight, bias], [int('transB', 1)]);
  }

  relu(x: Value): Value {
    return this.#node('Relu', [x]);
  }

  add(a: Value, b: Value): Value {
    return this.#node('Add', [a, b]);
  }

  subtract(a: Value, b: Value): Value {
    return this.#node('Sub', [a, b]);
  }

  multiply(a: Value, b: Value): Value {
    return this.#node('Mul', [a, b]);
  }

  divide(a: Value, b: Value): Value {
    return this.#node('Div', [a, b]);
  }

  squareRoot(x: Value): Value {
    return this.#node('Sqrt', [x]);
  }

  dotProducts(rows: Value, matrix: Value): Value {
    return this.#node('Gemm', [rows, matrix], [int('transB', 1)]);
  }

  sumOfSquares(rows: Value, keepsAxis: boolean): Value {
    const attributes = [ints('axes', [1]), int('keepdims', keepsAxis ? 1 : 0)];
    return this.#node('ReduceSumSquare', [rows], attributes);
  }

  largest(rows: Value): Value {
    return this.#node('ArgMax', [rows], [int('axis', 1), int('keepdims', 0)]);
  }

  rowsAt(matrix: Value, places: Value): Value {
    return this.#node('Gather', [matrix, places], [int('axis', 0)]);
  }

  output(value: Value, output: GraphOutput): void {
    this.#add('Identity', [value], [], output.name);
    this.described.push(output);
  }

  #convolve(
    inputs: readonly Value[],
    { kernel, stride, padding }: Pick<ConvLayer, 'kernel' | 'stride' | 'padding'>,
  ): Value {
    return this.#node('Conv', inputs, windowAttributes(kernel, stride, padding));
  }

  #node(opType: string, input: readonly Value[], attribute: readonly OnnxAttribute[] = []): Value {
    const count = (this.#counts.get(opType) ?? 0) + 1;
    this.#counts.set(opType, count);
    return this.#add(opType, input, attribute, `${opType}_${count}`);
  }

  #add(
    opType: string,
    input: readonly Value[],
    attribute: readonly OnnxAttribute[],
    name: string,
  ): Value {
    this.nodes.push({ name: `node_${name}`, opType, input, output: [name], attribute });
    return name;
  }
}

/** An input or output: N and the rest of the shape. */
export function valueInfo(
  name: string,
  elemType: number,
  shape: readonly number[],
  docString: string,
): OnnxValueInfo {
  const dim = [{ dimParam: 'N' }, ...shape.map((dimValue) => ({ dimValue }))];
  return { name, docString, type: { tensorType: { elemType, shape: { dim } } } };
}

function windowAttributes(window: number, stride: number, padding: number): OnnxAttribute[] {
  return [
    ints('kernel_shape', [window, window]),
    ints('strides', [stride, stride]),
    ints('pads', [padding, padding, padding, padding]),
  ];
}

function int(name: string, i: number): OnnxAttribute {
  return { name, type: 'INT', i };
}

function ints(name: string, values: readonly number[]): OnnxAttribute {
  return { name, type: 'INTS', ints: values };
}
