/** Small ODC runs for tests: a state from given arrays, a step cut into slices, and made features that form groups. */
import type { CentroidRows } from '../../../src/clustering/nearest-two.ts';
import { sumRows } from '../../../src/clustering/odc/cluster-sums.ts';
import type { OdcCommit, OdcSettings } from '../../../src/clustering/odc/clusters.ts';
import { mixAndAssign, type MixedRows } from '../../../src/clustering/odc/mixing.ts';
import {
  consecutiveSamples,
  type SampleRange,
  type SliceRows,
} from '../../../src/clustering/odc/sample-memory.ts';
import {
  restoreOdc,
  type OdcSnapshot,
  type OdcState,
} from '../../../src/clustering/reference/odc-step.ts';
import { seededRng } from '../../../src/math/rng.ts';

/** A state in the middle of a run: rows and pseudo-labels as they are, centroids as they were published. */
export function stateOf(
  settings: OdcSettings,
  rows: Float32Array,
  pseudoLabels: Int32Array,
  centroids: Float32Array,
  ranges: readonly SampleRange[] = [consecutiveSamples(0, pseudoLabels.length)],
): OdcState {
  const { clusters, dim } = settings;
  const sums = sumRows(rows, pseudoLabels, clusters, dim);
  const arrays: Record<string, OdcSnapshot['arrays'][string]> = {
    pseudoLabels: { data: pseudoLabels.slice(), shape: [pseudoLabels.length] },
    clusterSums: { data: sums, shape: [clusters, dim] },
    publishedCentroids: { data: centroids.slice(), shape: [clusters, dim] },
  };
  ranges.forEach(({ first, stride, count }, part) => {
    const data = new Float32Array(count * dim);
    for (let i = 0; i < count; i += 1) {
      const id = first + i * stride;
      data.set(rows.subarray(id * dim, (id + 1) * dim), i * dim);
    }
    arrays[`memoryRows.${part}`] = { data, shape: [count, dim] };
  });
  return restoreOdc(settings, { arrays, counters: { step: 0, centroidVersion: 0 } }, ranges);
}

export interface SliceInput {
  readonly ids: readonly number[];
  /** [n, d] */
  readonly features: Float32Array;
}

/** What the workers of a step send, each from the rows before it. */
export function slicesOf(state: OdcState, inputs: readonly SliceInput[]): SliceRows[] {
  return inputs.map(({ ids, features }, slice) => ({
    slice,
    ids: Int32Array.from(ids),
    ...workOn(state, ids, features, state.clusters.centroids),
  }));
}

function workOn(
  state: OdcState,
  ids: readonly number[],
  features: Float32Array,
  centroids: CentroidRows,
): MixedRows {
  const { rows } = state.orderFor(Int32Array.from(ids));
  const { momentum, metric } = state.settings;
  return mixAndAssign(rows, features, centroids, momentum, metric);
}

/** One step, from the state's own rows. */
export function takeStep(state: OdcState, inputs: readonly SliceInput[]): OdcCommit {
  const outcome = state.commit(state.clusters.step, slicesOf(state, inputs));
  if (outcome.kind === 'duplicate') throw new Error('a new step was taken for a repeated one');
  return outcome;
}

/** [N, d] all rows of the memory, by id. */
export function allRows(state: OdcState): Float32Array {
  const { length } = state.clusters.pseudoLabels;
  return state.memory.rowsOf(Int32Array.from({ length }, (_, id) => id));
}

/** A source of features that lie around `groups` directions, fresh noise at every view. */
export class GroupedFeatures {
  readonly truth: Int32Array;
  readonly #dim: number;
  readonly #centres: Float64Array;
  readonly #noise: number;
  readonly #rng;

  constructor(count: number, dim: number, groups: number, noise: number, seed: number) {
    this.#rng = seededRng(seed, 'grouped-features');
    this.#dim = dim;
    this.#noise = noise;
    this.truth = Int32Array.from({ length: count }, () => this.#rng.integer(groups));
    this.#centres = Float64Array.from({ length: groups * dim }, () => Math.abs(this.#rng.normal()));
  }

  /** [n, d], non-negative as those of the reference's neck. */
  view(ids: readonly number[]): Float32Array {
    const dim = this.#dim;
    return Float32Array.from({ length: ids.length * dim }, (_, i) => {
      const group = this.truth[ids[Math.floor(i / dim)]!]!;
      return Math.max(
        0,
        this.#centres[group * dim + (i % dim)]! + this.#noise * this.#rng.normal(),
      );
    });
  }
}
