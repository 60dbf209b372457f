/**
 * DeepCluster in the coordinator: all images are clustered at every epoch's beginning, and keep
 * their pseudo-labels for the epoch. Source: Caron et al. 2018 (arXiv:1807.05520), section 3; spec
 * of DeepCluster, section 1.
 */
import type { NamedArrays } from '../../arrays/safetensors.ts';
import { figuresOf } from '../../clustering/collapse.ts';
import type { ClusteringConfig } from '../../clustering/config.ts';
import { drawEpochSamples } from '../../clustering/sampler.ts';
import { seededRng } from '../../math/rng.ts';
import { planOf, type EpochPlan } from '../epoch-plan.ts';
import type { EpochStart, FinalPlan, Strategy, StrategyDeps, StrategyState } from '../strategy.ts';

export class DeepClusterStrategy implements Strategy {
  readonly sliceFacts = null;
  readonly #deps: StrategyDeps;
  #pseudoLabels: Int32Array = new Int32Array(0);
  /** Centroids and whitening of the newest clustering. */
  #clustering: NamedArrays = {};

  constructor(deps: StrategyDeps) {
    this.#deps = deps;
  }

  get pseudoLabels(): Int32Array {
    return this.#pseudoLabels;
  }

  memoryShape(): null {
    return null;
  }

  restore({ pseudoLabels, clustering }: StrategyState): Promise<void> {
    this.#pseudoLabels = pseudoLabels;
    this.#clustering = clustering;
    return Promise.resolve();
  }

  async beginEpoch(epoch: number, version: number): Promise<EpochStart> {
    const { k } = this.#deps.config.clustering;
    const previous = this.#pseudoLabels;
    const clustering = await this.#deps.cluster(epoch, version, 'whitened');
    const { pseudoLabels, inertia, refilled, centroids, clusterCount, whitening } = clustering;
    if (clustering.spread !== null) {
      const figures = figuresOf(clustering.spread, pseudoLabels, k);
      this.#deps.noteClusters(figures, { epoch, step: version });
    }
    this.#pseudoLabels = pseudoLabels;
    this.#clustering = {
      ...whitening,
      centroids: { data: centroids, shape: [clusterCount, centroids.length / clusterCount] },
    };
    const previousLabels = previous.length === 0 ? null : previous;
    return { previousLabels, isClustered: true, inertia, refilled };
  }

  plan(epoch: number): EpochPlan {
    const { seed, clustering } = this.#deps.config;
    return planEpoch(this.#pseudoLabels, epoch, seed, clustering);
  }

  stepApplied(): Promise<void> {
    return Promise.resolve();
  }

  endEpoch(): null {
    return null;
  }

  /** As another epoch would begin. */
  finalClustering(): FinalPlan {
    return { rows: 'whitened', centroids: null, isSpherical: false };
  }

  snapshot(): Promise<StrategyState> {
    const [pseudoLabels, clustering] = [this.#pseudoLabels, this.#clustering];
    return Promise.resolve({ pseudoLabels, clustering, counters: null });
  }
}

/**
 * `reassign` times as many draws as there are images with a pseudo-label, from all clusters alike.
 */
export function planEpoch(
  pseudoLabels: Int32Array,
  epoch: number,
  seed: number,
  clustering: ClusteringConfig,
): EpochPlan {
  const readable = pseudoLabels.reduce((count, label) => count + (label >= 0 ? 1 : 0), 0);
  const ids = drawEpochSamples({
    labels: pseudoLabels,
    k: clustering.k,
    length: Math.max(1, Math.floor(clustering.reassign * readable)),
    rng: seededRng(seed, 'sampler', epoch),
    mode: clustering.sampler,
  });
  return planOf(epoch, ids, pseudoLabels);
}
