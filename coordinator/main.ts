/**
 * The coordinator process: run folder, parameter servers, terms of the run with their control planes; and their orderly end.
 * It loads no tensor library.
 */
import { setMaxListeners } from 'node:events';
import { nanoid } from 'nanoid';
import type { ConfigOrigins } from '../src/config/load.ts';
import { holdsRun, requireRunFolder } from '../src/run/folder.ts';
import type { RunConfig } from '../src/config/schema.ts';
import { passedOverLine } from '../src/data/source/passed-over.ts';
import type { ImageSource } from '../src/data/source/source.ts';
import {
  EXIT,
  configInvalid,
  exitCodeOf,
  messageOf,
  needsPerson,
  unavailable,
} from '../src/errors.ts';
import type { RunSummary } from '../src/report/summary.ts';
import { withAnySignal } from '../src/rpc/any-signal.ts';
import { assertLoopback, startHealthServer, startServer } from '../src/rpc/channel/channel.ts';
import type { RunLock } from '../src/run/lock/run-lock.ts';
import { takeRunFolder, type TakenFolder } from '../src/run/lock/take-folder.ts';
import type { Credentials } from '../src/security/credentials.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import type { Notice } from '../src/telemetry/notice.ts';
import { conductRun } from './run/conduct-run.ts';
import { createControl, type ControlDeps } from './control/control.ts';
import { refusalLog } from '../src/telemetry/refusal-log.ts';
import { onceThereIsRoom } from './record/disk-room.ts';
import { RunFolder, readRunId } from './record/run-folder.ts';
import { runImagesOf } from '../src/run/run-images.ts';
import { keepListing, openRunImages } from './images/run-images.ts';
import { RunRecord } from './record/run-record.ts';
import {
  OwnServer,
  RegisteredServers,
  ServerLost,
  type ReadyServers,
  type ServerFleet,
} from './fleet/server-fleet.ts';
import { ServerSessions } from './fleet/server-session-service.ts';
import { CoordinatorService } from './fleet/service.ts';

export interface CoordinatorOptions {
  readonly config: RunConfig;
  readonly origins: ConfigOrigins;
  /** `host:port`; port 0 takes any free one. */
  readonly listen: string;
  /** The same for the parameter server's thread. */
  readonly parameterListen: string;
  /** Null: connections are plain, and every address must be loopback. */
  readonly credentials: Credentials | null;
  /** `host:port` for plain-text health probes; null: none. */
  readonly health: string | null;
  /** The run's folder. */
  readonly out: string;
  readonly resume: boolean;
  /**
   * Wait for the end of another process that holds the folder, instead of failing; left out: no.
   */
  readonly isWaiting?: boolean;
  /** Take the folder from another process that holds it; left out: no. */
  readonly takesOver?: boolean;
  readonly journal?: ControlDeps['journal'];
  readonly logger: Logger;
  /** Ends the run in order, after a checkpoint; its reason is what the run then fails with. */
  readonly signal: AbortSignal;
  readonly notify: (notice: Notice) => void;
}

/** Time that clients have to end their calls when the server stops. */
const STOP_GRACE_MS = 2_000;

/**
 * Runs to the end.
 * @throws TrainerError; UNAVAILABLE when it was stopped and can be resumed, FOLDER_HELD when
 *   another process has the folder
 */
export async function runCoordinator(options: CoordinatorOptions): Promise<RunSummary> {
  const { signal, resume, credentials, out } = options;
  // Every call in flight listens for the end: that many listeners are no leak.
  setMaxListeners(0, signal);
  assertLoopback(options.listen, credentials !== null, '--listen');
  assertLoopback(options.parameterListen, credentials !== null, '--parameter-listen');
  requireRunFolder(out, resume);
  const source = await openSource(options);
  const incarnation = nanoid(10);
  const taken = await takeFolder(incarnation, options);
  try {
    if (holdsRun(out) !== resume) {
      const problem = 'another process has begun a run in it in the meantime';
      throw unavailable(`run folder ${out}`, `${problem}; start this one again`);
    }
    const { lost } = taken.lock;
    setMaxListeners(0, lost);
    return await withAnySignal([signal, lost], (ended) =>
      runInFolder({ ...options, source, incarnation, taken, signal: ended }),
    );
  } finally {
    taken.release();
  }
}

