/**
 * The coordinator process: brings the real world (folder, servers, gRPC, clock) to the terms of a
 * run, and puts it away at the end. It loads no tensor library.
 */
import { hostname } from 'node:os';
import { nanoid } from 'nanoid';
import type { ConfigOrigins } from '../src/config/load.ts';
import type { RunConfig } from '../src/config/schema.ts';
import type { ImageSource } from '../src/data/source/source.ts';
import { unavailable } from '../src/errors.ts';
import { idleWorkersRemark } from '../src/ps/idle-workers.ts';
import { cutsFor } from '../src/ps/parameter-plan.ts';
import type { RunSummary } from '../src/report/summary.ts';
import { withAnySignal } from '../src/rpc/any-signal.ts';
import { assertLoopback, startHealthServer, startServer } from '../src/rpc/channel/channel.ts';
import { forManyCalls } from '../src/rpc/many-listeners.ts';
import { holdsRun, requireRunFolder } from '../src/run/folder.ts';
import type { TakenFolder } from '../src/run/lock/take-folder.ts';
import { noteListing } from '../src/run/status/listing-note.ts';
import { runImagesOf } from '../src/run/run-images.ts';
import type { Credentials } from '../src/security/credentials.ts';
import { memoryColumns } from '../src/algorithms/registry.ts';
import { connectServers } from '../src/server-clients/connect.ts';
import { refusalLog } from '../src/telemetry/refusal-log.ts';
import { createControl, type ControlDeps } from './control/control.ts';
import { makeDashboard, requirePageAddress } from './dashboard/dashboard.ts';
import { OwnServer } from './fleet/own-server.ts';
import { RegisteredServers, type FleetRecord } from './fleet/server-fleet.ts';
import { ServerSessions } from './fleet/server-session-service.ts';
import { CoordinatorService } from './fleet/service.ts';
import { keepListing } from './images/run-images.ts';
import { openUsableImages } from './images/usable-images.ts';
import type { Clock, Connect } from './outside.ts';
import { claimFolder, tellOfClaim, type ClaimOptions } from './record/claim-folder.ts';
import { onceThereIsRoom } from './record/disk-room.ts';
import { runDisk } from './record/run-disk.ts';
import { RunFolder, readRunId } from './record/run-folder.ts';
import { Terms } from './terms.ts';

/**
 * `signal` ends the run in order, after a checkpoint; its reason is what the run then fails with.
 */
export interface CoordinatorOptions extends ClaimOptions {
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
  /** `host:port` of the live page; null, as when left out: none. */
  readonly dashboard?: string | null;
  readonly resume: boolean;
  readonly journal?: ControlDeps['journal'];
}

/** Time that clients have to end their calls when the server stops. */
const STOP_GRACE_MS = 2_000;

const CLOCK: Clock = {
  nowMs: () => performance.now(),
  dateMs: Date.now,
  every: (intervalMs, tick) => {
    const timer = setInterval(tick, intervalMs);
    return {
      stop: () => {
        clearInterval(timer);
      },
    };
  },
};

/**
 * Runs to the end.
 * @throws TrainerError; UNAVAILABLE when it was stopped and can be resumed, FOLDER_HELD when
 *   another process has the folder
 */
export async function runCoordinator(options: CoordinatorOptions): Promise<RunSummary> {
  const { resume, credentials, out } = options;
  const signal = forManyCalls(options.signal);
  assertLoopback(options.listen, credentials !== null, '--listen');
  assertLoopback(options.parameterListen, credentials !== null, '--parameter-listen');
  requirePageAddress(options.dashboard ?? null, credentials !== null);
  requireRunFolder(out, resume);
  const incarnation = nanoid(10);
  const { source, taken } = await takeImagesAndFolder(incarnation, options);
  try {
    if (holdsRun(out) !== resume) {
      const problem = 'another process has begun a run in it in the meantime';
      throw unavailable(`run folder ${out}`, `${problem}; start this one again`);
    }
    return await withAnySignal([signal, taken.lock.lost], (ended) =>
      runInFolder({ ...options, source, incarnation, taken, signal: ended }),
    );
  } finally {
    taken.release();
  }
}

