/**
 * The clustering of an epoch, in the order of the paper, spread over the workers: features, moments, PCA whitening, k-means,
 * assignment. Features never leave the workers; what comes here is sums per data shard, folded in shard order.
 * Source: Caron et al. 2018, spec of DeepCluster, sections 4 and 5.
 * Shapes: N readable images, D feature dimensions, d whitened dimensions, K centroids.
 */
import { arrayOf } from '../../src/arrays/bundle.ts';
import type { NamedArrays } from '../../src/arrays/safetensors.ts';
import { spreadOfMoments, type CollapseFigures } from '../../src/clustering/collapse.ts';
import {
  mergeShardSums,
  nextCentroids,
  type ShardSums,
} from '../../src/clustering/kmeans-reducer.ts';
import { clusterSeed, initialCentroidIds } from '../../src/clustering/kmeans.ts';
import { mergeMoments, type ShardMoments } from '../../src/clustering/moments.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { DataShard } from '../../src/data/shard-plan.ts';
import { configInvalid, dataUnreadable } from '../../src/errors.ts';
import type { Progress } from '../../src/telemetry/notice.ts';
import type { Artifacts } from '../control/artifacts.ts';
import {
  requireDifferentFeatures,
  requireFilledClusters,
  type ClusteringMoment,
} from './collapse-watch.ts';
import type { Dispatcher } from '../control/dispatcher.ts';
import { ImagesLeftOut, type MissingImages } from '../images/missing-images.ts';
import type { OrderContext } from '../control/order-composer.ts';
import { OrderedFold } from './ordered-fold.ts';
import type { ResultPayload } from '../fleet/service.ts';
import type { Phase } from '../control/state.ts';
import type { Work } from '../control/work.ts';

export interface ClusteringDeps {
  readonly config: RunConfig;
  readonly imageCount: number;
  readonly dispatcher: Dispatcher;
  readonly context: OrderContext;
  readonly artifacts: Artifacts;
  readonly images: Pick<MissingImages, 'accept' | 'beginClustering' | 'clustered'>;
  readonly noteUnreadable: (payload: ResultPayload) => void;
  /** Called when images have been left out. */
  readonly imagesLeftOut: () => Promise<void>;
  /**
   * Called with how far the clusters are from collapse, and since when.
   * @param at its step is the next one
   */
  readonly noteClusters: (figures: CollapseFigures, at: ClusteringMoment) => void;
  readonly progress: (progress: Progress) => void;
  readonly enterPhase: (phase: Phase) => void;
}

/** What an epoch's clustering gives. */
export interface Clustering {
  /** [N images] cluster of every image, -1 where it could not be read. */
  readonly pseudoLabels: Int32Array;
  /** Sum of squared distances to the own centroid, at the final assignment. */
  readonly inertia: number;
  /** Empty clusters that were refilled, over all iterations. */
  readonly refilled: number;
  /** [K, d], with the whitening they live in. */
  readonly centroids: Float32Array;
  readonly whitening: NamedArrays;
  /** Of the features as they were; null where there were no moments. */
  readonly spread: number | null;
}

export async function clusterEpoch(
  epoch: number,
  parameterVersion: number,
  deps: ClusteringDeps,
): Promise<Clustering> {
  return withImages(parameterVersion, deps, async () => {
    const round = new ClusteringRound(epoch, parameterVersion, deps);
    await round.extract();
    await round.whiten();
    await round.drawCentroids();
    await round.iterate();
    return round.assign();
  });
}

/** ODC's one clustering, before its first step: unit rows as they are, k-means, and the rows to the sample memory. */
export async function clusterOnce(
  parameterVersion: number,
  deps: ClusteringDeps,
): Promise<Clustering> {
  return withImages(parameterVersion, deps, async () => {
    const round = new ClusteringRound(0, parameterVersion, deps);
    await round.extract();
    await round.normalise();
    await round.drawCentroids();
    await round.iterate();
    const clustering = await round.assign();
    await round.fillMemory();
    return clustering;
  });
}

/**
 * Clusters, and once more from the beginning when images are left out in the middle: every feature
 * is of the same images.
 */
async function withImages(
  parameterVersion: number,
  { images, imagesLeftOut }: ClusteringDeps,
  cluster: () => Promise<Clustering>,
): Promise<Clustering> {
  images.beginClustering(parameterVersion);
  for (;;) {
    try {
      const clustering = await cluster();
      images.clustered(clustering.pseudoLabels);
      return clustering;
    } catch (error) {
      if (!(error instanceof ImagesLeftOut)) throw error;
      await imagesLeftOut();
    }
  }
}

class ClusteringRound {
  readonly #epoch: number;
  readonly #parameterVersion: number;
  readonly #deps: ClusteringDeps;
  readonly #shards: readonly DataShard[];
  /** Readable images by data shard. */
  readonly #rows: number[];
  /** Damaged images by data shard. */
  readonly #damaged: number[];
  #whitening: NamedArrays = {};
  #centroids: Float32Array = new Float32Array(0);
  #refilled = 0;
  #spread: number | null = null;