/** Waits for the folder, and for room on its disk, as far as that is asked for. */
async function takeFolder(
  incarnation: string,
  { out, isWaiting = false, takesOver = false, logger, notify, signal }: CoordinatorOptions,
): Promise<TakenFolder> {
  const take = (): Promise<TakenFolder> =>
    takeRunFolder(out, incarnation, {
      ...{ isWaiting, takesOver, signal },
      onHeld: (reason) => {
        logger.warn('folder.held', { reason });
        notify({ type: 'remark', text: `waiting: ${reason}` });
      },
      onTrouble: (reason) => {
        logger.warn('folder.unreachable', { reason });
      },
    });
  // There is no folder yet to write the event to.
  return onceThereIsRoom('the claim on the run folder', take, {
    ...{ folder: { event: () => undefined }, logger, signal },
  });
}

interface InFolder extends CoordinatorOptions {
  readonly source: ImageSource;
  /** Of this process. */
  readonly incarnation: string;
  readonly taken: TakenFolder;
}

async function runInFolder(options: InFolder): Promise<RunSummary> {
  const { config, logger, notify, signal, resume, credentials, incarnation } = options;
  const { lock } = options.taken;
  const folder = new RunFolder(options.out, options.taken, Date.now);
  const runId = resume ? readRunId(options.out) : nanoid(10);
  tellOfClaim(folder, lock, logger);
  const registered =
    config.cluster.servers === 0 ? null : registeredServers(config, folder, logger);
  const fleet =
    registered ?? new OwnServer(options.parameterListen, credentials, { folder, logger });
  const serverSessions = new ServerSessions(registered);
  const service = new CoordinatorService(serverSessions);
  const health = options.health === null ? null : await startHealthServer(options.health);
  if (health !== null) logger.info('health.listening', { address: health.address });
  try {
    const server = await startServer(
      options.listen,
      (grpcServer) => {
        service.addTo(grpcServer);
      },
      { credentials, onRefused: refusalLog(logger) },
    );
    try {
      const writeConfig = (): void => {
        keepListing(folder, options.source, resume);
        folder.writeConfig(runId, config, options.origins, runImagesOf(options.source));
      };
      const keepSettings = (): Promise<void> =>
        onceThereIsRoom('the configuration', writeConfig, { folder, logger, signal });
      if (!resume) await keepSettings();
      const { pid } = process;
      const started = { role: 'coordinator', id: 'coordinator', pid, incarnation } as const;
      folder.processStarted(started, 'coordinator is up');
      logger.info('coordinator.listening', { address: server.address, runId, out: options.out });
      notify({ type: 'listening', address: server.address });
      const summary = await runTerms({
        ...options,
        runId,
        folder,
        service,
        fleet,
        registered,
        settingsTaken: resume ? keepSettings : () => Promise.resolve(),
      });
      notify({ type: 'finished', summary });
      service.stopAll('the run is finished', EXIT.done);
      serverSessions.stopAll('the run is finished', EXIT.done);
      return summary;
    } catch (error) {
      // The run goes on elsewhere: workers and servers find the process that has it now.
      if (lock.lost.aborted) throw lock.lost.reason;
      folder.event('run.stopped', messageOf(error));
      if (needsPerson(error)) {
        // Before the others end: whoever started this process must not start them again.
        const [exitCode, message] = [exitCodeOf(error), messageOf(error)];
        notify({ type: 'failed', exitCode, message, needsPerson: true });
      }
      service.stopAll(messageOf(error), exitCodeOf(error));
      serverSessions.stopAll(messageOf(error), exitCodeOf(error));
      throw error;
    } finally {
      await server.stop(STOP_GRACE_MS);
    }
  } finally {
    folder.close();
    await fleet.stop();
    await health?.stop(STOP_GRACE_MS);
  }
}

function tellOfClaim(
  folder: RunFolder,
  { holder, term, takenFrom }: RunLock,
  logger: Logger,
): void {
  const { host, pid } = holder;
  const from = takenFrom === null || takenFrom === 'unknown' ? '' : ` on ${takenFrom.host}`;
  const earlier = takenFrom === null ? '' : `; the silent process${from} before it is shut out`;
  const reason = `process ${pid} on ${host} holds the folder from term ${term} on${earlier}`;
  folder.event('folder.claimed', reason, { host, pid });
  if (takenFrom !== null) logger.warn('folder.taken-over', { reason });
}

