/**
 * The oracle's queue of SwAV: all draws of the run in a list, and rows that are copied before a
 * step. Shapes: L images of the queue, d columns of a feature; rows have one for each crop.
 */
import { drawOdcEpoch } from '../../src/clustering/odc/sampler.ts';
import { CROPS, cropsOf, type CropSlice, type DrawnSlice, type V2State } from './plain-memory.ts';
import { QUEUE_LENGTH, type Scenario, type TinyModel } from './tiny-network.ts';

export class PlainQueue {
  /** Of the run so far, as if there had been an epoch before the first. */
  readonly #draws: number[];
  /** [L, CROPS * d] as they were before the step, the newest draw first. */
  rows = new Float32Array(0);

  constructor({ images, unreadable, seed }: Scenario) {
    const ids = Int32Array.from({ length: images }, (_, id) => id).filter(
      (id) => id !== unreadable,
    );
    this.#draws = [...drawOdcEpoch({ ids, seed, epoch: -1, withReplacement: false })];
  }

  /** @param ids of all draws of the step that begins */
  begin(ids: Int32Array, memory: V2State['memory']): void {
    const newest = [...new Set(this.#draws.toReversed())].slice(0, QUEUE_LENGTH);
    this.rows = Float32Array.from(newest.flatMap((id) => [...memory.get(id)!]));
    this.#draws.push(...ids);
  }
}

export function swappedSlice(queue: Float32Array, drawn: DrawnSlice, model: TinyModel): CropSlice {
  const { ids, slice, seed, epoch } = drawn;
  const swapped = {
    ...{ crops: CROPS, temperature: 0.1, epsilon: 0.05, iterations: 3, queue },
    isFrozen: epoch < 1,
  };
  const passed = model.swappedGradient(cropsOf(drawn), ids.length, swapped, seed);
  const rows = { slice, ids, rows: passed.features, pseudoLabels: ids };
  return { ...passed, samples: ids.length, rows };
}
