/**
 * The steps of a clustering, spread over the workers. Features never leave the workers; what comes
 * here is exact sums, one result for the data shards that a worker holds, added as they come: the
 * bits depend neither on who holds which shard nor on the order (exact-sums.ts). (The rows of a
 * graph do: ../clustering.) Shapes: N readable images, D feature dimensions, d whitened dimensions,
 * K centroids.
 */
import type { NamedArrays } from '../../src/arrays/safetensors.ts';
import type { Clustering } from '../../src/algorithms/strategy.ts';
import type { RowMetric } from '../../src/clustering/nearest-two.ts';
import {
  requireDifferentFeatures,
  requireFilledClusters,
} from '../../src/clustering/clusterable.ts';
import { spreadOfMoments } from '../../src/clustering/collapse.ts';
import { inertiaOf, type ClusterSums } from '../../src/clustering/cluster-sums.ts';
import { inertiaRounder } from '../../src/clustering/exact-sums.ts';
import { nextCentroids } from '../../src/clustering/kmeans-reducer.ts';
import { clusterSeed, initialCentroidIds, pickedByShard } from '../../src/clustering/kmeans.ts';
import { momentRounders } from '../../src/clustering/moments.ts';
import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import { idRange } from '../../src/data/loader/centre-batches.ts';
import { planShards, shuffledIds, type DataShard } from '../../src/data/shard-plan.ts';
import { scatterRows } from '../../src/math/matrix.ts';
import { whiteningToArrays } from '../../src/run/whitening-arrays.ts';
import { centroidsToArrays, labelsToArrays, momentsToArrays } from '../../src/work/artifacts.ts';
import {
  assign,
  noDetails,
  scatterDetails,
  type AssignmentDetails,
} from '../../src/work/assign.ts';
import { extract, type ExtractOrder, type RowsFrom } from '../../src/work/extract.ts';
import { fillMemory } from '../../src/work/fill-memory.ts';
import type { Work } from '../../src/work/kind.ts';
import { kmeansStep } from '../../src/work/kmeans-step.ts';
import { project, type ProjectOrder, type RowParts } from '../../src/work/project.ts';
import { sampleRows } from '../../src/work/sample-rows.ts';
import { solvePca } from '../../src/work/solve-pca.ts';
import type { ClusteringDeps, DetailedClustering, Step } from '../clustering/clustering-deps.ts';
import { requireEnough } from '../images/enough-images.ts';
import { sumClusters, sumMoments } from './folded-sums.ts';

export interface RoundOptions {
  /** Whether centroids are unit rows, as of unit rows they should be. */
  readonly isSpherical?: boolean;
  /** Which images have a row of the sample memory, where rows come from there. */
  readonly hasRow?: (id: number) => boolean;
}

export class ClusteringRound {
  readonly #epoch: number;
  readonly #parameterVersion: number;
  readonly #deps: ClusteringDeps;
  readonly #shards: readonly DataShard[];
  /** Readable images by data shard. */
  readonly #rows: number[];
  /** Damaged images by data shard. */
  readonly #damaged: number[];
  /** By data shard: a bound of its moments. */
  readonly #columnSquares: number[];
  #rowsFrom: RowsFrom = 'centre';
  /** [images] the order that rows of crops are made in; null until it is asked for. */
  #shuffled: Int32Array | null = null;
  /** Of rows that are several unit rows. */
  #parts: RowParts | null = null;
  readonly #hasRow: (id: number) => boolean;
  readonly #isSpherical: boolean;
  /** Of several clusterings of the same rows. */
  #head = 0;
  #whitening: NamedArrays = {};
  /** Null before the PCA, and without one. */
  #whiteningArtifact: string | null = null;
  #centroids: Float32Array = new Float32Array(0);
  /** Of centroids. */
  #count: number;
  /** [images] where clusters are not those of the nearest centroids; null: they are. */
  #labels: Int32Array | null = null;
  /** Published last; null before the first. */
  #centroidsArtifact: string | null = null;
  #refilled = 0;
  #spread: number | null = null;

