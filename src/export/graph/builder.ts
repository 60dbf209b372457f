/**
 * The operations that an exported network is made of, whatever the format: a builder writes each
 * one down as an operation of its format and names the result. Shapes: N images of S x S pixels;
 * maps have C channels, in the format's own order; rows are [N, D].
 */
import type { ConvLayer, MaxPoolLayer } from '../../nn/layers.ts';
import type { NamedArray } from '../../arrays/safetensors.ts';

/** Name of a value in the graph. */
export type Value = string;

export type OutputType = 'float32' | 'int64';

export interface GraphOutput {
  readonly name: string;
  readonly type: OutputType;
  /** Of one image; the first axis of the output is N. */
  readonly shape: readonly number[];
  /** For people. */
  readonly says: string;
}

export interface BatchNormValues {
  readonly scale: Value;
  readonly shift: Value;
  readonly mean: Value;
  readonly variance: Value;
}

export interface GraphBuilder {
  /** The graph's input: images in RGB, 0 .. 1, with the axes of the format. */
  readonly images: Value;
  /** An array of the graph, under a name of its own. */
  constant(name: string, array: NamedArray): Value;
  /** A number for each channel, to be combined with maps. @param values [C] */
  channels(name: string, values: readonly number[]): Value;
  /**
   * The frozen Sobel front end as a single convolution.
   * @param taps [2, 3, 3, 3] by output, input channel, row and column
   */
  sobel(maps: Value, name: string, taps: Float32Array): Value;
  convolve(maps: Value, filter: Value, bias: Value | null, geometry: ConvLayer): Value;
  /** By running statistics. */
  normaliseMaps(maps: Value, values: BatchNormValues): Value;
  maxPool(maps: Value, geometry: MaxPoolLayer): Value;
  /** @returns rows [N, C] */
  globalAveragePool(maps: Value): Value;
  /** @returns rows [N, length], in the order that the format's fully connected weights have */
  flatten(maps: Value, length: number): Value;
  /** @param weight as the format's weights lie */
  dense(rows: Value, weight: Value, bias: Value): Value;
  relu(x: Value): Value;
  add(a: Value, b: Value): Value;
  subtract(a: Value, b: Value): Value;
  multiply(a: Value, b: Value): Value;
  divide(a: Value, b: Value): Value;
  squareRoot(x: Value): Value;
  /** Each row with each row of `matrix`. @param matrix [K, D] @returns [N, K] */
  dotProducts(rows: Value, matrix: Value): Value;
  /** @returns [N, 1] with `keepsAxis`, else [N] */
  sumOfSquares(rows: Value, keepsAxis: boolean): Value;
  /** The place of the largest number of each row, the first of equals. @returns [N] */
  largest(rows: Value): Value;
  /** @param places [N] @returns [N, D] rows of the matrix */
  rowsAt(matrix: Value, places: Value): Value;
  output(value: Value, output: GraphOutput): void;
}
