/**
 * A worker of a simulated run: the real WorkerLoop on a network of a few numbers, with sessions,
 * heartbeats and calls as worker/session.ts, worker/service.ts and worker/server-access.ts make
 * them.
 */
import { memoryColumns } from '../../src/algorithms/registry.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type NamedArrays,
} from '../../src/arrays/safetensors.ts';
import { FLOAT64_KERNELS } from '../../src/clustering/kernels.ts';
import { layoutHash } from '../../src/ps/layout.ts';
import { PROTOCOL_VERSION } from '../../src/rpc/definitions.ts';
import type { CoordinatorMessage } from '../../src/rpc/generated/deepcluster/v1/CoordinatorMessage.ts';
import type { Order__Output } from '../../src/rpc/generated/deepcluster/v1/Order.ts';
import type { Welcome } from '../../src/rpc/generated/deepcluster/v1/Welcome.ts';
import { GradientMemory } from '../../src/parameter-plane/gradient-memory.ts';
import { MemoryServers } from '../../src/server-clients/memory-servers.ts';
import { ParameterServers } from '../../src/server-clients/parameter-servers.ts';
import { WorkerLoop, type WorkerDeps } from '../../worker/loop.ts';
import { memoryLink, parameterLink, type Link } from './simulated-links.ts';
import { STILL } from './signals.ts';
import type { SimulatedRun } from './simulated-run.ts';
import {
  FEATURE_DIM,
  HEARTBEAT_MS,
  TINY_LAYOUT,
  TinyModel,
  loaderOf,
  parameterShardsOf,
  sourceOf,
} from './tiny-network.ts';
import { SimulatedProcess } from './virtual-world.ts';

const RECONNECT_MS = 15;
const LAYOUT_HASH = layoutHash(TINY_LAYOUT);
const LAYOUT_JSON = JSON.stringify(TINY_LAYOUT);

export interface Servers {
  readonly parameters: ParameterServers;
  readonly memory: MemoryServers;
  close(): void;
}

/** What src/server-clients/connect.ts does in a real run. */
export function connectServers(
  run: SimulatedRun,
  caller: SimulatedProcess,
  addresses: readonly string[],
  term: number,
  lost: AbortSignal = STILL,
): Servers {
  const closing = new AbortController();
  const shards = parameterShardsOf(addresses.length);
  const links = shards.map(({ hash, shardIndex }): Link => ({
    run,
    caller,
    address: addresses[shardIndex]!,
    shardIndex,
    identity: { planHash: hash, term },
    closed: closing.signal,
  }));
  return {
    parameters: new ParameterServers(shards, links.map(parameterLink), lost),
    memory: new MemoryServers(links.map(memoryLink), memoryColumns(run.config, FEATURE_DIM), lost),
    close: () => {
      closing.abort();
    },
  };
}

export class SimulatedWorker {
  readonly process: SimulatedProcess;
  /** The thread of its heartbeats, which goes on while the main thread hangs. */
  readonly heart: SimulatedProcess;
  readonly identity: { readonly workerId: string; readonly incarnation: string };
  readonly #run: SimulatedRun;
  readonly #loop: WorkerLoop;
  #servers: Servers | null = null;
  #serversKey = '';
  #term = 0;
  /** Pieces of work done, as heartbeats tell. */
  #progress = 0;

  constructor(run: SimulatedRun, workerId: string, birth: number) {
    this.#run = run;
    this.identity = { workerId, incarnation: `${workerId}.${birth}` };
    this.process = new SimulatedProcess(workerId);
    this.heart = new SimulatedProcess(workerId);
    this.process.mourners.add(() => {
      this.heart.state = 'dead';
    });
    this.#loop = new WorkerLoop(this.#deps());
  }

  start(): void {
    this.#connect();
    this.#beat();
  }