/** The images first: a run that they do not suffice for leaves nothing in its folder. */
async function takeImagesAndFolder(incarnation: string, options: CoordinatorOptions) {
  const { config, out } = options;
  const { algorithm, epochs, data } = config;
  const endNote = noteListing(out, { algorithm, epochs, source: data.source ?? '' }, incarnation);
  try {
    const source = await openUsableImages(options);
    return { source, taken: await claimFolder(incarnation, options) };
  } finally {
    endNote();
  }
}

interface InFolder extends CoordinatorOptions {
  readonly source: ImageSource;
  /** Of this process. */
  readonly incarnation: string;
  readonly taken: TakenFolder;
}

async function runInFolder(options: InFolder): Promise<RunSummary> {
  const { config, source, taken, logger, signal, resume, credentials } = options;
  const { incarnation } = options;
  const folder = new RunFolder(options.out, taken, Date.now);
  const runId = resume ? readRunId(options.out) : nanoid(10);
  tellOfClaim(folder, taken.lock, logger);
  const { fleet, registered } = fleetOf(options, { folder, logger });
  const common = { ...options, runId, folder, clock: CLOCK };
  const page = makeDashboard({ ...common, dashboard: options.dashboard ?? null });
  const { notify } = page;
  const sessions = new ServerSessions(registered);
  const service = new CoordinatorService(sessions);
  const health = options.health === null ? null : await startHealthServer(options.health);
  if (health !== null) logger.info('health.listening', { address: health.address });
  try {
    const addServices = service.addTo.bind(service);
    const secured = { credentials, onRefused: refusalLog(logger) };
    const server = await startServer(options.listen, addServices, secured);
    try {
      const writeConfig = (): void => {
        keepListing(folder, source, resume);
        folder.writeConfig(runId, config, options.origins, runImagesOf(source));
      };
      const keepSettings = (): Promise<void> =>
        onceThereIsRoom('the configuration', writeConfig, { folder, logger, signal });
      const prepare = async (): Promise<void> => {
        if (!resume) await keepSettings();
        const { pid } = process;
        const started = { role: 'coordinator', id: 'coordinator', pid, incarnation } as const;
        folder.processStarted(started, 'coordinator is up');
        const place = { address: server.address, host: hostname(), isSecure: credentials !== null };
        await onceThereIsRoom(
          'the address of the coordinator',
          () => {
            folder.writePlace(place);
          },
          { folder, logger, signal },
        );
        logger.info('coordinator.listening', { address: server.address, runId, out: options.out });
        const idle = idleWorkersRemark(config.training, config.cluster.workers);
        if (idle !== null) logger.warn('workers.idle', { reason: idle });
        notify({ type: 'images', count: source.count, hasClasses: source.truth !== null });
        notify({ type: 'listening', address: server.address });
        await page.open();
      };
      const disk = page.watched(runDisk(common));
      const run = { ...common, notify, disk, folderLost: taken.lock.lost };
      return await withAnySignal([signal, page.stopped], (ended) => {
        const terms = new Terms({
          ...{ ...run, service, sessions, fleet, signal: ended },
          connect: connectWith(options),
          makeControl: createControl,
          prepare,
          settingsTaken: resume ? keepSettings : () => Promise.resolve(),
        });
        return terms.run();
      });
    } finally {
      await page.close();
      await server.stop(STOP_GRACE_MS);
    }
  } finally {
    folder.close();
    await fleet.stop();
    await health?.stop(STOP_GRACE_MS);
  }
}

/** The run's own server, or those that register themselves. */
function fleetOf({ config, parameterListen, credentials }: InFolder, record: FleetRecord) {
  const { servers: parts, heartbeatTimeoutMs: timeoutMs } = config.cluster;
  if (parts === 0) {
    return { fleet: new OwnServer(parameterListen, credentials, record), registered: null };
  }
  const fleet = new RegisteredServers({ ...record, parts, timeoutMs, now: CLOCK.nowMs });
  return { fleet, registered: fleet };
}

function connectWith({ config, credentials }: Pick<InFolder, 'config' | 'credentials'>): Connect {
  return ({ layout, featureDim }, { addresses, term, lost }) => {
    const dim = memoryColumns(config, featureDim);
    const cuts = cutsFor(config.training);
    return connectServers({ addresses, term, lost, layout, cuts, dim, credentials });
  };
}
