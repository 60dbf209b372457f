/**
 * The coordinator process, wired: run folder, parameter server thread, state machine, gRPC service, loop, report.
 * It loads no tensor library.
 */
import { nanoid } from 'nanoid';
import { readLatestCheckpoint } from '../src/checkpoint/checkpoint.ts';
import type { ConfigOrigins } from '../src/config/load.ts';
import type { RunConfig } from '../src/config/schema.ts';
import { planShards } from '../src/data/shard-plan.ts';
import { openImageSource, type ImageSource } from '../src/data/source.ts';
import { configInvalid, exitCodeOf, messageOf } from '../src/errors.ts';
import { layoutHash } from '../src/ps/layout.ts';
import type { RunSummary } from '../src/report/summary.ts';
import { assertLoopback, startServer } from '../src/rpc/channel.ts';
import { ParametersClient } from '../src/rpc/parameters-client.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import type { Notice } from '../src/telemetry/notice.ts';
import { Artifacts } from './artifacts.ts';
import { Dispatcher } from './dispatcher.ts';
import { RunLoop } from './loop.ts';
import { Membership } from './membership.ts';
import { composeOrder, type OrderContext } from './order-composer.ts';
import { startParameterThread } from './parameter-thread.ts';
import { RunFolder } from './run-folder.ts';
import { RunRecord } from './run-record.ts';
import { writeRunReport } from './run-report.ts';
import { summariseRun } from './run-summary.ts';
import { CoordinatorService } from './service.ts';

export interface CoordinatorOptions {
  readonly config: RunConfig;
  readonly origins: ConfigOrigins;
  /** `host:port`; port 0 takes any free one. */
  readonly listen: string;
  /** The same for the parameter server's thread. */
  readonly parameterListen: string;
  /** Permits addresses beyond loopback without encryption. */
  readonly isInsecureAllowed: boolean;
  /** The run's folder. */
  readonly out: string;
  readonly resume: boolean;
  readonly logger: Logger;
  /** Ends the run in order, after a checkpoint. */
  readonly signal: AbortSignal;
  readonly notify: (notice: Notice) => void;
}

/** Time that clients have to end their calls when the server stops. */
const STOP_GRACE_MS = 2_000;

