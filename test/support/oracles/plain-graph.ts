/**
 * A graph builder that computes at once, by plain loops in float64, whatever is asked of rows: the oracle of a graph's
 * meaning. Maps are beyond it. Rows are lists of numbers; a vector combines with every row.
 */
import type { NamedArray } from '../../../src/arrays/safetensors.ts';
import type { GraphBuilder, GraphOutput, Value } from '../../../src/export/graph/builder.ts';

type Rows = readonly (readonly number[])[];

function beyond(): never {
  throw new TypeError('the plain graph has rows only');
}

export class PlainGraph implements GraphBuilder {
  readonly images = 'images';
  readonly outputs = new Map<string, Rows>();
  readonly #values = new Map<Value, Rows>();

  readonly channels = beyond;
  readonly sobel = beyond;
  readonly convolve = beyond;
  readonly normaliseMaps = beyond;
  readonly maxPool = beyond;
  readonly globalAveragePool = beyond;
  readonly flatten = beyond;
  readonly dense = beyond;

  /** Puts rows in, as a layer before would. */
  given(rows: Rows): Value {
    return this.#keep(rows);
  }

  constant(_name: string, { data, shape }: NamedArray): Value {
    const width = shape.at(-1) ?? 1;
    const count = data.length / width;
    return this.#keep(
      Array.from({ length: count }, (_, i) => Array.from(data.slice(i * width, (i + 1) * width))),
    );
  }

  relu(x: Value): Value {
    return this.#keep(this.#of(x).map((row) => row.map((value) => Math.max(value, 0))));
  }

  add(a: Value, b: Value): Value {
    return this.#combined(a, b, (x, y) => x + y);
  }

  subtract(a: Value, b: Value): Value {
    return this.#combined(a, b, (x, y) => x - y);
  }

  multiply(a: Value, b: Value): Value {
    return this.#combined(a, b, (x, y) => x * y);
  }

  divide(a: Value, b: Value): Value {
    return this.#combined(a, b, (x, y) => x / y);
  }

  squareRoot(x: Value): Value {
    return this.#keep(this.#of(x).map((row) => row.map(Math.sqrt)));
  }

  dotProducts(rows: Value, matrix: Value): Value {
    const dot = (a: readonly number[], b: readonly number[]): number =>
      a.reduce((sum, value, j) => sum + value * b[j]!, 0);
    const others = this.#of(matrix);
    return this.#keep(this.#of(rows).map((row) => others.map((other) => dot(row, other))));
  }

  sumOfSquares(rows: Value): Value {
    return this.#keep(this.#of(rows).map((row) => [row.reduce((sum, x) => sum + x * x, 0)]));
  }

  largest(rows: Value): Value {
    return this.#keep(this.#of(rows).map((row) => [row.indexOf(Math.max(...row))]));
  }

  rowsAt(matrix: Value, places: Value): Value {
    return this.#keep(this.#of(places).map(([place]) => this.#of(matrix)[place!]!));
  }

  output(value: Value, { name }: GraphOutput): void {
    this.outputs.set(name, this.#of(value));
  }

  #combined(a: Value, b: Value, by: (x: number, y: number) => number): Value {
    const others = this.#of(b);
    return this.#keep(
      this.#of(a).map((row, i) => {
        const other = others[others.length === 1 ? 0 : i]!;
        return row.map((value, j) => by(value, other[other.length === 1 ? 0 : j]!));
      }),
    );
  }

  #of(value: Value): Rows {
    return this.#values.get(value)!;
  }

  #keep(rows: Rows): Value {
    const name = `value ${this.#values.size}`;
    this.#values.set(name, rows);
    return name;
  }
}
