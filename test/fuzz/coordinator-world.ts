/**
 * A coordinator without a network, a disk or a clock of its own: its real control plane, and a
 * worker that holds a lease.
 */
import type { Server } from '@grpc/grpc-js';
import { createControl, type ControlDeps } from '../../coordinator/control/control.ts';
import { RunRecord } from '../../coordinator/record/run-record.ts';
import { RegisteredServers } from '../../coordinator/fleet/server-fleet.ts';
import { ServerSessions } from '../../coordinator/fleet/server-session-service.ts';
import { CoordinatorService } from '../../coordinator/fleet/service.ts';
import { loadRunConfig } from '../../src/config/load.ts';
import { protocolViolation } from '../../src/errors.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { extract, type ExtractOrder } from '../../src/work/extract.ts';
import { ask, methodsOf, type Method } from './service-double.ts';
import { sessionOf } from './wire-seeds.ts';

const DIGEST = '5f'.repeat(32);
const IMAGES = 30;

const { config } = loadRunConfig({
  env: {},
  settings: [
    { key: 'data.shardSize', value: '13', origin: 'the fuzzer' },
    { key: 'training.batchSize', value: '16', origin: 'the fuzzer' },
    { key: 'training.sliceSize', value: '8', origin: 'the fuzzer' },
  ],
});

const SOURCE: ControlDeps['source'] = {
  ...{ spec: 'images', root: '/nowhere', count: IMAGES, digest: DIGEST, truth: null },
  location: '/nowhere',
  path: (id) => `${id}.png`,
  size: () => -1,
  locator: (id) => ({ kind: 'file', root: '/nowhere', path: `${id}.png`, bytes: -1 }),
  read: () =>
    Promise.reject(protocolViolation('image', 'none to be read', 'one', 'see the fuzzer')),
};

/** Takes what the run's folder is told, and keeps nothing. */
const FOLDER = {
  processStarted: () => undefined,
  event: () => undefined,
  metrics: () => undefined,
} as unknown as ControlDeps['folder'];

const LOGGER = createLogger({ component: 'fuzz', level: 'error' });

export interface CoordinatorWorld {
  readonly methods: Map<string, Method>;
  /** The same for a real server. */
  readonly addTo: (server: Server) => void;
  readonly digest: string;
  /** Of an order that the worker has. */
  readonly leaseId: string;
}

export async function coordinatorWorld(): Promise<CoordinatorWorld> {
  const servers = new RegisteredServers({
    ...{ parts: 2, timeoutMs: 1_000, now: () => 0, folder: FOLDER, logger: LOGGER },
  });
  const service = new CoordinatorService(new ServerSessions(servers));
  const control = createControl({
    ...{ runId: 'fuzzed', config, source: SOURCE, folder: FOLDER, logger: LOGGER },
    record: new RunRecord(() => 0),
    ...{ service, addresses: ['127.0.0.1:1'], term: 1, signal: new AbortController().signal },
  });
  service.begin(control.events);
  const addTo = (server: Server): void => {
    service.addTo(server);
  };
  const methods = methodsOf(addTo);
  control.artifacts.publish('centroids-0', {
    centroids: { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] },
  });
  const { path, messages } = sessionOf(DIGEST);
  const method = methods.get(path)!;
  const read = messages.map((message) =>
    method.definition.requestDeserialize(method.definition.requestSerialize(message)),
  );
  const { messages: written } = await ask(method, read, 'kept');
  const work = [0, 1, 2].map((shard) => ({ kind: 'extract', shard }) as const);
  const order = ({ shard }: { shard: number }): ExtractOrder => {
    return {
      shard,
      begin: 13 * shard,
      end: Math.min(IMAGES, 13 * (shard + 1)),
      leftOut: [],
      rows: 'centre',
    };
  };
  // Orders are written to the session that is still open.
  control.dispatcher
    .runPhase({ kind: extract, epoch: 0, parameterVersion: 0, work, order, take: () => undefined })
    .catch(() => undefined);
  const sent = written.find((message) => 'order' in (message as object)) as {
    order?: { leaseId?: string };
  };
  return { methods, addTo, digest: DIGEST, leaseId: sent.order?.leaseId ?? '' };
}