function registeredServers(
  { cluster }: RunConfig,
  folder: RunFolder,
  logger: Logger,
): RegisteredServers {
  return new RegisteredServers({
    parts: cluster.servers,
    timeoutMs: cluster.heartbeatTimeoutMs,
    now: () => performance.now(),
    folder,
    logger,
  });
}

interface TermDeps extends InFolder {
  readonly runId: string;
  readonly folder: RunFolder;
  readonly service: CoordinatorService;
  readonly fleet: ServerFleet;
  readonly registered: RegisteredServers | null;
  readonly settingsTaken: () => Promise<void>;
}

type NewTerm = TermDeps & ReadyServers & { readonly term: number };

/**
 * One term after the other, until the run is done: each begins from the newest sound checkpoint, and lasts for as long as all
 * parameter servers live. A coordinator that starts again does the same as one that lost a server.
 */
async function runTerms(deps: TermDeps): Promise<RunSummary> {
  const { config, service, fleet, folder, logger, signal } = deps;
  const ticker = startTicker(config, () => {
    deps.registered?.tick();
  });
  try {
    for (let resume = deps.resume; ; resume = true) {
      service.pause('waiting for parameter servers');
      const servers = await fleet.ready(signal);
      const term = await onceThereIsRoom('the term', () => folder.beginTerm(), deps);
      folder.event('term.begun', `term ${term}`, { term });
      try {
        return await runTerm({ ...deps, ...servers, resume, term });
      } catch (error) {
        if (!(error instanceof ServerLost) || signal.aborted) throw error;
        logger.warn('term.ended', { reason: error.message });
        folder.event('term.ended', error.message);
      }
    }
  } finally {
    ticker.stop();
  }
}

function runTerm(deps: NewTerm): Promise<RunSummary> {
  return withAnySignal([deps.signal, deps.lost], (ended) => runUntil(ended, deps));
}

async function runUntil(ended: AbortSignal, deps: NewTerm): Promise<RunSummary> {
  const { config, service } = deps;
  const record = new RunRecord(Date.now);
  record.noteProcess('coordinator', deps.incarnation);
  deps.incarnations.forEach((server, part) => record.noteProcess(`server-${part}`, server));
  const run = { ...deps, record };
  const control = createControl({ ...run, signal: ended });
  const { dispatcher } = control;
  service.begin(control.events);
  const stop = (): void => {
    dispatcher.fail(ended.reason);
  };
  if (ended.aborted) stop();
  ended.addEventListener('abort', stop, { once: true });
  const ticker = startTicker(config, () => {
    dispatcher.dispatch({ type: 'tick' });
  });
  try {
    return await conductRun({ ...run, control, ended });
  } finally {
    ticker.stop();
    ended.removeEventListener('abort', stop);
  }
}

/** Ticks are at most this far apart [ms]: backup slices are given out by them. */
const LONGEST_TICK_MS = 500;

/**
 * Calls `tick` often enough for leases and heartbeats. Not after a pause of this process itself (SIGSTOP, a laptop's sleep):
 * what came meanwhile waits to be read, and nobody must be held silent before.
 */
function startTicker({ cluster }: RunConfig, tick: () => void): { stop: () => void } {
  const { leaseTtlMs, heartbeatTimeoutMs } = cluster;
  const intervalMs = Math.min(leaseTtlMs / 4, heartbeatTimeoutMs / 4, LONGEST_TICK_MS);
  let dueMs = performance.now() + intervalMs;
  const timer = setInterval(() => {
    const lateMs = performance.now() - dueMs;
    dueMs = performance.now() + intervalMs;
    if (lateMs < Math.max(2 * intervalMs, heartbeatTimeoutMs / 4)) tick();
  }, intervalMs);
  return {
    stop: () => {
      clearInterval(timer);
    },
  };
}

async function openSource(options: CoordinatorOptions): Promise<ImageSource> {
  const { config, logger } = options;
  const source = await openRunImages(options);
  const passedOver = passedOverLine(source.passedOver ?? []);
  if (passedOver !== null) logger.warn('files.ignored', { reason: passedOver });
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
export function assertRoomForClusters(
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
