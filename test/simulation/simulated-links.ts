/**
 * Calls of simulated processes to a parameter server, as src/rpc's two clients make them and
 * server/ translates them.
 */
import type { CallIdentity } from '../../server/parameter-host.ts';
import type { ParameterShard } from '../../server/parameter-shard.ts';
import { arrayOf } from '../../src/arrays/bundle.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type NamedArrays,
} from '../../src/arrays/safetensors.ts';
import {
  changeToBundle,
  relabellingFromBundle,
  rowsFromBundle,
  rowsToBundle,
  sliceFromBundle,
} from '../../src/clustering/odc/bundles.ts';
import { TrainerError } from '../../src/errors.ts';
import { hitFailpoint } from '../../src/process/failpoints.ts';
import type { SlicePush } from '../../src/ps/slice-push.ts';
import type { RestoreContent, SentPush } from '../../src/rpc/parameters-client.ts';
import type { MemoryServer } from '../../src/server-clients/memory-servers.ts';
import type { ParameterServer } from '../../src/server-clients/parameter-servers.ts';
import type { ServerActor, SimulatedRun } from './simulated-run.ts';
import type { SimulatedProcess } from './virtual-world.ts';

const OUTCOMES = { applied: 'APPLIED', duplicate: 'DUPLICATE', fenced: 'FENCED' } as const;
const PUSHES = {
  staged: 'STAGED',
  duplicate: 'DUPLICATE',
  fenced: 'FENCED',
  stale: 'STALE',
} as const;

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
    work: (shard: ParameterShard, server: ServerActor) => Reply,
  ): Promise<Reply> =>
    callServer(link, what, signal, (server) =>
      server.answer(identity, (shard) => work(shard, server)),
    );
  return {
    takesSegments: run.sharedMemory !== null,
    pull: (version, signal) =>
      ask(`pull of ${version}`, signal, ({ store }, { host }) => {
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
        if (store.serves(version)) return { ...pulled, vectors, isIntact };
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
        (shard, server) => {
          const { statistics, basedOn, samples, slices, stepSlices } = push;
          const rows =
            push.memory === undefined ? null : sliceFromBundle(decoded(push.memory), slice);
          const values = { ...gradientOf(push, run), statistics: statistics.slice() };
          const { kind } = shard.stage(
            { step, slice, slices, stepSlices, generation, basedOn, samples, ...values },
            rows,
          );
          if (kind === 'staged') server.noteStaged(push);
          run.count(`push.${kind}`);
          if (values.isIntact !== undefined) run.count('push.lent');
          if (slices > 1) run.count('push.of-several-slices');
          return { outcome: PUSHES[kind], version: shard.store.version };
        },
      );
    },
    prepare: (step, slices, factor, signal) =>
      ask(`prepare of step ${step}`, signal, ({ store }) => store.prepare(step, slices, factor)),
    commit: (step, slices, factor, signal) =>
      ask(`commit of step ${step}`, signal, (shard, server) => {
        const isReady = run.areStaged(identity.term, step, slices);
        const outcome = shard.commit(step, slices, factor);
        run.count(`commit.${outcome.kind}`);
        if (outcome.kind === 'applied') server.noteApplied(step, slices);
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
