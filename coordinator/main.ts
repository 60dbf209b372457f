/**
 * The coordinator process: run folder, parameter server thread, control plane, run; and their orderly end.
 * It loads no tensor library.
 */
import { setMaxListeners } from 'node:events';
import { nanoid } from 'nanoid';
import type { ConfigOrigins } from '../src/config/load.ts';
import type { RunConfig } from '../src/config/schema.ts';
import { openImageSource, type ImageSource } from '../src/data/source.ts';
import { configInvalid, exitCodeOf, messageOf } from '../src/errors.ts';
import type { RunSummary } from '../src/report/summary.ts';
import { assertLoopback, startServer } from '../src/rpc/channel.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import type { Notice } from '../src/telemetry/notice.ts';
import { conductRun } from './conduct-run.ts';
import { createControl } from './control.ts';
import { startParameterThread } from './parameter-thread.ts';
import { RunFolder } from './run-folder.ts';
import { RunRecord } from './run-record.ts';

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
  /** Ends the run in order, after a checkpoint; its reason is what the run then fails with. */
  readonly signal: AbortSignal;
  readonly notify: (notice: Notice) => void;
}

/** Time that clients have to end their calls when the server stops. */
const STOP_GRACE_MS = 2_000;

/** Runs to the end. @throws TrainerError; UNAVAILABLE when it was stopped and can be resumed */
export async function runCoordinator(options: CoordinatorOptions): Promise<RunSummary> {
  const { config, logger, notify, signal, resume } = options;
  // Every call in flight listens for the end: that many listeners are no leak.
  setMaxListeners(0, signal);
  assertLoopback(options.listen, options.isInsecureAllowed, '--listen');
  assertLoopback(options.parameterListen, options.isInsecureAllowed, '--parameter-listen');
  const source = await openSource(config, logger);
  const parameterThread = await startParameterThread(options.parameterListen);
  const parameterServer = parameterThread.address;
  try {
    const folder = new RunFolder(options.out, resume, Date.now);
    const runId = resume ? folder.readRunId() : nanoid(10);
    const record = new RunRecord(Date.now);
    const run = { ...options, runId, source, folder, record, parameterServer };
    const control = createControl(run);
    const server = await startServer(options.listen, (grpcServer) => {
      control.service.addTo(grpcServer);
    });
    folder.writeConfig(runId, config, options.origins);
    for (const role of ['coordinator', 'server']) {
      const id = role === 'server' ? 'server-0' : role;
      folder.event('process.started', `${role} is up`, { role, id, pid: process.pid });
    }
    logger.info('coordinator.listening', { address: server.address, runId, out: options.out });
    notify({ type: 'listening', address: server.address });
    const { dispatcher, service } = control;
    const stop = (): void => {
      dispatcher.fail(signal.reason);
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    parameterThread.failed.catch((error: unknown) => {
      dispatcher.fail(error);
    });
    const { leaseTtlMs, heartbeatTimeoutMs } = config.cluster;
    const ticker = setInterval(
      () => {
        dispatcher.dispatch({ type: 'tick' });
      },
      Math.min(leaseTtlMs, heartbeatTimeoutMs) / 4,
    );
    try {
      const summary = await conductRun({ ...run, control });
      notify({ type: 'finished', summary });
      service.stopAll('the run is finished', 0);
      return summary;
    } catch (error) {
      folder.event('run.stopped', messageOf(error));
      service.stopAll(messageOf(error), exitCodeOf(error));
      throw error;
    } finally {
      clearInterval(ticker);
      signal.removeEventListener('abort', stop);
      await server.stop(STOP_GRACE_MS);
      folder.close();
    }
  } finally {
    await parameterThread.stop();
  }
}

async function openSource(config: RunConfig, logger: Logger): Promise<ImageSource> {
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
  assertRoomForClusters(config, source.count, logger);
  return source;
}

/** Images a cluster has on average, as a multiple of the size of a small one, below which a run is warned. */
const AMPLE = 4;

/** ODC cannot keep clusters above a size that the images do not suffice for: it would merge and split without end. */
function assertRoomForClusters(
  { algorithm, clustering, odc }: RunConfig,
  images: number,
  logger: Logger,
): void {
  if (algorithm !== 'odc') return;
  const needed = clustering.k * odc.smallClusterSize;
  if (needed > images) {
    const most = Math.floor(images / clustering.k);
    const rule = `must be at most ${most}, the images (${images}) per cluster (clustering.k ${clustering.k})`;
    throw configInvalid('odc.smallClusterSize', rule, odc.smallClusterSize);
  }
  if (AMPLE * needed > images) {
    const reason = `clustering.k times odc.smallClusterSize is ${needed} of ${images} images; clusters may be merged and split all the time: lower one of them`;
    logger.warn('clusters.crowded', { reason });
  }
}
