/**
 * The worker's part of a clustering over features that workers hold: they stay here, and what leaves are sums, labels and the
 * rows that k-means begins from. Source: Caron et al., ECCV 2018 (arXiv:1807.05520), sections 3.2 and 3.3.
 * Shapes: n images of a data shard, K clusters.
 */
import { arrayOf } from '../src/arrays/bundle.ts';
import type { NamedArrays } from '../src/arrays/safetensors.ts';
import {
  FLOAT64_KERNELS,
  type ClusteringKernels,
  type RowsToCluster,
} from '../src/clustering/kernels.ts';
import { normaliseRows } from '../src/clustering/odc/mixing.ts';
import type { RunConfig } from '../src/config/schema.ts';
import type { Order__Output } from '../src/rpc/generated/deepcluster/v1/Order.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import type { Outcome } from './outcome.ts';
import { NOTHING_HELD, hold, residentShard, type Residency, type ResidentShard } from './state.ts';
import { whiteningFromArrays, whiteningToArrays } from '../src/run/whitening-arrays.ts';

export interface ClusteringWorkDeps {
  readonly config: RunConfig;
  readonly clustering: ClusteringKernels;
  /** Fetches an artifact, or answers with what is being fetched already. */
  readonly artifact: (name: string) => Promise<NamedArrays>;
  /** Tells the heartbeat that something got done. */
  readonly advance: () => void;
  readonly logger: Logger;
}

export class ClusteringWork {
  readonly #deps: ClusteringWorkDeps;
  #held: Residency = NOTHING_HELD;
  /** Held features as k-means has them prepared, for as long as they are held. */
  readonly #prepared = new Map<Float32Array, RowsToCluster>();

  constructor(deps: ClusteringWorkDeps) {
    this.#deps = deps;
  }

  get held(): Residency {
    return this.#held;
  }

  /** Takes in features that were made for this order; lets go of every data shard of another clustering. */
  hold(
    { epoch, parameterVersion }: Order__Output,
    shard: Omit<ResidentShard, 'epoch' | 'parameterVersion'>,
  ): void {
    this.#held = hold(this.#held, { ...shard, epoch, parameterVersion });
    this.#releaseUnheld();
  }

  /** Lets go of one data shard. */
  drop(shard: number): void {
    this.#held = new Map([...this.#held].filter(([held]) => held !== shard));
    this.#releaseUnheld();
  }

  letGo(): void {
    this.#held = NOTHING_HELD;
    this.#releaseUnheld();
  }

  /** Answers orders of a clustering; null for any other. */
  perform(order: Order__Output): Promise<Outcome> | null {
    const { moments, solvePca, project, sampleRows, kmeansStep, assign } = order;
    if (moments) return this.#moments(order, moments.shard);
    if (solvePca) return this.#solvePca(solvePca.momentsArtifact);
    if (project) return this.#project(order, project.shard, project.whiteningArtifact);
    if (sampleRows) return this.#sampleRows(order, sampleRows.shard, sampleRows.rows);
    if (kmeansStep) return this.#kmeansStep(order, kmeansStep.shard, kmeansStep.centroidsArtifact);
    if (assign) return this.#assign(order, assign.shard, assign.centroidsArtifact);
    return null;
  }

  #moments(order: Order__Output, shard: number): Promise<Outcome> {
    const { features, ids, dim } = residentShard(this.#held, shard, order.epoch, false);
    const kernels = this.#kernelsFor(ids.length);
    const { count, sum, outer } = kernels.moments(features, ids.length, dim, this.#deps.advance);
    return Promise.resolve({
      header: { samples: count },
      arrays: {
        sum: { data: sum, shape: [dim] },
        outer: { data: outer, shape: [outer.length] },
      },
    });
  }

  async #solvePca(name: string): Promise<Outcome> {
    const { config, clustering, advance, logger } = this.#deps;
    const { pcaDim: outDim, pcaEpsilon: epsilon } = config.clustering;
    const arrays = await this.#deps.artifact(name);
    const whitening = clustering.solve(
      {
        count: arrayOf(arrays, 'count', Float64Array)[0]!,
        sum: arrayOf(arrays, 'sum', Float64Array),
        outer: arrayOf(arrays, 'outer', Float64Array),
      },
      {
        outDim,
        epsilon,
        onProgress: advance,
        onFallback: (reason) => {
          logger.warn('pca.solved-densely', { reason });
        },
      },
    );
    return { arrays: whiteningToArrays(whitening) };
  }

  async #project(order: Order__Output, shard: number, name: string): Promise<Outcome> {
    const resident = residentShard(this.#held, shard, order.epoch, false);
    if (name === '') {
      const unit = normaliseRows(resident.features, resident.dim);
      this.hold(order, { ...resident, features: unit, isProjected: true });
      return { header: { samples: resident.ids.length } };
    }
    const whitening = whiteningFromArrays(await this.#deps.artifact(name));
    const count = resident.ids.length;
    const kernels = this.#kernelsFor(count);
    const features = kernels.project(whitening, resident.features, count, this.#deps.advance);
    this.hold(order, { ...resident, features, dim: whitening.outDim, isProjected: true });
    return { header: { samples: count } };
  }

  #sampleRows(order: Order__Output, shard: number, rows: readonly number[]): Promise<Outcome> {
    const { features, dim } = residentShard(this.#held, shard, order.epoch, true);
    const picked = new Float32Array(rows.length * dim);
    rows.forEach((row, i) => {
      picked.set(features.subarray(row * dim, (row + 1) * dim), i * dim);
    });
    return Promise.resolve({ arrays: { rows: { data: picked, shape: [rows.length, dim] } } });
  }

  async #kmeansStep(order: Order__Output, shard: number, name: string): Promise<Outcome> {
    const { k } = this.#deps.config.clustering;
    const centroids = arrayOf(await this.#deps.artifact(name), 'centroids', Float32Array);
    const resident = residentShard(this.#held, shard, order.epoch, true);
    const rows = this.#rowsToCluster(resident);
    const { sums, counts, inertia } = rows.sum(centroids, k, shard, this.#deps.advance);
    return {
      arrays: {
        sums: { data: sums, shape: [k, resident.dim] },
        counts: { data: counts, shape: [k] },
        inertia: { data: Float64Array.of(inertia), shape: [1] },
      },
    };
  }

  async #assign(order: Order__Output, shard: number, name: string): Promise<Outcome> {
    const { k } = this.#deps.config.clustering;
    const centroids = arrayOf(await this.#deps.artifact(name), 'centroids', Float32Array);
    const resident = residentShard(this.#held, shard, order.epoch, true);
    const { ids } = resident;
    const rows = this.#rowsToCluster(resident);
    const { labels, inertia } = rows.assign(centroids, k, this.#deps.advance);
    return {
      arrays: {
        ids: { data: ids, shape: [ids.length] },
        labels: { data: labels, shape: [ids.length] },
        inertia: { data: Float64Array.of(inertia), shape: [1] },
      },
    };
  }

  #rowsToCluster({ features, ids, dim }: ResidentShard): RowsToCluster {
    const prepared = this.#prepared.get(features);
    if (prepared !== undefined) return prepared;
    const rows = this.#kernelsFor(ids.length).rowsToCluster(features, ids.length, dim);
    this.#prepared.set(features, rows);
    return rows;
  }

  /** A data shard none of whose images can be read is nothing that an engine has a form for. */
  #kernelsFor(rows: number): ClusteringKernels {
    return rows === 0 ? FLOAT64_KERNELS : this.#deps.clustering;
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
