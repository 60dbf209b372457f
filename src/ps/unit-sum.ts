/**
 * What a worker pushes of a unit: the sums over its slices, by the tree of slice numbers.
 * Shapes: P parameters, S batch-norm statistics.
 */
import { FRESH_GRADIENTS, type GradientArrays } from './gradient-arrays.ts';
import type { SlicePush } from './slice-push.ts';
import { TreeSum, addVectors } from './slice-tree.ts';

/** What a pass over a slice gave. */
export interface SliceGradients {
  readonly samples: number;
  /** [P], sum over the slice's samples. */
  readonly gradient: Float32Array;
  /** [S], its batch means and unbiased variances. */
  readonly statistics: Float32Array;
}

export class UnitSum {
  readonly #round: (gradient: Float32Array) => void;
  readonly #gradients: TreeSum<Float32Array>;
  readonly #statistics = new TreeSum<Float32Array>((left, right) => addVectors(left, right));
  #samples = 0;

  /**
   * @param arrays get back each gradient that has been added to another
   * @param round to the values of the run's codec, in place: of each slice's gradient and of each
   *   sum of two; left out: they stay as they are
   */
  constructor(
    arrays: Pick<GradientArrays, 'giveBack'> = FRESH_GRADIENTS,
    round: (gradient: Float32Array) => void = () => undefined,
  ) {
    this.#round = round;
    this.#gradients = new TreeSum((left, right) => {
      const sum = addVectors(left, right);
      arrays.giveBack(right);
      round(sum);
      return sum;
    });
  }

  /** @param passed of a slice above those before; its gradient is taken over, and written to */
  add(slice: number, { samples, gradient, statistics }: SliceGradients): void {
    this.#samples += samples;
    this.#round(gradient);
    this.#gradients.push(slice, gradient);
    this.#statistics.push(slice, weighted(statistics, samples));
  }

  /** The sums, after which there are none. @throws Error where no slice came */
  finish(): Pick<SlicePush, 'samples' | 'gradient' | 'statistics'> {
    const gradient = this.#gradients.finish();
    const statistics = this.#statistics.finish();
    if (gradient === null || statistics === null) throw new Error('a unit without a slice');
    return { samples: this.#samples, gradient, statistics };
  }
}

/** @returns [S] rounded to float32 */
export function weighted(statistics: Float32Array, samples: number): Float32Array {
  return statistics.map((value) => samples * value);
}
