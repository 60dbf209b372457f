/**
 * Features of data shards that this process holds between the orders of one clustering, and what
 * k-means has prepared of them. Shapes: n images of a data shard.
 */
import {
  FLOAT64_KERNELS,
  type ClusteringKernels,
  type RowsToCluster,
} from '../src/clustering/kernels.ts';
import type { HeldFeatures, OrderIds, ResidentShard } from '../src/work/tools.ts';
import { NOTHING_HELD, hold, residentShard, type Residency } from './state.ts';

export class FeatureStore implements HeldFeatures {
  readonly #clustering: ClusteringKernels;
  #held: Residency = NOTHING_HELD;
  /** Held features as k-means has them prepared, for as long as they are held. */
  readonly #prepared = new Map<Float32Array, RowsToCluster>();

  constructor(clustering: ClusteringKernels) {
    this.#clustering = clustering;
  }

  get held(): Residency {
    return this.#held;
  }

  of(epoch: number, shard: number, isProjected: boolean): ResidentShard {
    return residentShard(this.#held, shard, epoch, isProjected);
  }

  hold(
    { epoch, parameterVersion, clustering }: OrderIds,
    shard: Omit<ResidentShard, 'epoch' | 'parameterVersion' | 'clustering'>,
  ): void {
    this.#held = hold(this.#held, { ...shard, epoch, parameterVersion, clustering });
    this.#releaseUnheld();
  }

  drop(shard: number): void {
    this.#held = new Map([...this.#held].filter(([held]) => held !== shard));
    this.#releaseUnheld();
  }

  letGo(): void {
    this.#held = NOTHING_HELD;
    this.#releaseUnheld();
  }

  kernelsFor(rows: number): ClusteringKernels {
    return rows === 0 ? FLOAT64_KERNELS : this.#clustering;
  }

  rowsToCluster({ features, ids, dim }: ResidentShard): RowsToCluster {
    const prepared = this.#prepared.get(features);
    if (prepared !== undefined) return prepared;
    const rows = this.kernelsFor(ids.length).rowsToCluster(features, ids.length, dim);
    this.#prepared.set(features, rows);
    return rows;
  }

  #releaseUnheld(): void {
    const held = new Set([...this.#held.values()].map(({ features }) => features));
    for (const [features, rows] of this.#prepared) {
      if (held.has(features)) continue;
      rows.release();
      this.#prepared.delete(features);
    }
  }
}
