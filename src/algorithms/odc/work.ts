/**
 * The worker's part of ODC: rows of the sample memory and the published centroids come in, mixed
 * rows and new pseudo-labels go out with the gradient. Sources: Zhan et al., CVPR 2020
 * (arXiv:2006.10645), section 3.2; spec of ODC, section 6. Shapes: n samples of a slice, d columns,
 * K clusters.
 */
import { centroidsArtifact, deltaFromBundle } from '../../clustering/odc/bundles.ts';
import { applyCentroidDelta, type CentroidDelta } from '../../clustering/odc/centroid-memory.ts';
import { mixAndAssign } from '../../clustering/odc/mixing.ts';
import { TrainerError, protocolViolation } from '../../errors.ts';
import type { MovedRows } from '../../server-clients/sample-shards.ts';
import type { AlgorithmSlice, AlgorithmWork, AlgorithmWorkDeps, SliceLease } from '../work.ts';
import { odcConfigOf } from './config.ts';

/** Slices whose memory rows are fetched or being fetched. */
const SLICES_AHEAD = 6;

export class OdcWork implements AlgorithmWork {
  readonly crops = 1;
  readonly smallCrops = null;
  readonly usesFeatures = true;
  readonly #deps: AlgorithmWorkDeps;
  /** [K, d] as published in #version; zeros, and -1, before the first. */
  readonly #centroids: Float32Array;
  #version = -1;
  /** By lease and slice, oldest first: memory rows of the slice [n, d]. */
  readonly #rows = new Map<string, Promise<Float32Array>>();

  constructor(deps: AlgorithmWorkDeps) {
    this.#deps = deps;
    this.#centroids = new Float32Array(deps.config.clustering.k * deps.featureDim);
  }

  /** There is one clustering, before the first step. */
  headEpoch(): number {
    return 0;
  }

  prepare(order: SliceLease, slice: AlgorithmSlice): void {
    const { centroidVersion } = slice;
    this.#rowsFor(order, slice).catch(() => undefined);
    if (centroidVersion === this.#version) return;
    this.#deps.artifact(centroidsArtifact(this.#version, centroidVersion)).catch(() => undefined);
  }

  prototypes(): Promise<null> {
    return Promise.resolve(null);
  }

  swapped(): Promise<null> {
    return Promise.resolve(null);
  }

  forget(): void {
    this.#rows.clear();
    this.#version = -1;
  }

  /**
   * Mixes the slice's features into its memory rows and assigns them anew.
   * @param features [n, d] of its samples, as the training pass made them
   * @returns what is pushed with the gradient
   */
  async moveRows(
    order: SliceLease,
    slice: AlgorithmSlice,
    features: Float32Array,
  ): Promise<MovedRows> {
    const { config, featureDim: dim } = this.#deps;
    const { k } = config.clustering;
    const { momentum, metric } = odcConfigOf(config);
    const { samples, centroidVersion } = slice;
    const { ids } = samples;
    const rows = await this.#rowsFor(order, slice);
    this.#rows.delete(keyOf(order, slice));
    await this.#bringCentroidsTo(centroidVersion);
    const centroids = { values: this.#centroids, clusters: k, dim };
    const mixed = mixAndAssign(rows, features, centroids, momentum, metric);
    return { ids, ...mixed };
  }

  #rowsFor(order: SliceLease, slice: AlgorithmSlice): Promise<Float32Array> {
    const key = keyOf(order, slice);
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const { memory, signal } = this.#deps;
    const rows = memory.rows(order.parameterVersion, slice.samples.ids, signal);
    this.#rows.set(key, rows);
    for (const oldest of this.#rows.keys()) {
      if (this.#rows.size <= SLICES_AHEAD) break;
      this.#rows.delete(oldest);
    }
    return rows;
  }

  async #bringCentroidsTo(wanted: number): Promise<void> {
    if (wanted === this.#version) return;
    const held = this.#version;
    const delta = deltaFromBundle(await this.#deps.artifact(centroidsArtifact(held, wanted)));
    // A delta is of use only on what it was made for; meanwhile the session may have ended.
    if (this.#version !== held) {
      throw new TrainerError('LEASE_LOST', `centroids of version ${wanted}: their session is over`);
    }
    this.#requireFit(delta, wanted);
    applyCentroidDelta(this.#centroids, delta, this.#deps.featureDim);
    this.#version = delta.version;
  }

  #requireFit({ version, clusters, values, isWhole }: CentroidDelta, wanted: number): void {
    const { k } = this.#deps.config.clustering;
    const fits =
      version === wanted &&
      (isWhole ? clusters.length === k : this.#version >= 0) &&
      values.length === clusters.length * this.#deps.featureDim &&
      clusters.every((label) => label >= 0 && label < k);
    if (fits) return;
    throw protocolViolation(
      'published centroids',
      `version ${wanted} of ${k} clusters`,
      `version ${version}, ${clusters.length} clusters, ${values.length} numbers`,
      'run the same release on every process',
    );
  }
}

function keyOf({ leaseId }: SliceLease, { slice }: AlgorithmSlice): string {
  return `${leaseId}/${slice}`;
}
