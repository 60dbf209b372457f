/**
 * The coordinating process of `deepcluster bench ps`: starts servers and workers, restores a made
 * layout, and runs exchanges one at a time. It is a process of its own for the flags of Node that a
 * run's coordinator has; without server processes the parameters are in a thread inside it.
 */
import { availableParallelism } from 'node:os';
import { workerShare } from '../../src/launch/machine.ts';
import { SPARE_COLLECTIONS, SPARE_COLLECTIONS_OF_SMALL_HEAP } from '../../src/process/allocator.ts';
import type { CodecName } from '../../src/ps/codec/codec-name.ts';
import { cutsFor } from '../../src/ps/parameter-plan.ts';
import { openCredentials } from '../../src/security/credentials.ts';
import { connectServers, type Servers } from '../../src/server-clients/connect.ts';
import { startParameterThread, type ParameterThread } from '../../server/thread.ts';
import { BenchProcess, answerRequests } from './bench-process.ts';
import { madeLayout, madeTraining, telltaleIndices } from './made-exchange.ts';
import { cpuSeconds, peakBytes } from './process-figures.ts';
import type { ServerRequests, ServerUse } from './server-process.ts';
import type { WorkerRequests, WorkerState, WorkerUse } from './worker-process.ts';

export interface ExchangeSetup {
  /** P */
  readonly parameters: number;
  readonly workers: number;
  /** 0: a thread inside this process. */
  readonly servers: number;
  /** Folder of credentials; null: connections are plain. */
  readonly credentials: string | null;
  /** Whether vectors go through shared memory, where there is some. */
  readonly sharesMemory: boolean;
  /** Of gradients and parameters. */
  readonly codec: CodecName;
}

/** One exchange: all workers push, the step is committed, all workers pull. */
export interface Exchange {
  /**
   * From the moment that all may push until all have the next parameters, and its three parts [s].
   */
  readonly seconds: {
    readonly exchange: number;
    readonly push: number;
    readonly commit: number;
    readonly pull: number;
  };
  /** The thread with the parameters included, where there is one. */
  readonly coordinatorCpuSeconds: number;
  readonly servers: readonly ServerUse[];
  readonly workers: readonly WorkerUse[];
}

export interface FinalState {
  /** Peaks of resident memory [bytes]. */
  readonly peakBytes: {
    readonly coordinator: number;
    readonly servers: readonly number[];
  };
  /** Indices of the parameters that the workers tell. */
  readonly indices: readonly number[];
  readonly workers: readonly WorkerState[];
}

const TERM = 1;
const { signal } = new AbortController();

let setup: ExchangeSetup = {
  ...{ parameters: 0, workers: 0, servers: 0 },
  ...{ credentials: null, sharesMemory: false, codec: 'float32' },
};
let workers: readonly BenchProcess<WorkerRequests>[] = [];
let servers: readonly BenchProcess<ServerRequests>[] = [];
let thread: ParameterThread | null = null;
let clients: Servers | null = null;
/** Rejected when a process has ended by itself. */
let fallen: Promise<never> = new Promise(() => undefined);
let step = 0;

const handlers = {
  /** @returns what moves the vectors */
  start: async (given: ExchangeSetup) => {
    setup = given;
    const { credentials } = given;
    servers = Array.from({ length: given.servers }, (_, i) => startServer(i));
    workers = Array.from({ length: given.workers }, (_, i) => startWorker(i));
    fallen = firstEnd();
    const addresses = await serverAddresses(credentials);
    clients = await orFallen(restoredServers(addresses));
    const plan = { addresses, term: TERM, ...setup };
    const links = await ofAll(workers, (worker, i) =>
      worker.ask('connect', { ...plan, worker: i }),
    );
    return { transport: [...new Set(links.map(({ transport }) => transport))].join(', ') };
  },
  exchange: (_: null) => orFallen(exchange()),
  finish: async (_: null): Promise<FinalState> => {
    const layout = madeLayout(setup.parameters);
    const indices = telltaleIndices(layout, Math.max(1, setup.servers));
    const peaks = await ofAll(servers, (server) => server.ask('peak', null));
    return {
      peakBytes: { coordinator: peakBytes(), servers: peaks.map((peak) => peak.peakBytes) },
      indices,
      workers: await ofAll(workers, (worker) => worker.ask('inspect', { indices })),
    };
  },
};