  constructor(epoch: number, parameterVersion: number, deps: ClusteringDeps) {
    this.#epoch = epoch;
    this.#parameterVersion = parameterVersion;
    this.#deps = deps;
    this.#shards = deps.context.shards;
    this.#rows = this.#shards.map(() => 0);
    this.#damaged = this.#shards.map(() => 0);
    Object.assign(deps.context, {
      epoch,
      parameterVersion,
      momentsArtifact: '',
      whiteningArtifact: '',
      centroidsArtifact: '',
      plan: null,
      shardRows: new Map(),
    });
    deps.artifacts.clear();
  }

  async extract(): Promise<void> {
    let images = 0;
    await this.#run('extract', this.#perShard('extract'), (shard, payload) => {
      const rows = payload.header.samples;
      this.#rows[shard] = rows;
      this.#damaged[shard] = payload.header.damaged.length;
      this.#deps.context.shardRows.set(shard, rows);
      images += this.#shardLength(shard);
      this.#deps.images.accept(payload.header.unreadable);
      this.#deps.noteUnreadable(payload);
      this.#progress('extract', images, this.#deps.imageCount, 'images');
    });
    this.#requireReadable();
  }

  /** Moments of every shard, then the PCA solved by one worker, then every shard projected. */
  async whiten(): Promise<void> {
    const { context, artifacts } = this.#deps;
    const fold = new OrderedFold<ShardMoments>((total, part) => mergeMoments([total, part]));
    await this.#run('moments', this.#perShard('moments'), (shard, { arrays, header }) => {
      fold.add(shard, {
        count: header.samples,
        sum: arrayOf(arrays, 'sum', Float64Array),
        outer: arrayOf(arrays, 'outer', Float64Array),
      });
    });
    const moments = fold.finish(this.#shards.length);
    const { count, sum, outer } = moments;
    this.#spread = spreadOfMoments(moments);
    requireDifferentFeatures(this.#spread, count, this.#epoch);
    context.momentsArtifact = artifacts.publish(`moments-${this.#epoch}`, {
      count: { data: Float64Array.of(count), shape: [1] },
      sum: { data: sum, shape: [sum.length] },
      outer: { data: outer, shape: [outer.length] },
    });
    await this.#run('pca', [{ kind: 'solvePca' }], (_shard, { arrays }) => {
      this.#whitening = arrays;
    });
    artifacts.withdraw(context.momentsArtifact);
    context.whiteningArtifact = artifacts.publish(`whitening-${this.#epoch}`, this.#whitening);
    await this.normalise();
  }

  /** Every shard projected by the whitening, or made unit rows as it is where there is none. */
  async normalise(): Promise<void> {
    let done = 0;
    await this.#run('project', this.#perShard('project'), () => {
      done += 1;
      this.#progress('pca', done, this.#shards.length, 'shards');
    });
  }

  /** The rows go from the workers straight to the sample memory. */
  async fillMemory(): Promise<void> {
    let done = 0;
    const take = (): void => {
      done += 1;
      this.#progress('memory', done, this.#shards.length, 'shards');
    };
    // Rows that came before the clustering had to begin once more give way to these.
    const generationsGiven = this.#deps.dispatcher.highestGeneration;
    await this.#run('memory', this.#perShard('fillMemory'), take, generationsGiven);
  }

  /** Fetches the K rows that the run's seed picks; row p of the permutation lies in the shard that covers it. */
  async drawCentroids(): Promise<void> {
    const { config, context } = this.#deps;
    const { k, freshSeed } = config.clustering;
    const total = this.#readable();
    const seed = clusterSeed(config.seed, this.#epoch, freshSeed);
    const picked = [...initialCentroidIds(total, k, seed)];
    const begins = prefixSums(this.#rows);
    const byShard = new Map<number, { row: number; centroid: number }[]>();
    picked.forEach((position, centroid) => {
      const shard = begins.findLastIndex((begin) => begin <= position);
      const rows = byShard.get(shard) ?? [];
      rows.push({ row: position - begins[shard]!, centroid });
      byShard.set(shard, rows);
    });
    context.rowsByShard = new Map(
      [...byShard].map(([shard, rows]) => [shard, rows.map(({ row }) => row)]),
    );
    const work = [...byShard.keys()].map((shard): Work => ({ kind: 'sampleRows', shard }));
    await this.#run('sampleRows', work, (shard, { arrays }) => {
      const rows = arrayOf(arrays, 'rows', Float32Array);
      const asked = byShard.get(shard)!;
      const dim = rows.length / asked.length;
      if (this.#centroids.length === 0) this.#centroids = new Float32Array(k * dim);
      asked.forEach(({ centroid }, i) => {
        this.#centroids.set(rows.subarray(i * dim, (i + 1) * dim), centroid * dim);
      });
    });
  }

  /** Lloyd's steps: every shard's sums, folded in shard order, then means and the rule for empty clusters. */
  async iterate(): Promise<void> {
    const { iterations } = this.#deps.config.clustering;
    for (let iteration = 0; iteration < iterations; iteration += 1) {
      this.#publishCentroids(iteration);
      const total = await this.#sumShards(iteration);
      const { centroids, refilled } = nextCentroids(total, this.#centroids);
      this.#centroids = centroids;
      this.#refilled += refilled.length;
      this.#progress(
        'kmeans',
        iteration + 1,
        iterations,
        'iterations',
        `inertia ${total.inertia.toPrecision(5)}`,
      );
    }
  }

  async assign(): Promise<Clustering> {
    this.#publishCentroids(this.#deps.config.clustering.iterations);
    const pseudoLabels = new Int32Array(this.#deps.imageCount).fill(-1);
    const inertias = new OrderedFold<number>((total, part) => total + part);
    await this.#run('assign', this.#perShard('assign'), (shard, { arrays }) => {
      const ids = arrayOf(arrays, 'ids', Int32Array);
      const labels = arrayOf(arrays, 'labels', Int32Array);
      ids.forEach((id, i) => {
        pseudoLabels[id] = labels[i]!;
      });
      inertias.add(shard, arrayOf(arrays, 'inertia', Float64Array)[0]!);
    });
    const inertia = inertias.finish(this.#shards.length);
    if (this.#epoch === 0)
      requireFilledClusters(pseudoLabels, inertia, this.#deps.config.clustering.k);
    return {
      pseudoLabels,
      inertia,
      refilled: this.#refilled,
      centroids: this.#centroids,
      whitening: this.#whitening,
      spread: this.#spread,
    };
  }

  async #sumShards(iteration: number): Promise<ShardSums> {
    const fold = new OrderedFold<ShardSums>((total, part) => mergeShardSums([total, part]));
    const work = this.#shards.map(({ index }): Work => ({
      kind: 'kmeansStep',
      shard: index,
      iteration,
    }));
    await this.#run('kmeans', work, (shard, { arrays }) => {
      fold.add(shard, {
        shard,
        sums: arrayOf(arrays, 'sums', Float64Array),
        counts: arrayOf(arrays, 'counts', Uint32Array),
        inertia: arrayOf(arrays, 'inertia', Float64Array)[0]!,
      });
    });
    return fold.finish(this.#shards.length);
  }

  #publishCentroids(iteration: number): void {
    const { artifacts, context, config } = this.#deps;
    artifacts.withdraw(context.centroidsArtifact);
    const { k } = config.clustering;
    context.centroidsArtifact = artifacts.publish(`centroids-${this.#epoch}-${iteration}`, {
      centroids: { data: this.#centroids, shape: [k, this.#centroids.length / k] },
    });
  }

  #run(
    phase: Phase,
    work: readonly Work[],
    take: (shard: number, payload: ResultPayload) => void,
    generationsGiven = 0,
  ): Promise<void> {
    this.#deps.enterPhase(phase);
    return this.#deps.dispatcher.runPhase({
      phase,
      generationsGiven,
      epoch: this.#epoch,
      parameterVersion: this.#parameterVersion,
      work,
      take: (done, payload) => {
        take('shard' in done ? done.shard : 0, payload);
      },
    });
  }

  #perShard(kind: 'extract' | 'moments' | 'project' | 'assign' | 'fillMemory'): Work[] {
    return this.#shards.map(({ index }) => ({ kind, shard: index }));
  }

  #progress(phase: string, done: number, total: number, unit: string, note?: string): void {
    const { epochs } = this.#deps.config;
    const progress = { epoch: this.#epoch, epochs, phase, done, total, unit };
    this.#deps.progress(note === undefined ? progress : { ...progress, note });
  }

  #shardLength(shard: number): number {
    const { begin, end } = this.#shards[shard]!;
    return end - begin;
  }

  #readable(): number {
    return this.#rows.reduce((total, rows) => total + rows, 0);
  }

  #requireReadable(): void {
    const { config, imageCount } = this.#deps;
    const readable = this.#readable();
    const unreadable = imageCount - readable;
    if (unreadable > config.data.maxUnreadableFraction * imageCount) {
      throw dataUnreadable(
        config.data.source ?? '',
        `${unreadable} of ${imageCount} images cannot be read, more than data.maxUnreadableFraction (${config.data.maxUnreadableFraction}) allows`,
        'see unreadable.csv in the run folder',
      );
    }
    const damaged = this.#damaged.reduce((total, count) => total + count, 0);
    if (damaged > config.data.maxDamagedFraction * imageCount) {
      throw dataUnreadable(
        config.data.source ?? '',
        `${damaged} of ${imageCount} images are damaged, more than data.maxDamagedFraction (${config.data.maxDamagedFraction}) allows`,
        'mend those that damaged.csv in the run folder lists and begin again, or resume with --set data.maxDamagedFraction=1',
      );
    }
    if (readable < config.clustering.k) {
      throw configInvalid(
        'clustering.k',
        `must not exceed the number of readable images (${readable})`,
        config.clustering.k,
      );
    }
  }
}

/** Begin of each shard's rows among all rows. */
function prefixSums(counts: readonly number[]): number[] {
  let begin = 0;
  return counts.map((count) => {
    const own = begin;
    begin += count;
    return own;
  });
}
