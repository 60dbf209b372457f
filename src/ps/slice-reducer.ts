/**
 * Reduces what the slices of a step pushed: gradients to their mean over samples, batch-norm statistics to one batch's.
 * Both sum in float64 in the order given, which the caller makes slice order: the order of arrival never shows in the bits.
 * Divides by samples, never by slices or workers. Shapes: P parameters, S statistics.
 */
import type { SlicePush } from './slice-push.ts';

/** Of at least one sample. */
export type ReducibleSlice = Pick<SlicePush, 'samples' | 'gradient' | 'statistics'>;

/** Small enough that the scratch stays in the nearest caches while every slice passes over it. */
export const BLOCK_ELEMENTS = 8192;

export class SliceReducer {
  /** In slice order, at least one. */
  readonly #slices: readonly ReducibleSlice[];
  readonly #samples: number;
  /** Scratch of one block. */
  readonly #sums: Float64Array;
  readonly #means: Float32Array;

  constructor(slices: readonly ReducibleSlice[]) {
    this.#slices = slices;
    this.#samples = slices.reduce((total, { samples }) => total + samples, 0);
    const elements = Math.min(BLOCK_ELEMENTS, slices[0]?.gradient.length ?? 0);
    this.#sums = new Float64Array(elements);
    this.#means = new Float32Array(elements);
  }

  /** Of all slices together. */
  get samples(): number {
    return this.#samples;
  }

  /** Of each slice [P], in slice order. */
  get gradients(): readonly Float32Array[] {
    return this.#slices.map(({ gradient }) => gradient);
  }

  /**
   * Mean gradient per sample of the elements begin .. end, at most BLOCK_ELEMENTS of them.
   * @returns [end - begin], valid until the next call
   */
  meanGradient(begin: number, end: number): Float32Array {
    const [first, ...others] = this.#slices.map(({ gradient }) => gradient.subarray(begin, end));
    const means = this.#means.subarray(0, end - begin);
    if (others.length === 0) return divide(first!, this.#samples, means);
    const sums = this.#sums.subarray(0, end - begin);
    sums.set(first!);
    for (const gradient of others) add(gradient, sums);
    return divide(sums, this.#samples, means);
  }

  /**
   * The running statistics after the step: (1 - m) * running + m * mean, the mean over slices weighted by samples.
   * @param running [S] read only
   * @param momenta [S] m, the weight of the newest batch
   * @returns [S], rounded to float32 once
   */
  mixStatistics(running: Float32Array, momenta: Float64Array): Float32Array {
    return running.map((value, i) => {
      const momentum = momenta[i]!;
      let sum = 0;
      for (const { samples, statistics } of this.#slices) sum += samples * statistics[i]!;
      return (1 - momentum) * value + momentum * (sum / this.#samples);
    });
  }
}

function add(values: Float32Array, sums: Float64Array): void {
  for (let i = 0; i < sums.length; i += 1) sums[i] = sums[i]! + values[i]!;
}

function divide(
  sums: Float32Array | Float64Array,
  samples: number,
  means: Float32Array,
): Float32Array {
  for (let i = 0; i < means.length; i += 1) means[i] = sums[i]! / samples;
  return means;
}
