/**
 * A worker's life: finds the coordinator, prepares for its run, works through sessions, and
 * connects again when cut off. What it computes with is handed in, so that tests can work with
 * features of their own.
 */
import { memoryColumns } from '../src/algorithms/registry.ts';
import { nanoid } from 'nanoid';
import { arrayOf } from '../src/arrays/bundle.ts';
import { FLOAT64_KERNELS, type ClusteringKernels } from '../src/clustering/kernels.ts';
import type { OpenProducts } from '../src/evaluation/products.ts';
import { runConfigSchema, type RunConfig } from '../src/config/schema.ts';
import { createImageLoader } from '../src/data/loader/loader.ts';
import { awaitImages, firstThere } from '../src/data/source/await-images.ts';
import { decodeListing, presentCount, withFewMissing } from '../src/data/source/listing.ts';
import { openImageSource, type ImageSource, type ListedImage } from '../src/data/source/source.ts';
import { EXIT, TrainerError, unavailable } from '../src/errors.ts';
import { firstIssue } from '../src/messages/schema-issue.ts';
import type { Model } from '../src/nn/model.ts';
import { pause } from '../src/process/pause.ts';
import { layoutHash, type ParameterLayout } from '../src/ps/layout.ts';
import { cutsFor } from '../src/ps/parameter-plan.ts';
import { withAnySignal } from '../src/rpc/any-signal.ts';
import type { Ready } from '../src/rpc/generated/deepcluster/v1/Ready.ts';
import type { Welcome__Output } from '../src/rpc/generated/deepcluster/v1/Welcome.ts';
import { keepSession } from '../src/rpc/keep-session.ts';
import { forManyCalls } from '../src/rpc/many-listeners.ts';
import type { Credentials } from '../src/security/credentials.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import type { OrderProgress } from '../src/telemetry/notice.ts';
import { NO_TRACE, type Trace } from '../src/telemetry/trace.ts';
import { startHeartbeat } from './heartbeat-thread.ts';
import { WorkerLoop } from './loop.ts';
import { GradientMemory } from '../src/parameter-plane/gradient-memory.ts';
import { ServerAccess } from './server-access.ts';
import { CoordinatorClient, sessionError, type WorkerIdentity } from './service.ts';

