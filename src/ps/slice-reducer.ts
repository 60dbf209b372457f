/**
 * Reduces what the units of a step pushed: gradients to their mean over samples, batch-norm
 * statistics to one batch's. Both sum by the tree of slice numbers (slice-tree.ts): neither the
 * order of arrival nor who computed what shows in the bits. Divides by samples, never by slices or
 * workers. Shapes: P parameters, S statistics.
 */
import type { GradientCodec } from './codec/gradient-codec.ts';
import type { SlicePush } from './slice-push.ts';
import { TreeSum, addVectors } from './slice-tree.ts';

/** Of at least one sample. */
export type ReducibleUnit = Pick<SlicePush, 'slice' | 'samples' | 'gradient' | 'statistics'>;

/**
 * Small enough that the scratch stays in the nearest caches while every unit passes over it; whole
 * blocks of every codec.
 */
export const BLOCK_ELEMENTS = 8192;

export class SliceReducer {
  /** In slice order, at least one. */
  readonly #units: readonly ReducibleUnit[];
  readonly #samples: number;
  /** Scratch of one block. */
  readonly #means = new Float32Array(BLOCK_ELEMENTS);
  /** Scratch of one block, for each level of the tree that is open at a time. */
  readonly #sums: Float32Array[] = [];

  /** @param units in slice order: nodes of the tree that have no slice in common */
  constructor(units: readonly ReducibleUnit[]) {
    this.#units = units;
    this.#samples = units.reduce((total, { samples }) => total + samples, 0);
  }

  /** Of all slices together. */
  get samples(): number {
    return this.#samples;
  }

  /** Of each unit [P], in slice order. */
  get gradients(): readonly Float32Array[] {
    return this.#units.map(({ gradient }) => gradient);
  }

  /** The first slice of each unit. */
  get slices(): readonly number[] {
    return this.#units.map(({ slice }) => slice);
  }

  /**
   * Mean gradient per sample of the elements begin .. end, at most BLOCK_ELEMENTS of them.
   * @param codec to whose values each sum of two is rounded; blocks of it are counted from `begin`
   * @returns [end - begin], valid until the next call
   */
  meanGradient(begin: number, end: number, codec: GradientCodec | null = null): Float32Array {
    const sums = this.#sumOf('gradient', begin, end, codec);
    const means = this.#means.subarray(0, end - begin);
    for (let i = 0; i < means.length; i += 1) means[i] = sums[i]! / this.#samples;
    return means;
  }

  /**
   * The running statistics after the step: (1 - m) * running + m * mean, the mean over slices
   * weighted by samples.
   * @param running [S] read only
   * @param momenta [S] m, the weight of the newest batch
   * @returns [S], rounded to float32 once
   */
  mixStatistics(running: Float32Array, momenta: Float64Array): Float32Array {
    const mixed = new Float32Array(running.length);
    for (let begin = 0; begin < running.length; begin += BLOCK_ELEMENTS) {
      const end = Math.min(begin + BLOCK_ELEMENTS, running.length);
      this.#sumOf('statistics', begin, end).forEach((sum, i) => {
        const momentum = momenta[begin + i]!;
        mixed[begin + i] = (1 - momentum) * running[begin + i]! + momentum * (sum / this.#samples);
      });
    }
    return mixed;
  }

  /** @returns [end - begin] at most BLOCK_ELEMENTS, to read, valid until the next call */
  #sumOf(
    what: 'gradient' | 'statistics',
    begin: number,
    end: number,
    codec: GradientCodec | null = null,
  ): Float32Array {
    const tree = new TreeSum<Float32Array>((left, right, depth) => {
      this.#sums[depth] ??= new Float32Array(BLOCK_ELEMENTS);
      const sum = addVectors(left, right, this.#sums[depth].subarray(0, end - begin));
      codec?.round(sum);
      return sum;
    });
    for (const unit of this.#units) tree.push(unit.slice, unit[what].subarray(begin, end));
    return tree.finish() ?? new Float32Array(end - begin);
  }
}
