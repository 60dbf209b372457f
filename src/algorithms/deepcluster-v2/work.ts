/**
 * The worker's part of DeepCluster-v2: prototypes come in; the unit features of a slice's crops go
 * out with its gradient, and are the rows that the next epoch clusters. Source: Caron et al. 2020
 * (arXiv:2006.09882), section 4 and appendix. Shapes: n samples of a slice, d columns, H heads, K
 * clusters.
 */
import type { Prototypes } from '../../clustering/prototypes.ts';
import type { MovedRows } from '../../server-clients/sample-shards.ts';
import type {
  AlgorithmSlice,
  AlgorithmWork,
  AlgorithmWorkDeps,
  SliceLease,
  SmallCrops,
} from '../work.ts';
import { deepclusterV2ConfigOf, smallCropsOf } from './config.ts';
import { prototypesArtifact, prototypesFromBundle } from './prototypes.ts';

export class DeepclusterV2Work implements AlgorithmWork {
  readonly crops: number;
  readonly smallCrops: SmallCrops | null;
  readonly usesFeatures = true;
  readonly #deps: AlgorithmWorkDeps;

  constructor(deps: AlgorithmWorkDeps) {
    this.#deps = deps;
    this.crops = deepclusterV2ConfigOf(deps.config).crops;
    this.smallCrops = smallCropsOf(deps.config);
  }

  /** There is no head. */
  headEpoch(): number {
    return -1;
  }

  prepare(_order: SliceLease, { centroidVersion }: AlgorithmSlice): void {
    this.#deps.artifact(prototypesArtifact(centroidVersion)).catch(() => undefined);
  }

  async prototypes({ centroidVersion }: AlgorithmSlice): Promise<Prototypes> {
    const { config, featureDim, artifact } = this.#deps;
    const { heads, temperature } = deepclusterV2ConfigOf(config);
    const { k: clusters } = config.clustering;
    const bundle = await artifact(prototypesArtifact(centroidVersion));
    const values = prototypesFromBundle(bundle, heads * clusters * featureDim);
    return { values, heads, clusters, temperature };
  }

  swapped(): Promise<null> {
    return Promise.resolve(null);
  }

  forget(): void {
    // Artifacts are the worker's to forget.
  }

  /**
   * The fresh rows take the place of the old ones: there is no momentum.
   * @param features [n, crops * d] unit features
   */
  moveRows(
    _order: SliceLease,
    { samples: { ids } }: AlgorithmSlice,
    features: Float32Array,
  ): Promise<MovedRows> {
    return Promise.resolve({ ids, rows: features, pseudoLabels: new Int32Array(ids.length) });
  }
}