export interface WorkerOptions {
  /** `host:port` of the coordinator. */
  readonly coordinator: string;
  /** Where the images lie here; null: where the run's configuration says. */
  readonly dataSource: string | null;
  /** Null: as configured. */
  readonly engine: RunConfig['cluster']['engine'] | null;
  /** Null: a name of its own. */
  readonly workerId: string | null;
  /** Null, as when left out: connections are plain. */
  readonly credentials?: Credentials | null;
  /** Threads that make views where the configuration leaves it open; left out: the worker's own. */
  readonly loaderThreads?: number;
  /** Left out: none is taken. */
  readonly trace?: Trace;
  /** Told how far a long order is; left out: nobody is. */
  readonly tell?: (progress: OrderProgress) => void;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** The network on its engine. */
export interface Compute {
  readonly engine: string;
  readonly model: Model;
  readonly layout: ParameterLayout;
  readonly featureDim: number;
  /** Name of the layer whose output is the feature. */
  readonly featureName: string;
  /** What is evaluated: the feature, or what a neck is fed. */
  readonly representationDim: number;
  readonly representationName: string;
  /** Where the model's gradients lie; left out: each in memory of its own. */
  readonly gradients?: GradientMemory;
  /** What clustering is computed with; float64 JavaScript if absent. */
  readonly clustering?: ClusteringKernels;
  /** Products with rows of thousands of numbers; float64 JavaScript if absent. */
  readonly wideProducts?: OpenProducts;
}

/** Builds the network that a run's configuration names. */
export type StartCompute = (config: RunConfig, logger: Logger) => Promise<Compute>;

/** An answer to a heartbeat that is older than the session says nothing of it. */
const UNKNOWN_BEATS = 4;

/** A worker that has prepared for the run; it survives a broken session. */
interface Prepared {
  readonly loop: WorkerLoop;
  readonly ready: Ready;
  /** Goes on with the servers, and in the term, that a welcome names. */
  readonly begin: (welcome: Welcome__Output) => void;
  readonly close: () => Promise<void>;
}

/**
 * Works until the coordinator says stop.
 * @throws TrainerError when refused, or when the coordinator stays away
 */
export async function workThroughSessions(
  options: WorkerOptions,
  startCompute: StartCompute,
): Promise<void> {
  const { logger } = options;
  const signal = forManyCalls(options.signal);
  const identity = { workerId: options.workerId ?? `worker-${nanoid(6)}`, incarnation: nanoid(10) };
  const client = new CoordinatorClient(options.coordinator, identity, options.credentials);
  let prepared: Promise<Prepared> | null = null;
  /** Aborted when there is nothing to prepare for any more. */
  const over = new AbortController();
  /**
   * Since when this session is open on this side; null: the coordinator has reason not to count on
   * this worker.
   */
  let readyMs: number | null = null;
  const onUnknown = (heartbeatMs: number): void => {
    if (readyMs === null || performance.now() - readyMs < UNKNOWN_BEATS * heartbeatMs) return;
    logger.warn('session.unknown', { reason: 'the coordinator does not count on this worker' });
    readyMs = null;
    client.reconnect();
  };
  try {
    const told = await keepSession({
      signal,
      open: async (heard) => {
        const end = await client.session(
          {
            welcomed: async (welcome) => {
              heard();
              const hands = { startCompute, identity, client, onUnknown, over: over.signal };
              prepared ??= prepare(options, hands, welcome);
              const { ready, loop, begin } = await prepared;
              begin(welcome);
              readyMs = performance.now();
              return { ...ready, holdings: holdingsOf(loop) };
            },
            waiting: (reason) => {
              heard();
              logger.debug('session.waiting', { reason });
            },
            ordered: (order) => {
              void prepared?.then(({ loop }) => {
                loop.take(order);
              });
            },
          },
          signal,
        );
        readyMs = null;
        return end;
      },
      onBroken: (reason) => {
        logger.debug('session.broken', { reason });
        // Orders of a session that is over belong to others now; a preparation that fails is thrown
        // by the next session.
        prepared?.then(
          ({ loop }) => {
            loop.abandonOrders();
          },
          () => undefined,
        );
      },
    });
    if (told === null || (told.kind === 'stopped' && told.exitCode === EXIT.done)) return;
    throw sessionError(told);
  } finally {
    over.abort(unavailable('worker', 'its run is over'));
    await (prepared as Promise<Prepared> | null)?.then(
      ({ close }) => close(),
      () => undefined,
    );
    client.close();
  }
}

interface PrepareDeps {
  readonly startCompute: StartCompute;
  readonly identity: WorkerIdentity;
  readonly client: CoordinatorClient;
  /** The coordinator does not know this worker any more. */
  readonly onUnknown: (heartbeatMs: number) => void;
  readonly over: AbortSignal;
}

/**
 * Opens the images, starts the engine and builds the network that the run's configuration names.
 */
async function prepare(
  options: WorkerOptions,
  { startCompute, identity, client, onUnknown, over }: PrepareDeps,
  welcome: Welcome__Output,
): Promise<Prepared> {
  const config = parseConfig(welcome.configJson);
  const logger = options.logger.child({ runId: welcome.runId, workerId: identity.workerId });
  const source = await withAnySignal([options.signal, over], (signal) =>
    openRunImages(welcome, config, client, { ...options, logger, signal }),
  );
  const compute = await startCompute(config, logger);
  const { layout, featureDim, featureName, representationDim, model } = compute;
  const { gradients = new GradientMemory() } = compute;
  const hash = layoutHash(layout);
  const servers = new ServerAccess(
    {
      layout,
      cuts: cutsFor(config.training),
      codec: config.training.codec,
      dim: memoryColumns(config, featureDim),
    },
    {
      ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
      gradients,
      sharesMemory: config.cluster.sharedMemory,
      tellWay: (way) => {
        logger.info('gradients.way', { way });
      },
    },
  );
  const heartbeat = startHeartbeat(
    {
      coordinator: options.coordinator,
      ...identity,
      intervalMs: welcome.heartbeatMs,
      credentials: options.credentials?.folder ?? null,
    },
    {
      onFailure: (reason) => {
        logger.error('heartbeat.failed', { reason });
      },
      onUnknown: () => {
        onUnknown(welcome.heartbeatMs);
      },
    },
  );
  const { trace = NO_TRACE } = options;
  const loader = createImageLoader({
    source,
    config: config.data,
    seed: config.seed,
    threads: config.data.loaderThreads ?? options.loaderThreads ?? 0,
    onMade: (thread, { beginUs, endUs, images, decoded, resampleSeconds }) => {
      const args = { images, decoded, resampleMs: Math.round(resampleSeconds * 1000) };
      trace.beside(`views of thread ${thread}`, beginUs, endUs, args);
    },
  });
  const loop = new WorkerLoop({
    identity,
    config,
    source,
    loader,
    trace,
    layout,
    featureDim,
    representationDim,
    model,
    clustering: compute.clustering ?? FLOAT64_KERNELS,
    ...(compute.wideProducts === undefined ? {} : { wideProducts: compute.wideProducts }),
    coordinator: client,
    parameters: servers,
    memory: servers,
    gradients: {
      begin: (version) => {
        servers.beginUnit(version);
      },
      giveBack: (gradient) => {
        gradients.giveBack(gradient);
      },
    },
    advance: () => {
      heartbeat.advance();
    },
    ...(options.tell === undefined ? {} : { tell: options.tell }),
    logger,
    signal: options.signal,
  });
  return {
    loop,
    begin: ({ parameterServers, term }) => {
      servers.connect(
        parameterServers.map((announced) => client.addressSeenFromHere(announced)),
        term,
      );
      loop.beginTerm(term);
    },
    ready: {
      dataDigest: source.digest,
      imageCount: source.count,
      engine: compute.engine,
      layoutJson: JSON.stringify(layout),
      layoutHash: hash,
      featureName,
      featureDim,
      representationName: compute.representationName,
    },
    close: async () => {
      await heartbeat.stop();
      loader.close();
      servers.close();
      model.dispose();
    },
  };
}

function parseConfig(json: string): RunConfig {
  const parsed = runConfigSchema().safeParse(JSON.parse(json));
  if (parsed.success) return parsed.data;
  throw new TrainerError(
    'PROTOCOL_VIOLATION',
    `configuration of the coordinator ${firstIssue(parsed.error)}; run the same release on every process`,
  );
}

/**
 * The images as this worker finds them: at its own `--data`, else where the coordinator has them,
 * else as its configuration names them from here. Fewer than the run has may still come; whether
 * others are the run's, the coordinator decides.
 */
function openRunImages(
  { dataPath, dataDigest, imageCount }: Welcome__Output,
  config: RunConfig,
  client: Pick<CoordinatorClient, 'artifact'>,
  { dataSource, logger, signal }: WorkerOptions,
): Promise<ImageSource> {
  const places: [string, ...string[]] =
    dataSource === null ? [dataPath, config.data.source ?? dataPath] : [dataSource];
  const most = Math.floor(config.data.maxUnreadableFraction * imageCount);
  const listed = async (): Promise<ListedImage[]> => {
    const bundle = await client.artifact('images/listing', signal);
    return decodeListing(arrayOf(bundle, 'listing', Uint8Array));
  };
  return awaitImages({
    open: async () => {
      const found = await openImageSource(await firstThere(places));
      const lacking = imageCount - presentCount(found);
      if (found.digest === dataDigest || lacking <= 0 || lacking > most) return found;
      // The coordinator waits for a few, or has left them out.
      const few = await withFewMissing(found, listed, most);
      return few?.source.digest === dataDigest ? few.source : found;
    },
    missing: (found) => {
      const present = presentCount(found);
      if (found.digest === dataDigest || present >= imageCount) return null;
      return `${imageCount - present} of the run's ${imageCount} images are missing in ${found.location}`;
    },
    remedy:
      'put them back or mount the share, and start the worker again, with --data if they lie elsewhere here',
    waitMs: config.data.waitMs,
    nowMs: () => performance.now(),
    pause,
    signal,
    onMissing: (reason) => {
      logger.warn('images.missing', { reason });
    },
  });
}

function holdingsOf({ held }: WorkerLoop): NonNullable<Ready['holdings']> {
  return [...held.values()].map(({ shard, epoch, parameterVersion, clustering, ...rest }) => ({
    ...{ shard, epoch, parameterVersion, clustering },
    projected: rest.isProjected,
    rows: rest.ids.length,
  }));
}