/** Runs to the end. @throws TrainerError; UNAVAILABLE when it was stopped and can be resumed */
export async function runCoordinator(options: CoordinatorOptions): Promise<RunSummary> {
  const { config, logger, notify } = options;
  assertLoopback(options.listen, options.isInsecureAllowed, '--listen');
  assertLoopback(options.parameterListen, options.isInsecureAllowed, '--parameter-listen');
  const source = await openSource(config);
  const folder = new RunFolder(options.out, options.resume, Date.now);
  const runId = options.resume ? folder.readRunId() : nanoid(10);
  folder.writeConfig(runId, config, options.origins);
  const record = new RunRecord(Date.now);
  const artifacts = new Artifacts();
  const context = emptyContext(config, source);
  const service = new CoordinatorService({
    welcome: () => ({
      runId,
      configJson: JSON.stringify(config),
      parameterServer: parameterThread.address,
      heartbeatMs: config.cluster.heartbeatMs,
    }),
    workerReady: (worker, ready) => {
      membership.workerReady(worker, ready);
    },
    workerGone: (worker, reason) => {
      membership.workerGone(worker, reason);
    },
    heartbeat: (...beat) => membership.heartbeat(...beat),
    result: (payload) => membership.result(payload),
    artifact: (name) => artifacts.get(name),
    status: () => ({
      runId,
      phase: dispatcher.state.phase,
      epoch: dispatcher.state.epoch,
      epochs: config.epochs,
      step: record.losses.length,
      lastLoss: record.losses.at(-1) ?? 0,
      workers: membership.status(),
    }),
  });
  const dispatcher = new Dispatcher(
    { ...config.cluster, leasePrefix: `${nanoid(6)}-` },
    {
      now: () => performance.now(),
      sendOrder: (workerId, incarnation, order) => {
        service.sendOrder(workerId, incarnation, order);
      },
      dropWorker: (workerId, incarnation) => {
        service.drop(workerId, incarnation);
      },
      composeOrder: (lease) => composeOrder(lease, context),
      record: (event, reason, fields) => {
        folder.event(event, reason, fields);
      },
    },
  );
  const membership = new Membership({ config, source, dispatcher, record, folder, logger });
  const parameterThread = await startParameterThread(options.parameterListen);
  const server = await startServer(options.listen, (grpcServer) => {
    service.addTo(grpcServer);
  }).catch(async (error: unknown) => {
    await parameterThread.stop();
    throw error;
  });
  for (const [role, id] of [
    ['coordinator', 'coordinator'],
    ['server', 'server-0'],
  ]) {
    folder.event('process.started', `${role} is up`, { role, id, pid: process.pid });
  }
  logger.info('coordinator.listening', { address: server.address, runId, out: options.out });
  notify({ type: 'listening', address: server.address });

  const stop = (): void => {
    dispatcher.fail(options.signal.reason);
  };
  options.signal.addEventListener('abort', stop, { once: true });
  if (options.signal.aborted) stop();
  parameterThread.failed.catch((error: unknown) => {
    dispatcher.fail(error);
  });
  const ticker = setInterval(
    () => {
      dispatcher.dispatch({ type: 'tick' });
    },
    Math.min(config.cluster.leaseTtlMs, config.cluster.heartbeatTimeoutMs) / 4,
  );
  try {
    const network = await Promise.race([membership.network, rejectOnAbort(options.signal)]);
    const parameters = new ParametersClient(parameterThread.address, layoutHash(network.layout));
    const loop = new RunLoop({
      ...options,
      runId,
      source,
      ...network,
      dispatcher,
      context,
      artifacts,
      parameters,
      record,
      folder,
    });
    try {
      const checkpoint = options.resume
        ? await readLatestCheckpoint(folder.checkpoints, (name, reason) => {
            logger.warn('checkpoint.refused', { name, reason });
            folder.event('checkpoint.refused', reason, { name });
          })
        : null;
      await loop.begin(checkpoint);
      await loop.run().catch(async (error: unknown) => {
        if (options.signal.aborted) await loop.checkpointNow();
        throw error;
      });
      const summary = summariseRun({
        runId,
        config,
        source,
        engine: network.engine,
        record,
        state: dispatcher.state,
        pseudoLabels: loop.pseudoLabels,
      });
      folder.writeLosses(record.losses);
      folder.writeSummary(summary);
      await writeRunReport({
        folder,
        summary,
        record,
        source,
        config,
        origins: options.origins,
        pseudoLabels: loop.pseudoLabels,
      });
      folder.event('run.finished', 'all epochs are done', { steps: summary.steps });
      notify({ type: 'finished', summary });
      service.stopAll('the run is finished', 0);
      return summary;
    } finally {
      parameters.close();
    }
  } catch (error) {
    folder.event('run.stopped', messageOf(error), {});
    service.stopAll(messageOf(error), exitCodeOf(error));
    throw error;
  } finally {
    clearInterval(ticker);
    options.signal.removeEventListener('abort', stop);
    await server.stop(STOP_GRACE_MS);
    await parameterThread.stop();
    folder.close();
  }
}

async function openSource(config: RunConfig): Promise<ImageSource> {
  if (config.data.source === null) {
    throw configInvalid('data.source', 'must name a folder or a list of images (--data)', null);
  }
  const source = await openImageSource(config.data.source);
  if (source.count < config.clustering.k) {
    throw configInvalid(
      'clustering.k',
      `must not exceed the number of images (${source.count})`,
      config.clustering.k,
    );
  }
  return source;
}

function emptyContext(config: RunConfig, source: ImageSource): OrderContext {
  return {
    shards: planShards(source.count, config.data.shardSize),
    training: config.training,
    epoch: 0,
    parameterVersion: 0,
    momentsArtifact: '',
    whiteningArtifact: '',
    centroidsArtifact: '',
    rowsByShard: new Map(),
    plan: null,
    firstStep: 0,
  };
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
