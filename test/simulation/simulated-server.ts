/**
 * A parameter server of a simulated run: the real ParameterHost behind the simulated network, and
 * its session with the coordinator. After each call that may change something its values are held
 * against the oracle's, bit for bit.
 */
import { ParameterHost, type CallIdentity } from '../../server/parameter-host.ts';
import type { ParameterShard } from '../../server/parameter-shard.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type NamedArrays,
} from '../../src/arrays/safetensors.ts';
import { arrayOf } from '../../src/arrays/bundle.ts';
import {
  changeToBundle,
  relabellingFromBundle,
  rowsFromBundle,
  rowsToBundle,
  sliceFromBundle,
} from '../../src/clustering/odc/bundles.ts';
import { hitFailpoint } from '../../src/process/failpoints.ts';
import { TrainerError } from '../../src/errors.ts';
import { PROTOCOL_VERSION } from '../../src/rpc/definitions.ts';
import type { RestoreContent, SentPush } from '../../src/rpc/parameters-client.ts';
import type { MemoryServer } from '../../src/server-clients/memory-servers.ts';
import type { ParameterServer } from '../../src/server-clients/parameter-servers.ts';
import { SharedValues } from '../../src/parameter-plane/shared-values.ts';
import type { SlicePush } from '../../src/ps/slice-push.ts';
import { HEARTBEAT_MS, TINY_LAYOUT } from './tiny-network.ts';
import type { Sender, ServerActor, SimulatedRun } from './simulated-run.ts';
import { SimulatedProcess } from './virtual-world.ts';

const OUTCOMES = { applied: 'APPLIED', duplicate: 'DUPLICATE', fenced: 'FENCED' } as const;
const PUSHES = {
  staged: 'STAGED',
  duplicate: 'DUPLICATE',
  fenced: 'FENCED',
  stale: 'STALE',
} as const;
const RECONNECT_MS = 20;
/** For the run to take its checkpoint, once a server was asked to end. */
const LEAVE_MS = 1_000;

export class SimulatedServer implements ServerActor {
  readonly process: SimulatedProcess;
  readonly shardIndex: number;
  readonly incarnation: string;
  readonly address: string;
  readonly host: ParameterHost;
  readonly #run: SimulatedRun;
  /** With the coordinator; null between two. */
  #session: Sender | null = null;
  #isLeaving = false;
  /** The greatest it was filled for; 0 before. */
  term = 0;
  /** In #term, the newest seen. */
  #version = 0;

  constructor(run: SimulatedRun, shardIndex: number, birth: number) {
    this.#run = run;
    const { sharedMemory } = run;
    this.host = new ParameterHost(
      sharedMemory === null ? null : new SharedValues(sharedMemory.make),
    );
    this.shardIndex = shardIndex;
    this.incarnation = `s${shardIndex}.${birth}`;
    this.process = new SimulatedProcess(`server-${shardIndex}`);
    // A process that is started again listens where the last one did, or somewhere else.
    this.address = run.keepsAddresses ? `server-${shardIndex}` : this.incarnation;
  }