  #deps(): WorkerDeps {
    const { config, scenario, logger, sharedMemory } = this.#run;
    const now = (): Servers => {
      if (this.#servers === null) throw new Error('no coordinator has welcomed this worker yet');
      return this.#servers;
    };
    const gradients = new GradientMemory(sharedMemory?.make);
    const views = (): Promise<void> => this.#run.wait(this.process, 1, 8);
    return {
      identity: this.identity,
      config,
      source: sourceOf(scenario),
      loader: loaderOf(scenario, views, (id) => this.#run.absent.has(id)),
      layout: TINY_LAYOUT,
      featureDim: FEATURE_DIM,
      representationDim: FEATURE_DIM,
      model: new TinyModel(gradients),
      clustering: FLOAT64_KERNELS,
      coordinator: {
        artifact: (name, signal) => this.#artifact(name, signal),
        submit: (header, arrays, signal) => this.#submit(header, arrays, signal),
      },
      parameters: {
        pull: (version, signal) => now().parameters.pull(version, signal),
        push: async (push, signal) => {
          const { parameters } = now();
          const moment = { term: this.#term, version: push.basedOn };
          const lent = parameters.takesSegments
            ? gradients.lend(push.gradient, moment, push.step)
            : null;
          const sent = lent === null ? push : { ...push, segment: { ...lent, offset: 0 } };
          const reply = await parameters.push(sent, signal);
          if (lent !== null) sharedMemory?.notePushed(lent);
          return reply;
        },
      },
      gradients: {
        begin: (version) => {
          const isShared = this.#servers?.parameters.takesSegments === true;
          gradients.begin({ term: this.#term, version }, isShared);
        },
        giveBack: (gradient) => {
          gradients.giveBack(gradient);
        },
      },
      memory: {
        fill: (shard, generation, rows, signal) =>
          now().memory.fill(shard, generation, rows, signal),
        rows: (step, ids, signal) => now().memory.rows(step, ids, signal),
      },
      advance: () => {
        this.#progress += 1;
      },
      nextTurn: () => this.#run.wait(this.process, 1, 4),
      logger,
      signal: STILL,
    };
  }

  #connect(): void {
    const { process, identity } = this;
    const run = this.#run;
    const again = (): void => {
      this.#loop.abandonOrders();
      run.world.after(RECONNECT_MS, process, '', () => {
        this.#connect();
      });
    };
    const session = run.openWorkerSession(process, {
      take: (message: CoordinatorMessage) => {
        if (message.welcome) {
          this.#begin(message.welcome as Required<Welcome>);
          session?.send({ ready: this.#ready() });
        } else if (message.order) this.#loop.take(message.order as Order__Output);
        else if (message.refused) run.world.kill(process, message.refused.reason ?? '');
        else if (message.stop) run.world.kill(process, `told to stop: ${message.stop.reason}`);
      },
      closed: again,
    });
    if (session === null) again();
    else session.send({ hello: { protocolVersion: PROTOCOL_VERSION, ...identity, pid: 1 } });
  }

  #begin({ parameterServers, term }: Required<Welcome>): void {
    const key = `${term} ${parameterServers.join(' ')}`;
    if (key !== this.#serversKey) {
      this.#servers?.close();
      this.#servers = connectServers(this.#run, this.process, parameterServers, term);
      this.#serversKey = key;
      this.#term = term;
    }
    this.#loop.beginTerm(term);
  }

  #ready(): object {
    const { source } = { source: sourceOf(this.#run.scenario) };
    return {
      dataDigest: source.digest,
      imageCount: source.count,
      engine: 'simulated',
      layoutJson: LAYOUT_JSON,
      layoutHash: LAYOUT_HASH,
      featureName: 'feature',
      featureDim: FEATURE_DIM,
      representationName: 'feature',
      holdings: [...this.#loop.held.values()].map((held) => ({
        shard: held.shard,
        epoch: held.epoch,
        parameterVersion: held.parameterVersion,
        projected: held.isProjected,
        rows: held.ids.length,
      })),
    };
  }

  #beat(): void {
    const run = this.#run;
    const request = { ...this.identity, progress: this.#progress };
    run.network.callOnce({
      caller: this.heart,
      address: () => run.coordinatorProcess(),
      what: '',
      handle: (target, respond) => {
        run.coordinatorOf(target).heartbeat(request);
        respond(null);
      },
    });
    run.world.after(HEARTBEAT_MS, this.heart, '', () => {
      this.#beat();
    });
  }

  async #artifact(name: string, signal: AbortSignal): Promise<NamedArrays> {
    const run = this.#run;
    const bytes = await run.network.call<Uint8Array>({
      caller: this.process,
      address: () => run.coordinatorProcess(),
      what: `artifact ${name}`,
      signal,
      handle: (target, respond) => {
        respond(null, run.coordinatorOf(target).artifact(name));
      },
    });
    return decodeSafetensors(bytes, { what: name, code: 'PROTOCOL_VIOLATION' }).arrays;
  }

  #submit(
    header: Parameters<WorkerDeps['coordinator']['submit']>[0],
    arrays: NamedArrays,
    signal: AbortSignal,
  ): ReturnType<WorkerDeps['coordinator']['submit']> {
    const run = this.#run;
    const bytes = Object.keys(arrays).length === 0 ? null : encodeSafetensors(arrays);
    return run.network.call({
      caller: this.process,
      address: () => run.coordinatorProcess(),
      what: `result for ${run.nameOfLease(header.leaseId ?? '')}`,
      signal,
      handle: (target, respond) => {
        run.coordinatorOf(target).submit({ ...header, ...this.identity }, bytes, respond);
      },
    });
  }
}
