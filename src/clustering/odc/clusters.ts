/**
 * The coordinator's half of Online Deep Clustering: which samples each cluster has, the centroid memory, the loss weights, and
 * what becomes of them at the end of a step. The rows themselves are elsewhere (odc-sample-memory.ts).
 * Sources: Zhan et al., CVPR 2020 (arXiv:2006.10645), algorithm 1; spec of ODC, sections 5 to 8.
 * Shapes: N samples, K clusters, d columns.
 */
import { configInvalid, protocolViolation, shapeMismatch } from '../../errors.ts';
import type { CentroidRows, RowMetric } from '../nearest-two.ts';
import { CentroidMemory, type CentroidMemoryState } from './centroid-memory.ts';
import { ClusterMembers } from './cluster-members.ts';
import { sumRows } from './cluster-sums.ts';
import { classWeights, type LossWeightRule } from './loss-weights.ts';
import type { MemoryChange } from './sample-memory.ts';
import { isIntervalDue } from './sampler.ts';
import {
  NO_SMALL_CLUSTERS,
  planSmallClusters,
  type RowRequests,
  type SmallClusterCounts,
  type SmallClusterPlan,
} from './small-clusters.ts';
import type { StepStatistics } from './statistics.ts';

export interface OdcSettings {
  readonly clusters: number;
  readonly dim: number;
  /** Weight of the fresh feature in a memory row. */
  readonly momentum: number;
  readonly metric: RowMetric;
  /** Steps between publications of all centroids. */
  readonly centroidInterval: number;
  /** Steps between treatments of small clusters. */
  readonly smallClusterInterval: number;
  /** A cluster with fewer members is small. */
  readonly minSize: number;
  /** Small clusters treated in one step at most. */
  readonly maxSplits: number;
  /** Null leaves all clusters the same weight. */
  readonly lossWeights: LossWeightRule | null;
}

export interface OdcClustersState {
  /** The step that is committed next, counted from 0 over the whole run. */
  readonly step: number;
  /** [N], -1 for a sample without a feature */
  readonly pseudoLabels: Int32Array;
  readonly centroids: CentroidMemoryState;
}

/** What a step did, and what the sample memory has to be told: the clusters that small clusters' rows have got. */
export interface OdcCommit extends StepStatistics {
  readonly kind: 'applied';
  readonly movedIds: Int32Array;
  readonly movedLabels: Int32Array;
  readonly isPublished: boolean;
}

export type OdcCommitOutcome = OdcCommit | { readonly kind: 'duplicate' };

export class OdcClusters {
  readonly #settings: OdcSettings;
  readonly #members: ClusterMembers;
  readonly #centroids: CentroidMemory;
  /** [K] of the sizes as they are; replaced, never written. */
  #weights: Float64Array;
  /** Every step below it has been committed, none from it on. */
  #step: number;

  /**
   * @param state its sums and centroids are taken over, not copied
   * @throws TrainerError SHAPE_MISMATCH, NON_FINITE, PROTOCOL_VIOLATION
   */
  constructor(settings: OdcSettings, state: OdcClustersState) {
    this.#settings = settings;
    this.#members = new ClusterMembers(state.pseudoLabels, settings.clusters);
    this.#centroids = new CentroidMemory(settings.clusters, settings.dim, state.centroids);
    this.#step = state.step;
    this.#weights = this.#weigh();
  }

  get step(): number {
    return this.#step;
  }

  /** [K] to read, not to write. */
  get sizes(): Int32Array {
    return this.#members.sizes;
  }

  /** [N] to read, not to write. */
  get pseudoLabels(): Int32Array {
    return this.#members.pseudoLabels;
  }

  get centroidMemory(): CentroidMemory {
    return this.#centroids;
  }

  get centroids(): CentroidRows {
    return this.#centroids.centroids;
  }

  /** [K] that sum to 1, for the losses of the next step. */
  get weights(): Float64Array {
    return this.#weights;
  }

  membersOf(label: number): Int32Array {
    return this.#members.membersOf(label);
  }

