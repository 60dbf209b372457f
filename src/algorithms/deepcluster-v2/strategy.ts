/**
 * DeepCluster-v2 in the coordinator: each epoch begins with several clusterings of the rows that
 * the epoch before left in the sample memory; their centroids are the prototypes that views are
 * compared with, frozen for the epoch. Source: Caron et al. 2020 (arXiv:2006.09882), section 4 and
 * appendix. Shapes: N images, H heads, K clusters, d columns of a feature; rows of the memory have
 * one for each crop.
 */
import { z } from 'zod';
import { arrayOf } from '../../arrays/bundle.ts';
import type { NamedArrays } from '../../arrays/safetensors.ts';
import { consecutiveSamples, type MemoryShape } from '../../clustering/odc/sample-memory.ts';
import { drawOdcEpoch } from '../../clustering/odc/sampler.ts';
import { checkpointCorrupt } from '../../errors.ts';
import { joined, joinedIntegers } from '../../math/matrix.ts';
import { labelledIds, planOf, type EpochPlan } from '../epoch-plan.ts';
import type {
  Clustering,
  EpochStart,
  FinalPlan,
  SliceFacts,
  Strategy,
  StrategyDeps,
  StrategyState,
} from '../strategy.ts';
import { presence, unitRowFigures } from '../unit-rows.ts';
import { deepclusterV2ConfigOf, type DeepclusterV2Config } from './config.ts';
import { PROTOTYPES_ARTIFACT, prototypesToBundle } from './prototypes.ts';

const countersSchema = z.object({ epoch: z.int().min(0) });

/** What the heads of an epoch came to. */
interface EpochHeads {
  readonly epoch: number;
  /** [H] of [N], -1 for an image without a row. */
  readonly labels: readonly Int32Array[];
  /** [H, K, d] unit rows. */
  readonly prototypes: Float32Array;
}

export class DeepclusterV2Strategy implements Strategy {
  readonly #deps: StrategyDeps;
  readonly #config: DeepclusterV2Config;
  /** Null before the first clustering. */
  #heads: EpochHeads | null = null;

  constructor(deps: StrategyDeps) {
    this.#deps = deps;
    this.#config = deepclusterV2ConfigOf(deps.config);
    deps.artifacts.offer(PROTOTYPES_ARTIFACT, (rest) =>
      this.#heads?.epoch === Number(rest) ? prototypesToBundle(this.#heads.prototypes) : null,
    );
  }

  /** Those of the first head. */
  get pseudoLabels(): Int32Array {
    return this.#heads?.labels[0] ?? new Int32Array(0);
  }

  get sliceFacts(): SliceFacts | null {
    const heads = this.#heads;
    if (heads === null) return null;
    const further = heads.labels.slice(1);
    return {
      centroidVersion: heads.epoch,
      lossWeights: () => [],
      furtherLabels: (ids) =>
        Int32Array.from(
          { length: ids.length * further.length },
          (_, i) => further[i % further.length]![ids[Math.floor(i / further.length)]!]!,
        ),
    };
  }

  memoryShape({ pseudoLabels }: StrategyState): MemoryShape | null {
    return pseudoLabels.length === 0 ? null : this.#shape();
  }

  async restore({ pseudoLabels, clustering, counters }: StrategyState, version: number) {
    if (pseudoLabels.length === 0) return;
    const { memory, imageCount, signal } = this.#deps;
    await memory.seal(version, presence(pseudoLabels), signal);
    const further = arrayOf(clustering, 'further-labels', Int32Array);
    const labels = [pseudoLabels];
    for (let begin = 0; begin < further.length; begin += imageCount) {
      labels.push(further.slice(begin, begin + imageCount));
    }
    const counted = countersSchema.safeParse(counters);
    if (!counted.success || labels.length !== this.#config.heads) {
      const problem = counted.error?.message ?? `pseudo-labels of ${labels.length} heads`;
      throw checkpointCorrupt('DeepCluster-v2 state', problem);
    }
    const { epoch } = counted.data;
    const prototypes = joined([
      arrayOf(clustering, 'centroids', Float32Array),
      arrayOf(clustering, 'further-centroids', Float32Array),
    ]);
    this.#heads = { epoch, labels, prototypes };
  }

  async beginEpoch(epoch: number, version: number): Promise<EpochStart> {
    const previous = this.#heads?.labels[0] ?? null;
    const present = previous ?? (await this.#fillMemory(version));
    const { heads: count, crops } = this.#config;
    const found = await this.#deps.clusterMemory(epoch, version, {
      heads: Array.from({ length: count }, (_, head) => ({
        head,
        parts: crops,
        part: head % crops,
      })),
      isWhole: this.#memoryBytes() <= this.#config.wholeBytes,
      hasRow: (id) => present[id]! >= 0,
    });
    const labels = found.map(({ pseudoLabels }) => pseudoLabels);
    this.#heads = { epoch, labels, prototypes: joined(found.map(({ centroids }) => centroids)) };
    this.#note(found, { epoch, step: version });
    const [first] = found;
    const { inertia, refilled } = first!;
    return { previousLabels: previous, isClustered: false, inertia, refilled };
  }

  /** Every image once. */
  plan(epoch: number): EpochPlan {
    const { seed } = this.#deps.config;
    const ids = labelledIds(this.pseudoLabels);
    const drawn = drawOdcEpoch({ ids, seed, epoch, withReplacement: false });
    return planOf(epoch, drawn, this.pseudoLabels);
  }

  /** The memory has taken the step's rows; clusters stay as they are until the next epoch. */
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
    const heads = this.#heads;
    if (heads === null) {
      return Promise.resolve({ pseudoLabels: this.pseudoLabels, clustering: {}, counters: null });
    }
    const { k } = this.#deps.config.clustering;
    const { featureDim: dim } = this.#deps;
    const { labels, prototypes, epoch } = heads;
    const further = labels.length - 1;
    const clustering: NamedArrays = {
      centroids: { data: prototypes.slice(0, k * dim), shape: [k, dim] },
      'further-centroids': { data: prototypes.slice(k * dim), shape: [further, k, dim] },
      'further-labels': {
        data: joinedIntegers(labels.slice(1)),
        shape: [further, this.#deps.imageCount],
      },
    };
    return Promise.resolve({ pseudoLabels: labels[0]!, clustering, counters: { epoch } });
  }

  /** @returns [N] 0 where an image has a row, -1 where it has none */
  async #fillMemory(version: number): Promise<Int32Array> {
    const { memory, signal } = this.#deps;
    await memory.begin(this.#shape(), signal);
    const present = await this.#deps.fillMemory(0, version, this.#config.crops);
    await memory.seal(version, present, signal);
    return present;
  }

  #note(found: readonly Clustering[], at: { epoch: number; step: number }): void {
    this.#deps.noteClusters(unitRowFigures(found[0]!, this.#deps.config.clustering.k), at);
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