  /** Joins the coordinator that is there now, and comes again when the session ends. */
  register(): void {
    const { shardIndex, incarnation, address, process } = this;
    const { world } = this.#run;
    const again = (): void => {
      world.after(RECONNECT_MS, process, '', () => {
        this.register();
      });
    };
    let isOpen = true;
    const session = this.#run.openServerSession(process, {
      take: ({ stop, refused }) => {
        if (refused) world.kill(process, `refused: ${refused.reason}`);
        if (stop) world.kill(process, `told to stop: ${stop.reason}`);
      },
      closed: () => {
        isOpen = false;
        this.#session = null;
        if (this.#isLeaving) world.kill(process, 'its session is over');
        else again();
      },
    });
    this.#session = session;
    if (session === null) {
      again();
      return;
    }
    session.send({
      hello: { protocolVersion: PROTOCOL_VERSION, part: shardIndex, incarnation, pid: 1, address },
    });
    const beat = (): void => {
      if (!isOpen) return;
      session.send({ beat: {} });
      world.after(HEARTBEAT_MS, process, '', beat);
    };
    world.after(HEARTBEAT_MS, process, '', beat);
  }

  /** SIGTERM: it tells the coordinator, and waits for its word as server/main.ts does. */
  leave(): void {
    const { process } = this;
    const { world } = this.#run;
    if (process.state !== 'alive' || this.#isLeaving) return;
    world.after(0, process, 'SIGTERM', () => {
      this.#isLeaving = true;
      if (this.#session === null) world.kill(process, 'it has no session');
      this.#session?.send({ leaving: {} });
      world.after(LEAVE_MS, process, '', () => {
        world.kill(process, 'it has waited for long enough');
      });
    });
  }

  /** A call of some term. @throws what the server refuses */
  answer<Reply>(identity: CallIdentity, work: (shard: ParameterShard) => Reply): Reply {
    const shard = this.host.require(identity);
    if (identity.term !== this.term) {
      this.#run.world.violate(`a call of term ${identity.term} was taken in term ${this.term}`);
    }
    const reply = work(shard);
    this.#check(shard);
    return reply;
  }

  restore(content: RestoreContent & { readonly term: number }, planHash: string): number {
    const { term, layoutJson, trainingJson, memory, ...rest } = content;
    const version = this.host.restore({
      ...rest,
      term,
      layout: JSON.parse(layoutJson) as typeof TINY_LAYOUT,
      training: JSON.parse(trainingJson) as never,
      memory: memory ?? null,
    });
    if (term < this.term) this.#run.world.violate(`term ${term} began after ${this.term}`);
    if (term > this.term) {
      this.#requireNewest(term, version);
      this.#version = version;
    }
    this.term = Math.max(term, this.term);
    this.#check(this.host.require({ planHash, term: this.term }));
    return version;
  }

  /** What the server holds, if it is in that term. */
  shardIn(identity: CallIdentity): ParameterShard | null {
    return this.term === identity.term ? this.host.require(identity) : null;
  }

  /** A term begins with the newest checkpoint: what it has is never computed again. */
  #requireNewest(term: number, version: number): void {
    const { disk, world } = this.#run;
    if (term !== disk.terms.newest || version >= disk.newestStep) return;
    world.violate(
      `term ${term} begins at ${version}; the newest checkpoint has ${disk.newestStep}`,
    );
  }

  #check({ store, plan, memory }: ParameterShard): void {
    const { world, oracle } = this.#run;
    const { version, headEpoch, parameters, statistics, release } = store.pull();
    if (version !== this.#version && version !== this.#version + 1) {
      world.violate(`version ${version} of server ${this.shardIndex} after ${this.#version}`);
    }
    this.#version = version;
    const moment = oracle.moments.get(`${version}/${headEpoch}`);
    const isSame =
      moment !== undefined &&
      isEqual(parameters, moment.parameters, plan.parameters.begin) &&
      isEqual(statistics, moment.statistics, plan.statistics.begin);
    release();
    if (!isSame) {
      world.violate(`server ${this.shardIndex}: values of version ${version}, head ${headEpoch}`);
    } else if (memory?.isSealed === true && moment.memoryRows !== null) {
      const { first, stride, dim } = memory.shape;
      if (memory.memory.step !== version) world.violate('memory and parameters are out of step');
      memory.rows.forEach((value, i) => {
        const id = first + stride * Math.floor(i / dim);
        if (Object.is(value, moment.memoryRows![id * dim + (i % dim)])) return;
        world.violate(
          `server ${this.shardIndex}: memory row of sample ${id} at version ${version}`,
        );
      });
    }
  }
}

function isEqual(values: Float32Array, whole: Float32Array, begin: number): boolean {
  return values.every((value, i) => Object.is(value, whole[begin + i]));
}

/**
 * One process's connection to one server, under one term; what src/rpc's two clients are in a real
 * run.
 */
export interface Link {
  readonly run: SimulatedRun;
  readonly caller: SimulatedProcess;
  readonly address: string;
  readonly shardIndex: number;
  readonly identity: CallIdentity;
  /** Aborted when it is closed. */
  readonly closed: AbortSignal;
}