  /**
   * Takes a step's change of the sample memory into the clusters; then, where due: publishes the centroids, treats small
   * clusters; then renews the loss weights. Rows of small and of split clusters are asked for, as they are after the step. A step
   * that was committed before changes nothing, whatever comes with it. The requests must be answered to the end: a commit that is
   * abandoned in between leaves a state that only a checkpoint mends.
   * @throws TrainerError PROTOCOL_VIOLATION for a step not yet due
   */
  *commit(step: number, change: MemoryChange): RowRequests<OdcCommitOutcome> {
    if (step < this.#step) return { kind: 'duplicate' };
    if (step > this.#step) {
      const remedy = 'commit steps in order, each once';
      throw protocolViolation('step of the clusters', `step ${this.#step}`, `step ${step}`, remedy);
    }
    this.#takeIn(change);
    const { centroidInterval, smallClusterInterval, minSize } = this.#settings;
    const isPublished = isIntervalDue(step, centroidInterval);
    if (isPublished) this.#centroids.publish(this.#members.sizes);
    const plan = isIntervalDue(step, smallClusterInterval)
      ? yield* this.#treatSmallClusters(minSize)
      : null;
    this.#weights = this.#weigh();
    this.#step += 1;
    return {
      kind: 'applied',
      copies: change.copies,
      relabelled: change.relabelled,
      smallClusters: plan?.counts ?? NO_SMALL_CLUSTERS,
      movedIds: plan?.ids ?? new Int32Array(0),
      movedLabels: plan?.to ?? new Int32Array(0),
      isPublished,
    };
  }

  /**
   * Before the first step: gives clusters that k-means left empty a part of the largest. The reference stops instead.
   * @returns what was done, and what the sample memory has to be told
   */
  *fillEmptyClusters(): RowRequests<{ counts: SmallClusterCounts; plan: SmallClusterPlan | null }> {
    const plan = yield* this.#treatSmallClusters(1);
    this.#weights = this.#weigh();
    return { counts: plan?.counts ?? NO_SMALL_CLUSTERS, plan };
  }

  /** Everything, without a copy: to be written out before the next step is committed. */
  snapshot(): OdcClustersState {
    return {
      step: this.#step,
      pseudoLabels: this.#members.pseudoLabels,
      centroids: this.#centroids.snapshot(),
    };
  }

  #takeIn({ ids, oldRows, oldLabels, newRows, newLabels }: MemoryChange): void {
    ids.forEach((id, i) => {
      this.#centroids.replaceRow(oldLabels[i]!, oldRows, newLabels[i]!, newRows, i);
      this.#members.move(id, newLabels[i]!);
    });
  }

  *#treatSmallClusters(minSize: number): RowRequests<SmallClusterPlan | null> {
    const { maxSplits, metric } = this.#settings;
    const rule = { minSize, maxSplits, metric };
    const plan = yield* planSmallClusters(this.#members, this.#centroids.centroids, rule);
    if (plan === null) return null;
    plan.ids.forEach((id, i) => {
      this.#centroids.moveRow(plan.from[i]!, plan.to[i]!, plan.rows, i);
      this.#members.move(id, plan.to[i]!);
    });
    this.#centroids.publishOnly(this.#members.sizes, plan.republished);
    return plan;
  }

  #weigh(): Float64Array {
    const { clusters, lossWeights } = this.#settings;
    if (lossWeights === null) return new Float64Array(clusters).fill(1 / clusters);
    return classWeights(this.#members.sizes, lossWeights);
  }
}

/**
 * The state after the initial clustering: the sums of the rows as they were labelled, and their means published. These are not
 * k-means' own centroids, except where it converged.
 * @param rows [N, d] unit rows
 * @param pseudoLabels [N], -1 for a sample without a feature
 * @throws TrainerError CONFIG_INVALID for more clusters than samples, SHAPE_MISMATCH
 */
export function initialClusters(
  rows: Float32Array,
  pseudoLabels: Int32Array,
  { clusters, dim }: Pick<OdcSettings, 'clusters' | 'dim'>,
): OdcClustersState {
  const n = pseudoLabels.length;
  if (rows.length !== n * dim) throw shapeMismatch('initial rows', [n, dim], [rows.length]);
  return clustersFromSums(sumRows(rows, pseudoLabels, clusters, dim), pseudoLabels, clusters, dim);
}

/** As {@link initialClusters}, with the cluster sums [K, d] that the parts of the memory have made and added up. */
export function clustersFromSums(
  sums: Float64Array,
  pseudoLabels: Int32Array,
  clusters: number,
  dim: number,
): OdcClustersState {
  const labelled = pseudoLabels.filter((label) => label >= 0);
  if (labelled.length < clusters) {
    const rule = `must not exceed the number of images (${labelled.length})`;
    throw configInvalid('clustering.k', rule, clusters);
  }
  const sizes = new Int32Array(clusters);
  for (const label of labelled) sizes[label]! += 1;
  const published = Float32Array.from(sums, (sum, i) => {
    const size = sizes[Math.floor(i / dim)]!;
    return size === 0 ? 0 : sum / size;
  });
  return { step: 0, pseudoLabels, centroids: { version: 0, sums, published } };
}
