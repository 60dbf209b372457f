/** The control plane, wired: state machine, sessions, membership, and what orders refer to. */
import { nanoid } from 'nanoid';
import type { RunConfig } from '../../src/config/schema.ts';
import { encodeListing, presentCount } from '../../src/data/source/listing.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { absentImages } from '../../src/data/source/survey.ts';
import { pause } from '../../src/process/pause.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import { Artifacts } from './artifacts.ts';
import { collapseLine } from '../run/collapse-watch.ts';
import { Dispatcher, type DispatcherDeps } from './dispatcher.ts';
import { Membership } from './membership.ts';
import { MissingImages, type MissingImagesDeps } from '../images/missing-images.ts';
import type { RunFolder } from '../record/run-folder.ts';
import type { RunRecord } from '../record/run-record.ts';
import type { CoordinatorService, ServiceEvents } from '../fleet/service.ts';

import type { CoordinatorState } from './state.ts';

export interface ControlDeps {
  readonly runId: string;
  readonly config: RunConfig;
  readonly source: ImageSource;
  readonly folder: RunFolder;
  readonly record: RunRecord;
  readonly logger: Logger;
  readonly service: CoordinatorService;
  /** Where workers push and pull, by part. */
  readonly addresses: readonly string[];
  readonly term: number;
  /** Aborted with the term. */
  readonly signal: AbortSignal;
  /** Left out: no person is told. */
  readonly notify?: (notice: Notice) => void;
  /** Left out: on the disk, by the machine's clock. */
  readonly images?: Pick<MissingImagesDeps, 'look' | 'pause'>;
  readonly journal?: DispatcherDeps['journal'];
}

/** The control plane of one term. */
export interface Control {
  readonly events: ServiceEvents;
  readonly dispatcher: Dispatcher;
  readonly membership: Membership;
  readonly artifacts: Artifacts;
  readonly images: MissingImages;
}

export function createControl(deps: ControlDeps): Control {
  const { runId, config, source, folder, record, service, addresses, term, signal, logger } = deps;
  const artifacts = new Artifacts();
  // For a worker that misses some of them (worker/session.ts).
  artifacts.offer('images', () => {
    const data = encodeListing(source);
    return { listing: { data, shape: [data.length] } };
  });
  const images: MissingImages = new MissingImages({
    ...deps,
    look: (ids) => absentImages(source, ids, signal),
    pause: (ms) => pause(ms, signal),
    ...deps.images,
    nowMs: () => performance.now(),
    isOver: () => signal.aborted,
    dispatcher: () => dispatcher,
    tell: (event, reason, fields) => {
      folder.event(event, reason, fields);
      logger.info(event, { reason });
      deps.notify?.({ type: 'remark', text: reason });
    },
  });
  const dispatcher: Dispatcher = new Dispatcher(
    { ...config.cluster, leasePrefix: `${nanoid(6)}-` },
    {
      now: () => performance.now(),
      sendOrder: (workerId, incarnation, order) => {
        service.sendOrder(workerId, incarnation, order);
      },
      dropWorker: (workerId, incarnation) => {
        service.drop(workerId, incarnation);
      },
      dismissWorker: (workerId, incarnation) => {
        service.dismiss(workerId, incarnation);
      },
      record: (event, reason, fields) => {
        folder.event(event, reason, fields);
      },
      images,
      ...(deps.journal === undefined ? {} : { journal: deps.journal }),
    },
  );
  const membership = new Membership({ ...deps, dispatcher });
  const events: ServiceEvents = {
    welcome: () => ({
      runId,
      configJson: JSON.stringify(config),
      parameterServers: [...addresses],
      heartbeatMs: config.cluster.heartbeatMs,
      term,
      dataPath: source.location,
      dataDigest: source.digest,
      imageCount: presentCount(source),
    }),
    workerReady: (worker, ready) => {
      membership.workerReady(worker, ready);
    },
    workerGone: (worker, reason) => {
      membership.workerGone(worker, reason);
    },
    heartbeat: (workerId, incarnation, progress) =>
      membership.heartbeat(workerId, incarnation, progress),
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
      paused: pauseOf(dispatcher.state) || images.pause,
      collapsed: collapseLine(record.collapse),
      term,
    }),
  };
  return { events, dispatcher, membership, artifacts, images };
}

function pauseOf({ isPaused, members, settings }: CoordinatorState): string {
  return isPaused ? `${members.size} of at least ${settings.minWorkers} workers are there` : '';
}