function callServer<Reply>(
  { run, caller, address, closed, shardIndex }: Link,
  what: string,
  signal: AbortSignal,
  handle: (server: ServerActor) => Reply,
): Promise<Reply> {
  return run.network.call({
    caller,
    address: () => run.serverAt(address)?.process ?? null,
    what: `${what} at server ${shardIndex}`,
    signal: AbortSignal.any([signal, closed]),
    handle: (target, respond) => {
      respond(null, handle(run.serverOf(target)));
    },
  });
}

/** Translates as server/parameter-service.ts does. */
export function parameterLink(link: Link): ParameterServer {
  const { run, identity } = link;
  const ask = <Reply>(
    what: string,
    signal: AbortSignal,
    work: (shard: ParameterShard, host: ParameterHost) => Reply,
  ): Promise<Reply> =>
    callServer(link, what, signal, (server) =>
      server.answer(identity, (shard) => work(shard, server.host)),
    );
  return {
    takesSegments: run.sharedMemory !== null,
    pull: (version, signal) =>
      ask(`pull of ${version}`, signal, ({ store }, host) => {
        const pulled = store.pull();
        const { parameters, statistics } = pulled;
        const segment = host.shared?.segmentOf(parameters);
        const sequence = segment?.sequence;
        const vectors = new Map([
          ['parameters', segment === undefined ? parameters.slice() : parameters],
          ['statistics', statistics.slice()],
        ]);
        pulled.release();
        const isIntact = (): boolean => segment?.sequence === sequence;
        if (pulled.version === version) return { ...pulled, vectors, isIntact };
        throw new TrainerError(
          'GENERATION_FENCED',
          `pull of version ${version}: version ${pulled.version} is current`,
        );
      }),
    push: (message, signal) => {
      const push = copyOf(message);
      const { step, slice, generation } = push;
      return ask(
        `push of step ${step}, slice ${slice}, generation ${generation}`,
        signal,
        (shard) => {
          const { statistics, basedOn, samples, slices, stepSlices } = push;
          const rows =
            push.memory === undefined ? null : sliceFromBundle(decoded(push.memory), slice);
          const values = { ...gradientOf(push, run), statistics: statistics.slice() };
          const { kind } = shard.stage(
            { step, slice, slices, stepSlices, generation, basedOn, samples, ...values },
            rows,
          );
          run.count(`push.${kind}`);
          if (values.isIntact !== undefined) run.count('push.lent');
          if (slices > 1) run.count('push.of-several-slices');
          return { outcome: PUSHES[kind], version: shard.store.version };
        },
      );
    },
    prepare: (step, slices, signal) =>
      ask(`prepare of step ${step}`, signal, ({ store }) => store.missing(step, slices)),
    commit: (step, slices, factor, signal) =>
      ask(`commit of step ${step}`, signal, (shard) => {
        const isReady = run.areStaged(identity.term, step, slices);
        const outcome = shard.commit(step, slices, factor);
        run.count(`commit.${outcome.kind}`);
        if (outcome.kind === 'applied' && !isReady) {
          run.world.violate(`step ${step} is committed, and a server has not all slices`);
        }
        return outcome.kind === 'missing'
          ? { outcome: 'MISSING', version: 0, missing: [...outcome.slices] }
          : { outcome: OUTCOMES[outcome.kind], version: outcome.version, missing: [] };
      }),
    resetHead: (epoch, signal) =>
      ask(`head of epoch ${epoch}`, signal, ({ store, plan }) => {
        const { version } = store.resetHead(epoch);
        hitFailpoint('server.headReset', { epoch, part: plan.shardIndex });
        return version;
      }),
    snapshot: (signal) =>
      ask('snapshot', signal, ({ store, memory }) => {
        const state = store.snapshot();
        const vectors = new Map([
          ['parameters', state.parameters.slice()],
          ['statistics', state.statistics.slice()],
          ['momentum', state.momentum.slice()],
        ]);
        if (memory?.isSealed === true) vectors.set('memory-rows', memory.rows.slice());
        return { version: state.version, headEpoch: state.headEpoch, vectors };
      }),
    restore: (content, signal) => {
      const { term } = identity;
      return callServer(link, `restore for term ${term}`, signal, (server) =>
        server.restore({ ...content, term, snapshot: copyOfSnapshot(content) }, identity.planHash),
      );
    },
    close: () => undefined,
  };
}

