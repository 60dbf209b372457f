/** A small multilayer network by hand, in float64, for tests of a whole algorithm: layers with their own gradients and steps. */
import type { Rng } from '../../../src/math/rng.ts';

export interface StepRule {
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

/** Rows of one batch, [n, width]. */
type Batch = Float64Array;

export interface ToyLayer {
  forward(input: Batch, isTraining: boolean): Batch;
  /** Keeps the gradients of its parameters. @returns the gradient with respect to the input */
  backward(gradient: Batch): Batch;
  step(rule: StepRule): void;
}

export class Dense implements ToyLayer {
  readonly #from: number;
  readonly #to: number;
  /** [from, to], then the bias [to]. */
  readonly #values: Float64Array;
  readonly #gradient: Float64Array;
  readonly #velocity: Float64Array;
  #input: Batch = new Float64Array(0);

  /** @param deviation of the initial weights; the bias begins at 0 */
  constructor(from: number, to: number, deviation: number, rng: Rng) {
    this.#from = from;
    this.#to = to;
    this.#values = new Float64Array((from + 1) * to);
    for (let i = 0; i < from * to; i += 1) this.#values[i] = deviation * rng.normal();
    this.#gradient = new Float64Array((from + 1) * to);
    this.#velocity = new Float64Array((from + 1) * to);
  }

  forward(input: Batch): Batch {
    const [from, to] = [this.#from, this.#to];
    this.#input = input;
    const values = this.#values;
    const rows = input.length / from;
    const output = new Float64Array(rows * to);
    for (let r = 0; r < rows; r += 1) {
      for (let j = 0; j < to; j += 1) output[r * to + j] = values[from * to + j]!;
      for (let i = 0; i < from; i += 1) {
        const x = input[r * from + i]!;
        if (x === 0) continue;
        for (let j = 0; j < to; j += 1) output[r * to + j]! += x * values[i * to + j]!;
      }
    }
    return output;
  }

  backward(gradient: Batch): Batch {
    const [from, to] = [this.#from, this.#to];
    const [values, own, input] = [this.#values, this.#gradient, this.#input];
    const rows = gradient.length / to;
    const back = new Float64Array(rows * from);
    own.fill(0);
    for (let r = 0; r < rows; r += 1) {
      for (let j = 0; j < to; j += 1) own[from * to + j]! += gradient[r * to + j]!;
      for (let i = 0; i < from; i += 1) {
        const x = input[r * from + i]!;
        let sum = 0;
        for (let j = 0; j < to; j += 1) {
          const g = gradient[r * to + j]!;
          sum += g * values[i * to + j]!;
          own[i * to + j]! += x * g;
        }
        back[r * from + i] = sum;
      }
    }
    return back;
  }

  step({ learningRate, momentum, weightDecay }: StepRule): void {
    this.#values.forEach((value, i) => {
      this.#velocity[i] = momentum * this.#velocity[i]! + this.#gradient[i]! + weightDecay * value;
      this.#values[i] = value - learningRate * this.#velocity[i];
    });
  }
}

/** Without scale and shift. Outside training as it is before any training: the statistics are (0, 1), so it does nothing. */
export class BatchNorm implements ToyLayer {
  readonly #width: number;
  #output: Batch = new Float64Array(0);
  #deviations: Batch = new Float64Array(0);

  constructor(width: number) {
    this.#width = width;
  }

  forward(input: Batch, isTraining: boolean): Batch {
    if (!isTraining) return input;
    const width = this.#width;
    const rows = input.length / width;
    this.#output = new Float64Array(input.length);
    this.#deviations = new Float64Array(width);
    for (let j = 0; j < width; j += 1) {
      let [sum, squares] = [0, 0];
      for (let r = 0; r < rows; r += 1) sum += input[r * width + j]!;
      const mean = sum / rows;
      for (let r = 0; r < rows; r += 1) squares += (input[r * width + j]! - mean) ** 2;
      const deviation = Math.sqrt(squares / rows + 1e-5);
      this.#deviations[j] = deviation;
      for (let r = 0; r < rows; r += 1) {
        this.#output[r * width + j] = (input[r * width + j]! - mean) / deviation;
      }
    }
    return this.#output;
  }

  backward(gradient: Batch): Batch {
    const width = this.#width;
    const rows = gradient.length / width;
    const back = new Float64Array(gradient.length);
    for (let j = 0; j < width; j += 1) {
      let [sum, product] = [0, 0];
      for (let r = j; r < gradient.length; r += width) {
        sum += gradient[r]!;
        product += gradient[r]! * this.#output[r]!;
      }
      for (let r = j; r < gradient.length; r += width) {
        const centred = gradient[r]! - sum / rows - (this.#output[r]! * product) / rows;
        back[r] = centred / this.#deviations[j]!;
      }
    }
    return back;
  }

  step(): void {
    // Nothing to learn.
  }
}

/** ReLU, and dropout where `dropped` is above 0. */
export class Gate implements ToyLayer {
  readonly #dropped: number;
  readonly #rng: Rng;
  #factors: Batch = new Float64Array(0);

  constructor(dropped: number, rng: Rng) {
    this.#dropped = dropped;
    this.#rng = rng;
  }

  forward(input: Batch, isTraining: boolean): Batch {
    const dropped = isTraining ? this.#dropped : 0;
    this.#factors = input.map((value) => {
      const isKept = dropped === 0 || this.#rng.float() >= dropped;
      return value > 0 && isKept ? 1 / (1 - dropped) : 0;
    });
    return input.map((value, i) => value * this.#factors[i]!);
  }

  backward(gradient: Batch): Batch {
    return gradient.map((value, i) => value * this.#factors[i]!);
  }

  step(): void {
    // Nothing to learn.
  }
}
