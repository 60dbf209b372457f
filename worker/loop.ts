/**
 * A worker's work, order by order: features of data shards, what a clustering asks of them, gradients of slices. Orders run
 * one at a time, as they came; what can be fetched or decoded beforehand is begun when an order arrives.
 */
import type { ClusteringKernels } from '../src/clustering/kernels.ts';
import { hitFailpoint } from '../src/process/failpoints.ts';
import type { RunConfig } from '../src/config/schema.ts';
import type { ImageLoader, LoadedViews } from '../src/data/loader/loader.ts';
import type { ImageSource } from '../src/data/source/source.ts';
import { TrainerError, messageOf, nonFinite } from '../src/errors.ts';
import type { Model } from '../src/nn/model.ts';
import type { ParameterLayout } from '../src/ps/layout.ts';
import type { Evaluate__Output } from '../src/rpc/generated/deepcluster/v1/Evaluate.ts';
import type { Extract__Output } from '../src/rpc/generated/deepcluster/v1/Extract.ts';
import type { Order__Output } from '../src/rpc/generated/deepcluster/v1/Order.ts';
import type { TrainSlice__Output } from '../src/rpc/generated/deepcluster/v1/TrainSlice.ts';
import { vectorOf } from '../src/rpc/named-vectors.ts';
import type { ParameterServers } from '../src/server-clients/parameter-servers.ts';
import type { MemoryServers } from '../src/server-clients/memory-servers.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import { NO_TRACE, type Trace } from '../src/telemetry/trace.ts';
import { ClusteringWork } from './clustering-work.ts';
import { evaluateNetwork } from './evaluate-network.ts';
import { OdcWork } from './odc-work.ts';
import { ImagesUnreadable, MOST_NAMED, requireReadable } from './images-unreadable.ts';
import { OrderTimes } from './order-times.ts';
import { isOvertaken, type Outcome } from './outcome.ts';
import type { CoordinatorClient, WorkerIdentity } from './service.ts';
import { Prefetch } from './prefetch.ts';
import { residentRows, residentShard, type Residency } from './state.ts';

export interface WorkerDeps {
  readonly identity: WorkerIdentity;
  readonly config: RunConfig;
  readonly source: ImageSource;
  readonly loader: ImageLoader;
  readonly layout: ParameterLayout;
  readonly featureDim: number;
  readonly representationDim: number;
  readonly model: Model;
  readonly clustering: ClusteringKernels;
  readonly coordinator: Pick<CoordinatorClient, 'artifact' | 'submit'>;
  readonly parameters: Pick<ParameterServers, 'pull' | 'push'>;
  readonly memory: Pick<MemoryServers, 'fill' | 'rows'>;
  /** Tells the heartbeat that something got done. */
  readonly advance: () => void;
  readonly logger: Logger;
  /** Left out: none is taken. */
  readonly trace?: Trace;
  readonly signal: AbortSignal;
}

/** An order, and the term that it came in. */
interface QueuedOrder {
  readonly order: Order__Output;
  readonly term: number;
}

/** The coordinator says no more of a result than that it was fenced. */
const OVERTAKEN = "another worker's result came first, or the lease was over";

