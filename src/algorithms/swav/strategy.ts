/**
 * SwAV in the coordinator: every image once an epoch, with the queue that codes are balanced over.
 * Prototypes are parameters like others, so nothing is clustered but for figures: each epoch begins
 * with one spherical k-means over a part of the sample memory, which reaches no loss. Source: Caron
 * et al. 2020 (arXiv:2006.09882), section 3. Shapes: N images, K clusters, d columns of a feature;
 * rows of the memory have one for each crop.
 */
import { arrayOf } from '../../arrays/bundle.ts';
import { consecutiveSamples, type MemoryShape } from '../../clustering/odc/sample-memory.ts';
import { drawOdcEpoch } from '../../clustering/odc/sampler.ts';
import { labelledIds, planOf, type EpochPlan } from '../epoch-plan.ts';
import type {
  Clustering,
  EpochStart,
  FinalPlan,
  Strategy,
  StrategyDeps,
  StrategyState,
} from '../strategy.ts';
import { presence, unitRowFigures } from '../unit-rows.ts';
import { swavConfigOf, type SwavConfig } from './config.ts';
import { DRAWS_ARTIFACT, drawsToBundle } from './queue.ts';

/** Size of a sample memory [bytes] up to which one worker clusters it, in one order. */
const WHOLE_BYTES = 64 * 2 ** 20;

export class SwavStrategy implements Strategy {
  readonly #deps: StrategyDeps;
  readonly #config: SwavConfig;
  /** The newest epoch's, for figures; null before the first. */
  #clusters: Pick<Clustering, 'pseudoLabels' | 'centroids'> | null = null;

  constructor(deps: StrategyDeps) {
    this.#deps = deps;
    this.#config = swavConfigOf(deps.config);
    deps.artifacts.offer(DRAWS_ARTIFACT, (rest) => {
      if (this.#clusters === null) return null;
      const epoch = Number(rest);
      const { queueLength } = this.#config;
      // Before the first epoch, the first memory's rows in an order of their own.
      const before = this.#drawn(epoch - 1).slice(-queueLength);
      return drawsToBundle({ before, ids: this.#drawn(epoch) });
    });
  }

  /** Those of the k-means for figures; -1 where an image has no row. */
  get pseudoLabels(): Int32Array {
    return this.#clusters?.pseudoLabels ?? new Int32Array(0);
  }

  /** Slices find their queue by their samples. */
  get sliceFacts(): null {
    return null;
  }

  memoryShape({ pseudoLabels }: StrategyState): MemoryShape | null {
    return pseudoLabels.length === 0 ? null : this.#shape();
  }

  async restore({ pseudoLabels, clustering }: StrategyState, version: number): Promise<void> {
    if (pseudoLabels.length === 0) return;
    const { memory, signal } = this.#deps;
    await memory.seal(version, presence(pseudoLabels), signal);
    this.#clusters = { pseudoLabels, centroids: arrayOf(clustering, 'centroids', Float32Array) };
  }

  async beginEpoch(epoch: number, version: number): Promise<EpochStart> {
    const { config, clusterMemory, noteClusters } = this.#deps;
    const previous = this.#clusters?.pseudoLabels ?? null;
    const present = previous ?? (await this.#fillMemory(version));
    const [found] = await clusterMemory(epoch, version, {
      heads: [{ head: 0, parts: this.#config.crops, part: 0 }],
      isWhole: this.#memoryBytes() <= WHOLE_BYTES,
      hasRow: (id) => present[id]! >= 0,
    });
    this.#clusters = found!;
    noteClusters(unitRowFigures(found!, config.clustering.k), { epoch, step: version });
    const { inertia, refilled } = found!;
    return { previousLabels: previous, isClustered: false, inertia, refilled };
  }

  /** Every image once. */
  plan(epoch: number): EpochPlan {
    return planOf(epoch, this.#drawn(epoch), this.pseudoLabels);
  }

  /** The memory has taken the step's rows, and that is all. */
  stepApplied(): Promise<void> {
    return Promise.resolve();
  }

  endEpoch(): null {
    return null;
  }

  /** Of the features that centre views have, in evaluation mode. */
  finalClustering(): FinalPlan {
    return { rows: 'unit', centroids: null, isSpherical: true };
  }

  snapshot(): Promise<StrategyState> {
    const { pseudoLabels } = this;
    if (this.#clusters === null) {
      return Promise.resolve({ pseudoLabels, clustering: {}, counters: null });
    }
    const { centroids: data } = this.#clusters;
    const shape = [this.#deps.config.clustering.k, this.#deps.featureDim];
    return Promise.resolve({
      pseudoLabels,
      clustering: { centroids: { data, shape } },
      counters: null,
    });
  }

  /** Images with a row stay the same ones, so any epoch's order can be drawn at any time. */
  #drawn(epoch: number): Int32Array {
    const { seed } = this.#deps.config;
    const ids = labelledIds(this.pseudoLabels);
    return drawOdcEpoch({ ids, seed, epoch, withReplacement: false });
  }

  /** @returns [N] 0 where an image has a row, -1 where it has none */
  async #fillMemory(version: number): Promise<Int32Array> {
    const { memory, fillMemory, signal } = this.#deps;
    await memory.begin(this.#shape(), signal);
    const present = await fillMemory(0, version, this.#config.crops);
    await memory.seal(version, present, signal);
    return present;
  }

  #memoryBytes(): number {
    const { count, dim } = this.#shape();
    return count * dim * Float32Array.BYTES_PER_ELEMENT;
  }

  #shape(): MemoryShape {
    const { imageCount, featureDim, config } = this.#deps;
    const dim = this.#config.crops * featureDim;
    return { ...consecutiveSamples(0, imageCount), dim, classes: config.clustering.k };
  }
}