export type CoordinatorRequests = typeof handlers;

answerRequests(handlers, async () => {
  clients?.close();
  await Promise.all([...workers, ...servers].map((child) => child.stop()));
  await thread?.stop();
});

async function exchange(): Promise<Exchange> {
  const committing = clients;
  if (committing === null) throw new Error('coordinator of the benchmark: not started');
  await ofAll(workers, (worker) => worker.ask('make', { step }));
  await ofAll(servers, (server) => server.ask('begin', null));
  const cpuBefore = cpuSeconds();
  const begin = performance.now();
  await ofAll(workers, (worker) => worker.ask('push', { step }));
  const pushed = performance.now();
  const slices = workers.map((_, slice) => ({ slice, generation: 1 }));
  const reply = await committing.parameters.commit(step, slices, 1, signal);
  if (reply.kind !== 'committed') throw new Error(`commit of step ${step}: ${reply.kind}`);
  const committed = performance.now();
  await ofAll(workers, (worker) => worker.ask('pull', { version: reply.version }));
  const end = performance.now();
  const coordinatorCpuSeconds = cpuSeconds() - cpuBefore;
  step += 1;
  return {
    seconds: {
      exchange: (end - begin) / 1000,
      push: (pushed - begin) / 1000,
      commit: (committed - pushed) / 1000,
      pull: (end - committed) / 1000,
    },
    coordinatorCpuSeconds,
    servers: await ofAll(servers, (server) => server.ask('end', null)),
    workers: await ofAll(workers, (worker) => worker.ask('used', null)),
  };
}

function startServer(index: number): BenchProcess<ServerRequests> {
  return new BenchProcess({
    id: `server-${index}`,
    entry: new URL('server-process.ts', import.meta.url),
    flags: SPARE_COLLECTIONS_OF_SMALL_HEAP,
    env: process.env,
  });
}

/** With a worker's share of this machine, as in a run. */
function startWorker(index: number): BenchProcess<WorkerRequests> {
  const machine = { cores: availableParallelism(), gpus: [] };
  return new BenchProcess({
    id: `worker-${index}`,
    entry: new URL('worker-process.ts', import.meta.url),
    flags: SPARE_COLLECTIONS,
    env: { ...process.env, ...workerShare(index, setup.workers, machine, process.env) },
  });
}

async function serverAddresses(credentials: string | null): Promise<readonly string[]> {
  if (setup.servers === 0) {
    thread = await startParameterThread('127.0.0.1:0', credentials);
    return [thread.address];
  }
  const listening = await ofAll(servers, (server) => server.ask('listen', { credentials }));
  return listening.map(({ address }) => address);
}

async function restoredServers(addresses: readonly string[]): Promise<Servers> {
  const layout = madeLayout(setup.parameters);
  const training = madeTraining(setup.workers, setup.codec);
  const credentials =
    setup.credentials === null ? null : openCredentials(setup.credentials, 'coordinator');
  const cuts = cutsFor(training);
  const connected = connectServers({ addresses, term: TERM, layout, cuts, dim: 0, credentials });
  const [layoutJson, trainingJson] = [JSON.stringify(layout), JSON.stringify(training)];
  const content = { layoutJson, trainingJson, seed: 1, snapshot: null };
  await connected.parameters.restore(content, signal);
  return connected;
}

/** Calls to a server that is gone are repeated for long: its end is known before. */
function orFallen<Reply>(reply: Promise<Reply>): Promise<Reply> {
  return Promise.race([reply, fallen]);
}

function firstEnd(): Promise<never> {
  const ends = [...workers, ...servers].map((child) => child.ended);
  const first = Promise.race(ends).then((error) => Promise.reject(error));
  first.catch(() => undefined);
  return first;
}

function ofAll<Asked, Reply>(
  asked: readonly Asked[],
  ask: (one: Asked, index: number) => Promise<Reply>,
): Promise<Reply[]> {
  return Promise.all(asked.map(ask));
}