export class WorkerLoop {
  readonly #deps: WorkerDeps;
  /** Orders that wait; the first is taken next. */
  readonly #queue: QueuedOrder[] = [];
  /** The coordinator's; what was ordered in an earlier one changes nothing any more. */
  #term = 0;
  /** Whether the queue is being worked off. */
  #isBusy = false;
  /** What the model has loaded: `version/headEpoch`. */
  #loaded = '';
  readonly #prefetch: Prefetch;
  readonly #clustering: ClusteringWork;
  /** Null unless the algorithm is ODC. */
  readonly #odc: OdcWork | null;
  /** Of the order being worked on. */
  #times = new OrderTimes(NO_TRACE);

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
    this.#prefetch = new Prefetch({ ...deps, imageSize: deps.config.data.imageSize });
    const artifact = this.#prefetch.artifact.bind(this.#prefetch);
    this.#clustering = new ClusteringWork({ ...deps, artifact });
    this.#odc = deps.config.algorithm === 'odc' ? new OdcWork({ ...deps, artifact }) : null;
  }

  get held(): Residency {
    return this.#clustering.held;
  }

  /** Takes an order; begins what can be begun, and does the rest in its turn. */
  take(order: Order__Output): void {
    this.#prepare(order);
    this.#queue.push({ order, term: this.#term });
    if (!this.#isBusy) void this.#workOff();
  }

  /** Begins a term: the servers may have gone back to a checkpoint, and what was loaded from them is not theirs any more. */
  beginTerm(term: number): void {
    if (term === this.#term) return;
    this.#term = term;
    this.#loaded = '';
    this.#prefetch.forgetTerm();
    // Its clustering begins with the features of all data shards, of the images that can be read
    // then.
    this.#clustering.letGo();
    this.#odc?.forget();
  }

  /** Forgets the orders of a session that has ended; the features stay. */
  abandonOrders(): void {
    this.#queue.length = 0;
    this.#prefetch.releaseShards();
    this.#odc?.forget();
  }

  async #workOff(): Promise<void> {
    this.#isBusy = true;
    for (;;) {
      const queued = this.#queue.shift();
      if (queued === undefined || this.#deps.signal.aborted) break;
      if (queued.term === this.#term) await this.#answer(queued);
    }
    this.#isBusy = false;
  }

  async #answer(queued: QueuedOrder): Promise<void> {
    const { order } = queued;
    const { coordinator, signal, logger, advance, trace = NO_TRACE } = this.#deps;
    const { leaseId, generation } = order;
    const startedMs = performance.now();
    const times = new OrderTimes(trace);
    this.#times = times;
    hitFailpoint('worker.ordered', { epoch: order.epoch });
    const work = times.span(order.work ?? 'order', { epoch: order.epoch }, () =>
      this.#perform(queued),
    );
    const outcome = await work.catch((error: unknown): Outcome => {
      const code = error instanceof TrainerError ? error.code : 'INTERNAL';
      const failure = { code, message: messageOf(error) };
      // The coordinator decides about images, and tells of it.
      if (error instanceof ImagesUnreadable) {
        return { header: { failure, unreadable: error.images.slice(0, MOST_NAMED) } };
      }
      const fields = { leaseId, code, reason: failure.message };
      if (isOvertaken(code)) logger.info('order.overtaken', fields);
      else if (!signal.aborted) logger.warn('order.failed', fields);
      return { header: { failure } };
    });
    const { header = {}, arrays = {} } = outcome;
    if (signal.aborted) return;
    advance();
    const seconds = (performance.now() - startedMs) / 1000;
    const { viewWaitSeconds, computeSeconds } = times;
    const rows = residentRows(this.held);
    const facts = { leaseId, generation, seconds, viewWaitSeconds, computeSeconds };
    let isTaken = false;
    try {
      const reply = await times.span('submit', {}, () =>
        coordinator.submit({ ...facts, residentRows: rows, ...header }, arrays, signal),
      );
      hitFailpoint('worker.submitted', { epoch: order.epoch });
      isTaken = reply.outcome !== 'FENCED';
      if (!isTaken && !header.unreadable?.length) {
        logger.info('result.fenced', { leaseId, reason: OVERTAKEN });
      }
    } catch (error) {
      // The session will end too, and the lease go to another.
      logger.warn('result.lost', { leaseId, reason: messageOf(error) });
    } finally {
      // Features that the coordinator has not taken may lack an image that others have by now.
      if (order.extract && !isTaken) this.#clustering.drop(order.extract.shard);
      // Whatever became of the result: a worker whose lease expired while it was sent can be given work again.
      advance();
    }
  }

  #perform({ order, term }: QueuedOrder): Promise<Outcome> {
    if (order.extract) return this.#extract(order, order.extract);
    if (order.fillMemory) return this.#fillMemory(order, order.fillMemory.shard, term);
    if (order.trainSlice) return this.#trainSlice(order, order.trainSlice, term);
    if (order.evaluate) return this.#evaluate(order, order.evaluate);
    const ofClustering = this.#clustering.perform(order);
    if (ofClustering !== null) return ofClustering;
    return Promise.reject(
      new TrainerError('PROTOCOL_VIOLATION', `order ${order.leaseId} holds no work known here`),
    );
  }

  /** Starts what does not need the device: downloads and decoding. */
  #prepare(order: Order__Output): void {
    const artifact =
      order.project?.whiteningArtifact ??
      order.kmeansStep?.centroidsArtifact ??
      order.assign?.centroidsArtifact;
    if (artifact) this.#prefetch.artifact(artifact).catch(() => undefined);
    const { epoch, parameterVersion, trainSlice, extract } = order;
    if (extract) this.#prefetch.beginShard(order.leaseId, extract);
    if (!trainSlice) return;
    const { step, slice, samples, upcoming } = trainSlice;
    const headEpoch = this.#headEpoch(epoch);
    if (!this.#hasLoaded(parameterVersion, headEpoch)) {
      this.#prefetch.parameters(parameterVersion, headEpoch).catch(() => undefined);
    }
    this.#odc?.prepare(order, trainSlice);
    if (samples) this.#prefetch.views({ epoch, step, slice }, samples).catch(() => undefined);
    if (upcoming) {
      this.#prefetch.views({ epoch, step: step + 1, slice }, upcoming).catch(() => undefined);
    }
  }

  async #extract(
    order: Order__Output,
    { shard, begin, end, leftOut }: Extract__Output,
  ): Promise<Outcome> {
    const { model, featureDim, advance } = this.#deps;
    const times = this.#times;
    const batches = this.#prefetch.takeShard(order.leaseId, { begin, end, leftOut });
    await this.#load(order.parameterVersion, null);
    const features = new Float32Array((end - begin) * featureDim);
    const ids: number[] = [];
    const unreadable: LoadedViews['unreadable'] = [];
    const damaged: LoadedViews['damaged'] = [];
    for await (const views of batches.each(times)) {
      unreadable.push(...views.unreadable);
      damaged.push(...views.damaged);
      const { length: count } = views.ids;
      if (count === 0) continue;
      const rows = times.pass('features', { count }, () => model.features(views.pixels, count));
      requireFinite(rows, `features of data shard ${shard}`);
      features.set(rows, ids.length * featureDim);
      ids.push(...views.ids);
      advance();
    }
    this.#clustering.hold(order, {
      shard,
      ids: Int32Array.from(ids),
      features: features.slice(0, ids.length * featureDim),
      dim: featureDim,
      isProjected: false,
    });
    return { header: { samples: ids.length, unreadable, damaged } };
  }

  /** ODC: the unit rows of a data shard go to the sample memory, straight from here. */
  async #fillMemory(order: Order__Output, shard: number, term: number): Promise<Outcome> {
    this.#requireTerm(term);
    const resident = residentShard(this.held, shard, order.epoch, true);
    await this.#odc?.fill(order, resident);
    return { header: { samples: resident.ids.length } };
  }

  async #trainSlice(
    order: Order__Output,
    slice: TrainSlice__Output,
    term: number,
  ): Promise<Outcome> {
    const { config, model, parameters, identity, signal } = this.#deps;
    const { step, samples } = slice;
    if (!samples?.ids.length) {
      throw new TrainerError('PROTOCOL_VIOLATION', 'train slice without samples');
    }
    this.#clustering.letGo();
    const times = this.#times;
    const name = { epoch: order.epoch, step, slice: slice.slice };
    const views = await times.views(this.#prefetch.views(name, samples));
    requireReadable(views.unreadable);
    await this.#load(order.parameterVersion, this.#headEpoch(order.epoch));
    const targets = Int32Array.from(samples.pseudoLabels);
    const seed = [config.seed, 'dropout', step, slice.slice];
    const weights = weightsOf(samples.lossWeights);
    const { lossSum, gradient, statistics, features } = times.pass(
      'lossAndGradient',
      { ...name },
      () =>
        this.#odc === null
          ? { ...model.lossAndGradient(views.pixels, targets, seed), features: null }
          : model.lossGradientAndFeatures(views.pixels, targets, seed, weights),
    );
    if (!Number.isFinite(lossSum)) {
      throw nonFinite(
        `loss of step ${step}, slice ${slice.slice}`,
        lossSum,
        'the slice was refused',
      );
    }
    const memory = features === null ? null : await this.#odc?.mix(order, slice, features);
    const push = {
      step,
      slice: slice.slice,
      generation: order.generation,
      ...identity,
      basedOn: order.parameterVersion,
      samples: targets.length,
      gradient,
      statistics,
      ...(memory ? { memory } : {}),
    };
    this.#requireTerm(term);
    const reply = await times.span('push', {}, () => parameters.push(push, signal));
    if (reply.outcome === 'fenced' || reply.outcome === 'stale') {
      throw new TrainerError(
        'GENERATION_FENCED',
        `push of step ${step}, slice ${slice.slice}: ${reply.outcome}; version ${reply.version} is current`,
      );
    }
    hitFailpoint('worker.pushed', { step, slice: slice.slice });
    const repeatedPush = reply.outcome === 'duplicate';
    const { damaged } = views;
    return { header: { samples: targets.length, lossSum, damaged, repeatedPush } };
  }

  async #evaluate(order: Order__Output, { network, leftOut }: Evaluate__Output): Promise<Outcome> {
    const isRandom = network === 'random';
    const { config, layout, source, loader, model, representationDim, signal, advance } =
      this.#deps;
    if (!isRandom) await this.#load(order.parameterVersion, null);
    this.#clustering.letGo();
    if (isRandom) this.#loaded = '';
    const scores = await evaluateNetwork({
      config,
      layout,
      source,
      loader,
      model,
      dim: representationDim,
      isRandom,
      leftOut,
      signal,
      advance,
      times: this.#times,
    });
    return { arrays: { scores: { data: scores, shape: [scores.length] } } };
  }

  /** @throws TrainerError GENERATION_FENCED for what was ordered in a term that is over */
  #requireTerm(term: number): void {
    if (term === this.#term) return;
    throw new TrainerError(
      'GENERATION_FENCED',
      `ordered in term ${term} of the coordinator, which is over; ${this.#term} is current`,
    );
  }

  /** The epoch whose clustering the head is of: ODC clusters once. */
  #headEpoch(epoch: number): number {
    return this.#odc === null ? epoch : 0;
  }

  /** Has the model hold this version; `headEpoch` null where the head does not matter. */
  async #load(version: number, headEpoch: number | null): Promise<void> {
    if (this.#hasLoaded(version, headEpoch)) return;
    const times = this.#times;
    const pulled = this.#prefetch.parameters(version, headEpoch);
    const values = await times.span('wait for pull', { version }, () => pulled);
    await times.span('load parameters', { version }, () => {
      this.#deps.model.load(vectorOf(values, 'parameters'), vectorOf(values, 'statistics'));
    });
    this.#loaded = `${version}/${values.headEpoch}`;
    this.#prefetch.releaseParameters();
  }

  #hasLoaded(version: number, headEpoch: number | null): boolean {
    const [loadedVersion, loadedHead] = this.#loaded.split('/');
    const hasHead = headEpoch === null || loadedHead === String(headEpoch);
    return loadedVersion === String(version) && hasHead;
  }
}

/** None where the order has none. */
function weightsOf(weights: readonly number[]): { readonly weights?: Float32Array } {
  return weights.length === 0 ? {} : { weights: Float32Array.from(weights) };
}

/** @throws TrainerError NON_FINITE */
function requireFinite(values: Float32Array, what: string): void {
  for (const value of values) {
    if (!Number.isFinite(value)) throw nonFinite(what, value, 'they were refused');
  }
}
