/** The worker process, wired: engine, session with the coordinator, heartbeat thread, loop; connects again when cut off. */
import { nanoid } from 'nanoid';
import { runConfigSchema, type RunConfig } from '../src/config/schema.ts';
import { createImageLoader } from '../src/data/loader.ts';
import { openImageSource } from '../src/data/source.ts';
import { TrainerError, configInvalid, unavailable } from '../src/errors.ts';
import { describeModel } from '../src/nn/architectures.ts';
import { startEngine } from '../src/nn/engine.ts';
import { createModel } from '../src/nn/model.ts';
import { layoutHash } from '../src/ps/layout.ts';
import { pause } from '../src/rpc/calls.ts';
import type { Ready } from '../src/rpc/generated/deepcluster/v1/Ready.ts';
import type { Welcome__Output } from '../src/rpc/generated/deepcluster/v1/Welcome.ts';
import { ParametersClient } from '../src/rpc/parameters-client.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import { startHeartbeat, type Heartbeat } from './heartbeat-thread.ts';
import { WorkerLoop } from './loop.ts';
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
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Time to find the coordinator, or find it again, before the worker gives up [ms]. */
const CONNECT_MS = 60_000;
const RECONNECT_PAUSE_MS = 250;

/** A worker that has prepared for the run; it survives a broken session. */
interface Prepared {
  readonly loop: WorkerLoop;
  readonly ready: Ready;
  readonly heartbeat: Heartbeat;
  close(): Promise<void>;
}

/** Works until the coordinator says stop. @throws TrainerError when refused, or when the coordinator stays away */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { logger, signal } = options;
  const identity = { workerId: options.workerId ?? `worker-${nanoid(6)}`, incarnation: nanoid(10) };
  const client = new CoordinatorClient(options.coordinator, identity);
  let prepared: Prepared | null = null;
  let lastContactMs = performance.now();
  try {
    for (;;) {
      const end = await client.session(
        {
          welcomed: async (welcome) => {
            prepared ??= await prepare(options, identity, client, welcome);
            lastContactMs = performance.now();
            return { ...prepared.ready, holdings: holdingsOf(prepared.loop) };
          },
          ordered: (order) => {
            lastContactMs = performance.now();
            prepared?.loop.take(order);
          },
        },
        signal,
      );
      if (signal.aborted) return;
      if (end.kind === 'stopped' && end.exitCode === 0) return;
      if (end.kind !== 'broken') throw sessionError(end);
      (prepared as Prepared | null)?.loop.abandonOrders();
      if (performance.now() - lastContactMs > CONNECT_MS) {
        throw unavailable(`coordinator ${options.coordinator}`, `${end.reason}; is it running?`);
      }
      logger.debug('session.broken', { reason: end.reason });
      await pause(RECONNECT_PAUSE_MS, signal);
    }
  } finally {
    await (prepared as Prepared | null)?.close();
    client.close();
  }
}

/** Opens the images, starts the engine and builds the network that the run's configuration names. */
async function prepare(
  options: WorkerOptions,
  identity: WorkerIdentity,
  client: CoordinatorClient,
  welcome: Welcome__Output,
): Promise<Prepared> {
  const config = parseConfig(welcome.configJson);
  const logger = options.logger.child({ runId: welcome.runId, workerId: identity.workerId });
  const source = await openImageSource(requireSource(options.dataSource ?? config.data.source));
  const engine = await startEngine(options.engine ?? config.cluster.engine, {});
  logger.info('engine.started', {
    engine: engine.name,
    version: engine.version,
    reason: engine.reason,
  });
  const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
  const model = createModel(spec);
  const hash = layoutHash(spec.layout);
  const parameters = new ParametersClient(client.parameterAddress(welcome.parameterServer), hash);
  const heartbeat = startHeartbeat(
    { coordinator: options.coordinator, ...identity, intervalMs: welcome.heartbeatMs },
    (reason) => {
      logger.error('heartbeat.failed', { reason });
    },
  );
  const loop = new WorkerLoop({
    identity,
    config,
    source,
    loader: createImageLoader({ source, config: config.data, seed: config.seed }),
    layout: spec.layout,
    featureDim: spec.featureDim,
    model,
    coordinator: client,
    parameters,
    advance: () => {
      heartbeat.advance();
    },
    logger,
    signal: options.signal,
  });
  return {
    loop,
    heartbeat,
    ready: {
      dataDigest: source.digest,
      imageCount: source.count,
      engine: engine.name,
      layoutJson: JSON.stringify(spec.layout),
      layoutHash: hash,
      featureName: spec.featureName,
      featureDim: spec.featureDim,
    },
    close: async () => {
      await heartbeat.stop();
      parameters.close();
      model.dispose();
    },
  };
}

function parseConfig(json: string): RunConfig {
  const parsed = runConfigSchema.safeParse(JSON.parse(json));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new TrainerError(
    'PROTOCOL_VIOLATION',
    `configuration of the coordinator at ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}; run the same release on every process`,
  );
}

function requireSource(source: string | null): string {
  if (source === null) throw configInvalid('data.source', 'must name the images (--data)', null);
  return source;
}

function holdingsOf({ held }: WorkerLoop): NonNullable<Ready['holdings']> {
  return [...held.values()].map(({ shard, epoch, parameterVersion, isProjected }) => ({
    shard,
    epoch,
    parameterVersion,
    projected: isProjected,
  }));
}