  constructor(
    epoch: number,
    parameterVersion: number,
    deps: ClusteringDeps,
    { isSpherical = false, hasRow = () => true }: RoundOptions = {},
  ) {
    this.#epoch = epoch;
    this.#parameterVersion = parameterVersion;
    this.#deps = deps;
    this.#isSpherical = isSpherical;
    this.#hasRow = hasRow;
    this.#count = deps.config.clustering.k;
    this.#shards = planShards(deps.imageCount, deps.config.data.shardSize);
    this.#rows = this.#shards.map(() => 0);
    this.#damaged = this.#shards.map(() => 0);
    this.#columnSquares = this.#shards.map(() => 0);
    deps.artifacts.clear();
  }

  async extract(rows: RowsFrom = 'centre'): Promise<void> {
    this.#rowsFrom = rows;
    let images = 0;
    await this.run({
      kind: extract,
      work: this.perShard('extract'),
      order: ({ shard }) => this.#extractOrder(shard),
      take: ({ shard }, extracted) => {
        this.#rows[shard] = extracted.rows;
        this.#damaged[shard] = extracted.damaged.length;
        this.#columnSquares[shard] = extracted.columnSquares;
        images += this.#shardLength(shard);
        this.#deps.images.accept(extracted.unreadable);
        if (rows !== 'memory') this.#deps.noteExtracted(extracted);
        this.progress(extract.phase, images, this.#deps.imageCount, 'images');
      },
    });
    const readable = this.#readable();
    const damaged = this.#damaged.reduce((total, count) => total + count, 0);
    requireEnough({ total: this.#deps.imageCount, readable, damaged }, this.#deps.config);
  }

  /** Moments of every shard, then the PCA solved by one worker, then every shard projected. */
  async whiten(): Promise<void> {
    const { artifacts } = this.#deps;
    const bound = this.#columnSquares.reduce((total, squares) => total + squares, 0);
    const rounders = momentRounders(this.#readable(), bound);
    const merged = await sumMoments((step) => this.run(step), this.#shardNumbers(), rounders);
    this.#spread = spreadOfMoments(merged);
    requireDifferentFeatures(this.#spread, merged.count, this.#epoch);
    const momentsArtifact = artifacts.publish(this.nameOf('moments'), momentsToArrays(merged));
    await this.run({
      kind: solvePca,
      work: [{ kind: 'solvePca' }],
      order: () => ({ momentsArtifact }),
      take: (_work, whitening) => {
        this.#whitening = whiteningToArrays(whitening);
      },
    });
    artifacts.withdraw(momentsArtifact);
    this.#whiteningArtifact = artifacts.publish(this.nameOf('whitening'), this.#whitening);
    await this.normalise();
  }

  /** Every shard projected by the whitening, or made unit rows as it is where there is none. */
  async normalise(parts: RowParts | null = null): Promise<void> {
    this.#parts = parts;
    let done = 0;
    await this.run({
      kind: project,
      work: this.perShard('project'),
      order: ({ shard }) => this.#projectOrder(shard),
      take: () => {
        done += 1;
        this.progress('pca', done, this.#shards.length, 'shards');
      },
    });
  }

  /** The rows go from the workers straight to the sample memory. */
  async fillMemory(): Promise<void> {
    let done = 0;
    await this.run({
      kind: fillMemory,
      work: this.perShard('fillMemory'),
      // Rows that came before the clustering had to begin once more give way to these.
      isRepeated: true,
      order: ({ shard }) => ({ shard }),
      take: () => {
        done += 1;
        this.progress(fillMemory.phase, done, this.#shards.length, 'shards');
      },
    });
  }

  /**
   * Fetches the K rows that the run's seed picks; row p of the permutation lies in the shard that
   * covers it.
   */
  async drawCentroids(head = 0): Promise<void> {
    const { config } = this.#deps;
    const { k, freshSeed } = config.clustering;
    const total = this.#readable();
    const seed = clusterSeed(config.seed, this.#epoch, freshSeed, head);
    this.#head = head;
    this.#refilled = 0;
    this.#centroids = new Float32Array(0);
    const byShard = pickedByShard(initialCentroidIds(total, k, seed), this.#rows);
    await this.run({
      kind: sampleRows,
      work: [...byShard.keys()].map((shard) => ({ kind: 'sampleRows', shard })),
      order: ({ shard }) => ({ shard, rows: byShard.get(shard)!.map(({ row }) => row) }),
      take: ({ shard }, { rows }) => {
        const asked = byShard.get(shard)!;
        const dim = rows.length / asked.length;
        if (this.#centroids.length === 0) this.#centroids = new Float32Array(k * dim);
        const places = asked.map(({ centroid }) => centroid);
        scatterRows(rows, places, dim, this.#centroids);
      },
    });
  }

  /** Lloyd's steps: the sums of all shards, then means and the rule for empty clusters. */
  async iterate(): Promise<void> {
    const { iterations } = this.#deps.config.clustering;
    for (let iteration = 0; iteration < iterations; iteration += 1) {
      const total = await this.#sumShards(iteration);
      const inertia = inertiaOf(total, this.#centroids);
      const { centroids, refilled } = nextCentroids(total, this.#centroids);
      const dim = centroids.length / total.counts.length;
      this.#centroids = this.#isSpherical ? normaliseRows(centroids, dim) : centroids;
      this.#refilled += refilled.length;
      const note = `inertia ${inertia.toPrecision(5)}`;
      this.progress(kmeansStep.phase, iteration + 1, iterations, 'iterations', note);
    }
  }

  /** Of a data shard, once it is extracted: images that have a row. */
  rowsOf(shard: number): number {
    return this.#rows[shard]!;
  }

  /** [K, d] so far. */
  get centroids(): Float32Array {
    return this.#centroids;
  }

  /** In place of those that k-means finds. @param centroids [K, d] */
  takeCentroids(centroids: Float32Array, count = this.#count): void {
    this.#centroids = centroids;
    this.#count = count;
  }

  /** In place of those of the nearest centroids. @param labels [images] */
  takeClusters(labels: Int32Array, inertia: number): Clustering {
    this.#labels = labels;
    return this.#clustering(labels, inertia);
  }

  /** [images] cluster of the nearest centroid; -1 where there is no row. */
  async nearestClusters(): Promise<Int32Array> {
    return (await this.#assign(null, 'nearest')).pseudoLabels;
  }

  async assign(): Promise<Clustering> {
    const { config } = this.#deps;
    const { pseudoLabels, inertia } = await this.#assign(null);
    if (this.#epoch === 0) requireFilledClusters(pseudoLabels, inertia, config.clustering.k);
    return this.#clustering(pseudoLabels, inertia);
  }

  async assignFinally(metric: RowMetric): Promise<DetailedClustering> {
    const { pseudoLabels, inertia, details } = await this.#assign(metric);
    return { ...this.#clustering(pseudoLabels, inertia), details };
  }

  async #assign(
    finalMetric: RowMetric | null,
    centroids: number | string = this.#deps.config.clustering.iterations,
  ): Promise<{ pseudoLabels: Int32Array; inertia: number; details: AssignmentDetails }> {
    const { imageCount } = this.#deps;
    const centroidsArtifact = this.#publishCentroids(centroids);
    const labelsArtifact = this.#publishLabels();
    const pseudoLabels = new Int32Array(imageCount).fill(-1);
    const details = noDetails(finalMetric === null ? 0 : imageCount);
    const rounder = inertiaRounder(imageCount);
    let inertia = 0;
    await this.run({
      kind: assign,
      work: this.perShard('assign'),
      order: ({ shard }) => ({ shard, centroidsArtifact, finalMetric, labelsArtifact }),
      take: (_work, { ids, labels, inertia: part, details: found }) => {
        ids.forEach((id, i) => {
          pseudoLabels[id] = labels[i]!;
        });
        if (found !== null) scatterDetails(found, ids, details);
        inertia += part + rounder - rounder;
      },
    });
    return { pseudoLabels, inertia, details };
  }

  #clustering(pseudoLabels: Int32Array, inertia: number): Clustering {
    return {
      pseudoLabels,
      inertia,
      refilled: this.#refilled,
      centroids: this.#centroids,
      clusterCount: this.#count,
      whitening: this.#whitening,
      spread: this.#spread,
    };
  }

  #sumShards(iteration: number): Promise<ClusterSums> {
    const { k } = this.#deps.config.clustering;
    const artifact = this.#publishCentroids(iteration);
    const dim = this.#centroids.length / k;
    const centroids = { iteration, artifact, k, dim };
    return sumClusters((step) => this.run(step), this.#shardNumbers(), centroids);
  }

  /** @param version iteration that they are of, or which others they are */
  #publishCentroids(version: number | string): string {
    const { artifacts } = this.#deps;
    if (this.#centroidsArtifact !== null) artifacts.withdraw(this.#centroidsArtifact);
    const name = this.nameOf(`centroids-${this.#head}-${version}`);
    const arrays = centroidsToArrays(this.#centroids, this.#count);
    this.#centroidsArtifact = artifacts.publish(name, arrays);
    return this.#centroidsArtifact;
  }

  /**
   * Of an artifact of this clustering. One that begins the epoch once more without some images has
   * other names: workers keep what they have fetched by its name.
   */
  nameOf(what: string): string {
    return `${what}-${this.#epoch}-${this.#deps.images.leftOut.size}`;
  }

  #publishLabels(): string | null {
    if (this.#labels === null) return null;
    return this.#deps.artifacts.publish(this.nameOf('labels'), labelsToArrays(this.#labels));
  }

  /** Has a phase of this clustering done, with what makes lost features again. */
  run<Piece extends Work, Order, Result>(step: Step<Piece, Order, Result>): Promise<void> {
    this.#deps.enterPhase(step.kind);
    return this.#deps.dispatcher.runPhase({
      ...step,
      epoch: this.#epoch,
      parameterVersion: this.#parameterVersion,
      features: {
        extract: (shard) => this.#extractOrder(shard),
        project: (shard) => this.#projectOrder(shard),
      },
    });
  }

  #extractOrder(shard: number): ExtractOrder {
    const { begin, end } = this.#shards[shard]!;
    return { shard, begin, end, leftOut: this.#leftOutOf(begin, end), rows: this.#rowsFrom };
  }

  #leftOutOf(begin: number, end: number): number[] {
    const { config, imageCount, images } = this.#deps;
    if (this.#rowsFrom === 'crops') this.#shuffled ??= shuffledIds(imageCount, config.seed);
    const ids = this.#shuffled?.subarray(begin, end) ?? idRange(begin, end);
    return [...ids].filter((id) =>
      this.#rowsFrom === 'memory' ? !this.#hasRow(id) : images.leftOut.has(id),
    );
  }

  #projectOrder(shard: number): ProjectOrder {
    return { shard, whiteningArtifact: this.#whiteningArtifact, parts: this.#parts };
  }

  #shardNumbers(): number[] {
    return this.#shards.map(({ index }) => index);
  }

  perShard<Kind extends string>(kind: Kind): { readonly kind: Kind; readonly shard: number }[] {
    return this.#shards.map(({ index }) => ({ kind, shard: index }));
  }

  progress(phase: string, done: number, total: number, unit: string, note?: string): void {
    const { epochs } = this.#deps.config;
    // After the last epoch it is for the run's result.
    const named = this.#epoch < epochs ? phase : `final ${phase}`;
    const progress = { epoch: this.#epoch, epochs, phase: named, done, total, unit };
    this.#deps.progress(note === undefined ? progress : { ...progress, note });
  }

  #shardLength(shard: number): number {
    const { begin, end } = this.#shards[shard]!;
    return end - begin;
  }

  #readable(): number {
    return this.#rows.reduce((total, rows) => total + rows, 0);
  }
}
