/**
 * The oracle: the run of a scenario as a plain loop, one process, no messages, no faults. What a
 * step does to the values is the arithmetic of src/ps and src/clustering, which have tests of their
 * own; when it does so, and how often, is written out here.
 */
import {
  pseudoLabelsOf,
  samplesOf,
  sliceDraws,
  stepCount,
  stepDraws,
  type DrawRange,
} from '../../coordinator/run/epoch-plan.ts';
import { planEpoch } from '../../src/algorithms/deepcluster/strategy.ts';
import { deepclusterV2ConfigOf } from '../../src/algorithms/deepcluster-v2/config.ts';
import { labelledIds, planOf, type EpochPlan } from '../../src/algorithms/epoch-plan.ts';
import { algorithmNamed } from '../../src/algorithms/registry.ts';
import { drawOdcEpoch } from '../../src/clustering/odc/sampler.ts';
import { odcConfigOf } from '../../src/algorithms/odc/config.ts';
import { odcSettingsOf, planOdcEpoch } from '../../src/algorithms/odc/strategy.ts';
import { FLOAT64_KERNELS } from '../../src/clustering/kernels.ts';
import { noSums } from '../../src/clustering/cluster-sums.ts';
import { unitRowsRounder } from '../../src/clustering/exact-sums.ts';
import { nextCentroids } from '../../src/clustering/kmeans-reducer.ts';
import { clusterSeed, initialCentroidIds } from '../../src/clustering/kmeans.ts';
import { nearestTwo, type NearestTwo } from '../../src/clustering/nearest-two.ts';
import {
  addMoments,
  columnSquaresOf,
  momentRounders,
  noMoments,
  roundMoments,
} from '../../src/clustering/moments.ts';
import { sampleWeights } from '../../src/clustering/odc/loss-weights.ts';
import { mixAndAssign, normaliseRows } from '../../src/clustering/odc/mixing.ts';
import { consecutiveSamples, type SliceRows } from '../../src/clustering/odc/sample-memory.ts';
import { beginOdc, type OdcState } from '../../src/clustering/reference/odc-step.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import { planShards } from '../../src/data/shard-plan.ts';
import { initialHead, initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { bodyCount } from '../../src/ps/layout.ts';
import { stepPlain, stepWithMomentum } from '../../src/ps/sgd.ts';
import { plainMeans, type PlainSlice } from '../support/oracles/plain-tree.ts';
import {
  CROPS,
  cropRows,
  memoryPart,
  prototypeSlice,
  wholeMemory,
  type ShardRows,
  type V2State,
} from './plain-memory.ts';
import { finalByGraph, labelsByGraph } from './plain-graph.ts';
import { localSlice, outerStep, type PlainPass } from './plain-local.ts';
import { PlainQueue, swappedSlice } from './plain-swav.ts';
import {
  configOf,
  FEATURE_DIM,
  TINY_LAYOUT,
  TinyModel,
  viewsOf,
  type Scenario,
} from './tiny-network.ts';

/** The values at a moment of the run. */
export interface PlainMoment {
  readonly parameters: Float32Array;
  readonly statistics: Float32Array;
  readonly momentum: Float32Array;
  /** ODC: [N, d] after the step; null before the clustering, and without one. */
  readonly memoryRows: Float32Array | null;
}

export interface PlainRun {
  /** By `version/headEpoch`: all that a server may ever hold. */
  readonly moments: ReadonlyMap<string, PlainMoment>;
  readonly losses: readonly number[];
  readonly pseudoLabels: Int32Array;
  /** [N] each: the clusters by the values at the end. */
  readonly final: Pick<NearestTwo, 'first' | 'second' | 'distances'>;
  readonly draws: number;
  /** Draws after each number of steps, from 0 steps on. */
  readonly drawsBySteps: readonly number[];
  readonly drawsOfLastEpoch: number;
  /** Of the end. */
  readonly last: PlainMoment;
}

class PlainLoop {
  readonly #scenario: Scenario;
  readonly #config: RunConfig;
  readonly #model = new TinyModel();
  readonly #moments = new Map<string, PlainMoment>();
  readonly #losses: number[] = [];
  readonly #parameters: Float32Array;
  readonly #momentum: Float32Array;
  #statistics: Float32Array;
  #headEpoch = -1;
  #odc: OdcState | null = null;
  #v2: V2State | null = null;
  /** Of SwAV, whose memory is as DeepCluster-v2's. */
  readonly #queue: PlainQueue | null;
  readonly #draws = [0];

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#config = configOf(scenario);
    this.#queue = scenario.algorithm === 'swav' ? new PlainQueue(scenario) : null;
    this.#parameters = initialParameters(TINY_LAYOUT, scenario.seed);
    this.#statistics = initialStatistics(TINY_LAYOUT);
    this.#momentum = new Float32Array(bodyCount(TINY_LAYOUT));
    this.#note();
  }

  run(): PlainRun {
    const { epochs, algorithm } = this.#config;
    let plan: EpochPlan | null = null;
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      plan = this.#begin(algorithm, epoch);
      for (let index = 0; index < stepCount(plan, this.#config.training); index += 1) {
        this.#step(plan, index);
      }
    }
    return {
      moments: this.#moments,
      losses: this.#losses,
      pseudoLabels: plan!.pseudoLabels.slice(),
      final: this.#final(),
      draws: this.#draws.at(-1)!,
      drawsBySteps: this.#draws,
      drawsOfLastEpoch: plan!.ids.length,
      last: this.#moments.get(this.#key())!,
    };
  }

  #begin(algorithm: string, epoch: number): EpochPlan {
    if (algorithm === 'odc') return this.#beginOdc(epoch);
    return algorithm === 'deepcluster' ? this.#beginDeepCluster(epoch) : this.#beginV2(epoch);
  }

  #beginDeepCluster(epoch: number): EpochPlan {
    const { seed, clustering } = this.#config;
    const [shards, dim] = this.#whitened();
    const labels =
      clustering.method === 'pic'
        ? labelsByGraph(shards, dim, this.#scenario.images, this.#config)
        : this.#cluster(shards, dim, epoch).labels;
    this.#resetHead(epoch);
    return planEpoch(labels, epoch, seed, clustering);
  }

  /** Of every shard, and how many columns. */
  #whitened(): [ShardRows[], number] {
    const { clustering } = this.#config;
    const shards = this.#features();
    const bounds = shards.map(({ ids, features }) =>
      columnSquaresOf(features, ids.length, FEATURE_DIM),
    );
    const rows = shards.reduce((total, { ids }) => total + ids.length, 0);
    const rounders = momentRounders(
      rows,
      bounds.reduce((total, bound) => total + bound, 0),
    );
    const moments = noMoments(FEATURE_DIM);
    for (const { ids, features } of shards) {
      const own = FLOAT64_KERNELS.moments(features, ids.length, FEATURE_DIM);
      addMoments(moments, roundMoments(own, rounders));
    }
    const whitening = FLOAT64_KERNELS.solve(moments, {
      outDim: clustering.pcaDim,
      epsilon: clustering.pcaEpsilon,
    });
    const whitened = shards.map(({ ids, features }) => ({
      ids,
      features: FLOAT64_KERNELS.project(whitening, features, ids.length),
    }));
    return [whitened, whitening.outDim];
  }

  #unit(): ShardRows[] {
    return this.#features().map(({ ids, features }) => ({
      ids,
      features: normaliseRows(features, FEATURE_DIM),
    }));
  }

  /** As another epoch would cluster, or for ODC by the centroids that steps assign by. */
  #final(): PlainRun['final'] {
    const { epochs, clustering } = this.#config;
    const { k: clusters, method } = clustering;
    if (method === 'pic') {
      return finalByGraph(...this.#whitened(), this.#scenario.images, this.#config);
    }
    const isPlain = this.#odc === null && this.#v2 === null;
    const [shards, dim] = isPlain ? this.#whitened() : [this.#unit(), FEATURE_DIM];
    const values =
      this.#odc?.clusters.centroids.values ??
      this.#cluster(shards, dim, epochs, { isSpherical: !isPlain }).centroids;
    const metric = algorithmNamed(this.#config.algorithm).metric(this.#config);
    const { images } = this.#scenario;
    const final = {
      first: new Int32Array(images).fill(-1),
      second: new Int32Array(images).fill(-1),
      distances: new Float32Array(images).fill(NaN),
    };
    for (const { ids, features } of shards) {
      const found = nearestTwo(features, { values, clusters, dim }, metric);
      ids.forEach((id, i) => {
        final.first[id] = found.first[i]!;
        final.second[id] = found.second[i]!;
        final.distances[id] = found.distances[i]!;
      });
    }
    return final;
  }

  #beginOdc(epoch: number): EpochPlan {
    const { seed } = this.#config;
    if (this.#odc === null) {
      const { images } = this.#scenario;
      const shards = this.#features();
      const { labels: pseudoLabels } = this.#cluster(this.#unit(), FEATURE_DIM, epoch);
      const all = new Float32Array(images * FEATURE_DIM);
      for (const { ids, features } of shards) {
        ids.forEach((id, i) => {
          const row = features.subarray(i * FEATURE_DIM, (i + 1) * FEATURE_DIM);
          all.set(row, id * FEATURE_DIM);
        });
      }
      const settings = odcSettingsOf(this.#config, FEATURE_DIM);
      this.#odc = beginOdc(settings, all, pseudoLabels, [consecutiveSamples(0, images)]).state;
      this.#resetHead(0);
    }
    const { pseudoLabels } = this.#odc.clusters;
    return planOdcEpoch(
      pseudoLabels,
      epoch,
      seed,
      odcConfigOf(this.#config).samplingWithReplacement,
    );
  }

  #beginV2(epoch: number): EpochPlan {
    const { seed, clustering } = this.#config;
    const heads = this.#queue === null ? deepclusterV2ConfigOf(this.#config).heads : 1;
    this.#model.load(this.#parameters, this.#statistics);
    const memory = this.#v2?.memory ?? cropRows(this.#scenario, this.#model);
    const shards = planShards(this.#scenario.images, this.#scenario.shardSize);
    const found = Array.from({ length: heads }, (_, head) => {
      const part = shards.map((shard) => memoryPart(memory, shard, head % CROPS));
      return this.#cluster(part, FEATURE_DIM, epoch, { head, isSpherical: true });
    });
    const labels = found.map((one) => one.labels);
    const values = Float32Array.from(found.flatMap(({ centroids }) => [...centroids]));
    this.#v2 = { memory, labels, values, heads, clusters: clustering.k };
    this.#note();
    const ids = labelledIds(labels[0]!);
    const drawn = drawOdcEpoch({ ids, seed, epoch, withReplacement: false });
    return planOf(epoch, drawn, labels[0]!);
  }

  #features(): ShardRows[] {
    const { images, shardSize, unreadable } = this.#scenario;
    this.#model.load(this.#parameters, this.#statistics);
    return planShards(images, shardSize).map(({ begin, end }) => {
      const asked = Int32Array.from({ length: end - begin }, (_, i) => begin + i);
      const { pixels, ids } = viewsOf(unreadable, asked, null, 255);
      return { ids, features: this.#model.features(pixels, ids.length) };
    });
  }

  #cluster(
    shards: readonly ShardRows[],
    dim: number,
    epoch: number,
    { head = 0, isSpherical = false } = {},
  ): { labels: Int32Array; centroids: Float32Array } {
    const { seed, clustering } = this.#config;
    const { k, iterations, freshSeed } = clustering;
    const rows = shards.flatMap(({ ids, features }) =>
      [...ids.keys()].map((i) => features.subarray(i * dim, (i + 1) * dim)),
    );
    const begin = clusterSeed(seed, epoch, freshSeed, head);
    const picked = initialCentroidIds(rows.length, k, begin);
    let centroids = Float32Array.from([...picked].flatMap((row) => [...rows[row]!]));
    const prepared = shards.map(({ ids, features }) =>
      FLOAT64_KERNELS.rowsToCluster(features, ids.length, dim),
    );
    for (let iteration = 0; iteration < iterations; iteration += 1) {
      const total = noSums(k, dim, unitRowsRounder(this.#scenario.images));
      for (const shard of prepared) shard.sum(centroids, total);
      centroids = Float32Array.from(nextCentroids(total, centroids).centroids);
      if (isSpherical) centroids = Float32Array.from(normaliseRows(centroids, dim));
    }
    const labels = new Int32Array(this.#scenario.images).fill(-1);
    prepared.forEach((shard, index) => {
      const assigned = shard.assign(centroids, k).labels;
      shards[index]!.ids.forEach((id, i) => (labels[id] = assigned[i]!));
    });
    return { labels, centroids };
  }

  #resetHead(epoch: number): void {
    const head = initialHead(TINY_LAYOUT, this.#scenario.seed, epoch);
    this.#parameters.set(head, bodyCount(TINY_LAYOUT));
    this.#headEpoch = epoch;
    this.#note();
  }

  #step(plan: EpochPlan, index: number): void {
    const { training } = this.#config;
    const step = this.#losses.length;
    const { begin, end } = stepDraws(plan, index, training);
    const slices = sliceDraws({ begin, end }, training);
    this.#draws.push(this.#draws.at(-1)! + end - begin);
    const labels = slices.map((draws) => pseudoLabelsOf(plan, draws));
    const weights =
      this.#odc === null
        ? null
        : sampleWeights(
            labels,
            this.#odc.clusters.weights,
            odcConfigOf(this.#config).lossNormaliser,
          );
    this.#model.load(this.#parameters, this.#statistics);
    this.#queue?.begin(plan.ids.subarray(begin, end), this.#v2!.memory);
    const passed = slices.map((draws, slice) =>
      this.#slice(plan, draws, step, slice, weights?.[slice] ?? null),
    );
    this.#losses.push(
      passed.reduce((total, { lossSum }) => total + lossSum, 0) /
        passed.reduce((total, { samples }) => total + samples, 0),
    );
    this.#update(passed);
    const moved = passed.flatMap(({ rows }) => rows);
    this.#odc?.commit(step, moved);
    for (const { ids, rows } of this.#v2 === null ? [] : moved) {
      ids.forEach((id, i) => {
        this.#v2!.memory.set(
          id,
          rows.slice(i * CROPS * FEATURE_DIM, (i + 1) * CROPS * FEATURE_DIM),
        );
      });
    }
    this.#note();
  }

  #slice(
    plan: EpochPlan,
    draws: DrawRange,
    step: number,
    slice: number,
    weights: Float64Array | null,
  ): PlainPass {
    const { training } = this.#config;
    const seed = [this.#scenario.seed, 'dropout', step, slice];
    if (training.mode !== 'local') return this.#pass(plan, draws, slice, seed, weights);
    return localSlice(this.#parameters, draws, training, (own, batch, parameters) => {
      this.#model.load(parameters, this.#statistics);
      const ofBatch = batch === 0 ? seed : [...seed, 'batch', batch];
      return this.#pass(plan, own, slice, ofBatch, null);
    });
  }

  #pass(
    plan: EpochPlan,
    draws: DrawRange,
    slice: number,
    seed: readonly (string | number)[],
    weights: Float64Array | null,
  ): PlainPass {
    if (this.#v2 !== null) {
      const drawn = { ...samplesOf(plan, draws), epoch: plan.epoch, slice, seed };
      const model = this.#model;
      const passed =
        this.#queue === null
          ? prototypeSlice(this.#v2, drawn, model)
          : swappedSlice(this.#queue.rows, drawn, model);
      return { ...passed, rows: [passed.rows] };
    }
    const { ids, occurrences, pseudoLabels } = samplesOf(plan, draws);
    const views = viewsOf(this.#scenario.unreadable, ids, occurrences, plan.epoch);
    const targets = Int32Array.from(pseudoLabels);
    const options = weights === null ? {} : { weights: Float32Array.from(weights) };
    const { features, ...passed } = this.#model.lossGradientAndFeatures(
      views.pixels,
      targets,
      seed,
      options,
    );
    return { ...passed, samples: targets.length, rows: this.#mix(views.ids, slice, features) };
  }

  #mix(ids: Int32Array, slice: number, features: Float32Array): SliceRows[] {
    if (this.#odc === null) return [];
    const { settings, clusters } = this.#odc;
    const { rows } = this.#odc.orderFor(ids);
    const { momentum, metric } = settings;
    return [{ slice, ids, ...mixAndAssign(rows, features, clusters.centroids, momentum, metric) }];
  }

  #update(slices: readonly PlainSlice[]): void {
    const { learningRate, headLearningRate, momentum, weightDecay, batchNormMomentum } =
      this.#config.training;
    const body = bodyCount(TINY_LAYOUT);
    const means = plainMeans(slices);
    const parameters = this.#parameters;
    if (this.#config.training.mode === 'local') {
      outerStep(parameters, this.#momentum, means.gradient, this.#config.training);
    } else {
      const rule = { learningRate, momentum, weightDecay };
      stepWithMomentum(parameters.subarray(0, body), this.#momentum, means.gradient, rule);
      stepPlain(parameters.subarray(body), means.gradient.subarray(body), {
        ...{ learningRate: headLearningRate, weightDecay },
      });
    }
    this.#statistics = this.#statistics.map(
      (value, i) => (1 - batchNormMomentum) * value + batchNormMomentum * means.statistics[i]!,
    );
  }

  #key(): string {
    return `${this.#losses.length}/${this.#headEpoch}`;
  }

  #note(): void {
    const ids = Int32Array.from({ length: this.#scenario.images }, (_, id) => id);
    this.#moments.set(this.#key(), {
      parameters: this.#parameters.slice(),
      statistics: this.#statistics.slice(),
      momentum: this.#momentum.slice(),
      memoryRows: this.#odc?.memory.rowsOf(ids).slice() ?? wholeMemory(this.#v2, ids.length),
    });
  }
}

export function plainRun(scenario: Scenario): PlainRun {
  return new PlainLoop(scenario).run();
}