/** Translates as server/memory-service.ts does. */
export function memoryLink(link: Link): MemoryServer {
  const ask = <Reply>(
    what: string,
    signal: AbortSignal,
    work: (shard: ParameterShard) => Reply,
  ): Promise<Reply> =>
    callServer(link, what, signal, (server) => server.answer(link.identity, work));
  return {
    begin: (form, signal) =>
      ask('begin of the memory', signal, (shard) => {
        shard.beginMemory(form);
      }),
    fill: (dataShard, generation, bytes, signal) =>
      ask(`rows of data shard ${dataShard}`, signal, (shard) => ({
        outcome:
          OUTCOMES[
            shard.requireMemory().fill(dataShard, generation, rowsFromBundle(decoded(bytes)))
          ],
      })),
    seal: (step, bytes, signal) =>
      ask(`seal at step ${step}`, signal, (shard) => {
        shard.sealMemory(step, arrayOf(decoded(bytes), 'pseudoLabels', Int32Array));
      }),
    relabel: (step, bytes, signal) =>
      ask(`relabel after step ${step}`, signal, (shard) => {
        const { ids, pseudoLabels } = relabellingFromBundle(decoded(bytes));
        shard.requireMemory().memory.relabel(step, ids, pseudoLabels);
      }),
    rows: (step, asked, signal) =>
      ask(`rows before step ${step}`, signal, (shard) => {
        const ids = Int32Array.from(asked);
        const rows = shard.requireMemory().rowsAt(step, ids);
        return encodeSafetensors(rowsToBundle({ ids, rows }));
      }),
    change: (step, signal) =>
      ask(`change of step ${step}`, signal, (shard) =>
        encodeSafetensors(changeToBundle(shard.requireMemory().changeOf(step))),
      ),
    clusterSums: (signal) =>
      ask('class sums', signal, (shard) => {
        const keeper = shard.requireMemory();
        const shape = [keeper.shape.classes, keeper.shape.dim];
        return encodeSafetensors({ sums: { data: keeper.clusterSums(), shape } });
      }),
    close: () => undefined,
  };
}

function decoded(bytes: Uint8Array): NamedArrays {
  return decodeSafetensors(bytes, { what: 'bundle', code: 'PROTOCOL_VIOLATION' }).arrays;
}

/** Where it lies, of a push that says so. */
function gradientOf(
  { gradient, segment }: SentPush<Uint8Array>,
  { sharedMemory }: SimulatedRun,
): Pick<SlicePush, 'gradient' | 'isIntact'> {
  if (segment === undefined || sharedMemory === null) return { gradient: gradient.slice() };
  const { descriptor, offset, sequence } = segment;
  const opened = sharedMemory.open(descriptor);
  return {
    gradient: opened.values.subarray(offset, offset + gradient.length),
    isIntact: () => opened.sequence === sequence,
  };
}

/** As it is when it is sent: the sender may write to its arrays afterwards. */
function copyOf(push: SentPush<Uint8Array>): SentPush<Uint8Array> {
  const { gradient, statistics, memory } = push;
  const copies = { gradient: gradient.slice(), statistics: statistics.slice() };
  return { ...push, ...copies, ...(memory === undefined ? {} : { memory: memory.slice() }) };
}

function copyOfSnapshot({ snapshot }: RestoreContent): RestoreContent['snapshot'] {
  if (snapshot === null) return null;
  const vectors = [...snapshot.vectors].map(([name, values]): [string, Float32Array] => [
    name,
    values.slice(),
  ]);
  return { ...snapshot, vectors: new Map(vectors) };
}
