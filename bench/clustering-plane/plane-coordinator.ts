/**
 * The coordinator of `deepcluster bench clustering-plane`: the service, the state machine and the
 * clustering of a run, with no images, no network and no folder. It measures one step of k-means.
 */
import { createHash } from 'node:crypto';
import { Artifacts } from '../../coordinator/control/artifacts.ts';
import { Dispatcher } from '../../coordinator/control/dispatcher.ts';
import { ServerSessions } from '../../coordinator/fleet/server-session-service.ts';
import {
  CoordinatorService,
  type ResultPayload,
  type ServiceEvents,
} from '../../coordinator/fleet/service.ts';
import { ClusteringRound } from '../../coordinator/run/clustering-round.ts';
import { kindsOf, WORK_KINDS } from '../../src/work/kinds.ts';
import { kmeansStep } from '../../src/work/kmeans-step.ts';
import { startServer } from '../../src/rpc/channel/channel.ts';
import { EXIT } from '../../src/errors.ts';
import {
  ownTask,
  planeConfig,
  type CoordinatorTask,
  type FromCoordinator,
  type PlaneFigures,
} from './plane-setup.ts';

const STOP_GRACE_MS = 2_000;

const { size, variant, workers } = ownTask() as CoordinatorTask;
const config = planeConfig(size);
/** Of results since it was last set to 0. */
const received = { results: 0, bytes: 0 };
const artifacts = new Artifacts();
const service = new CoordinatorService(new ServerSessions(null));
const dispatcher = newDispatcher();
let allJoined = (): void => undefined;
const joined = new Promise<void>((resolve) => {
  allJoined = resolve;
});

service.begin(serviceEvents());
const server = await startServer('127.0.0.1:0', (grpc) => {
  service.addTo(grpc);
});
tell({ address: server.address });
await joined;
tell({ figures: await measureStep() });
service.stopAll('the benchmark is done', EXIT.done);
await server.stop(STOP_GRACE_MS);
process.disconnect();

function tell(message: FromCoordinator): void {
  process.send?.(message);
}

/** Leases do not expire: nothing ticks. */
function newDispatcher(): Dispatcher {
  const single = kindsOf([...WORK_KINDS.values(), { ...kmeansStep, isFolded: false }]);
  const images = {
    mustWait: () => false,
    taskWaits: () => undefined,
    taskDone: () => undefined,
    phaseBegins: () => undefined,
  };
  return new Dispatcher(
    { ...config.cluster, minWorkers: workers, leasePrefix: 'bench-' },
    {
      now: () => performance.now(),
      sendOrder: (workerId, incarnation, order) => {
        service.sendOrder(workerId, incarnation, order);
      },
      dropWorker: () => undefined,
      dismissWorker: () => undefined,
      record: () => undefined,
      images,
      ...(variant.isFolded ? {} : { kinds: single }),
    },
  );
}

function serviceEvents(): ServiceEvents {
  return {
    welcome: () => ({
      ...{ runId: 'bench', configJson: JSON.stringify(config), parameterServers: [] },
      ...{ heartbeatMs: config.cluster.heartbeatMs, term: 1 },
      ...{ dataPath: '', dataDigest: '', imageCount: size.images },
    }),
    workerReady: ({ workerId, incarnation }) => {
      dispatcher.dispatch({ type: 'workerJoined', workerId, incarnation, holdings: [] });
      if (dispatcher.state.members.size === workers) allJoined();
    },
    workerGone: ({ workerId }, reason) => {
      dispatcher.fail(new Error(`${workerId} is gone: ${reason}`));
    },
    heartbeat: () => true,
    result: (payload) => {
      received.results += 1;
      received.bytes += bytesOf(payload);
      return dispatcher.takeResult(payload);
    },
    artifact: (name) => artifacts.get(name),
    status: () => {
      throw new Error('a benchmark has no status');
    },
  };
}

function bytesOf({ arrays }: ResultPayload): number {
  return Object.values(arrays).reduce((total, { data }) => total + data.byteLength, 0);
}

async function measureStep(): Promise<PlaneFigures> {
  const round = new ClusteringRound(0, 0, {
    ...{ config, dispatcher, artifacts, imageCount: size.images },
    images: {
      accept: () => undefined,
      beginClustering: () => undefined,
      clustered: () => undefined,
      leftOut: new Map(),
    },
    noteExtracted: () => undefined,
    imagesLeftOut: () => Promise.resolve(),
    progress: () => undefined,
    enterPhase: () => undefined,
    folder: { event: () => undefined, metrics: () => undefined },
    logger: { info: () => undefined, warn: () => undefined },
  });
  await round.extract();
  await round.normalise();
  await round.drawCentroids();
  Object.assign(received, { results: 0, bytes: 0 });
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  await round.iterate();
  const { user, system } = process.cpuUsage(cpu);
  return {
    ...{ results: received.results, resultBytes: received.bytes },
    centroidBytes: 4 * size.k * size.dim,
    cpuSeconds: (user + system) / 1e6,
    seconds: (performance.now() - startedMs) / 1000,
    peakBytes: 1024 * process.resourceUsage().maxRSS,
    digest: createHash('sha256').update(round.centroids).digest('hex').slice(0, 16),
  };
}
