/**
 * All parameter servers of a run as one: whole vectors go in and come out, each server is sent its
 * parameter shard. A step takes effect on all of them or, as far as the run is concerned, on none:
 * every server is asked first whether it has all slices, and the step counts when every server has
 * applied it. A server that dies in between ends the term; all then go back to a checkpoint.
 * Shapes: P parameters, S batch-norm statistics of the whole network; n samples of a slice, d
 * columns.
 */
import { encodeSafetensors } from '../arrays/safetensors.ts';
import { sliceToBundle } from '../clustering/odc/bundles.ts';
import type { MemoryShape } from '../clustering/odc/sample-memory.ts';
import { gatherRows } from '../math/matrix.ts';
import { hitFailpoint } from '../process/failpoints.ts';
import { TrainerError, protocolViolation } from '../errors.ts';
import { joinShards, totalLength, type ParameterShardPlan } from '../ps/parameter-plan.ts';
import type { SliceGeneration } from '../ps/slice-push.ts';
import { VectorPool } from '../ps/vector-pool.ts';
import { withAnySignal } from '../rpc/any-signal.ts';
import { vectorOf, type NamedVectors } from '../rpc/named-vectors.ts';
import type { ParametersClient, RestoreContent, SentPush } from '../rpc/parameters-client.ts';
import {
  joinRows,
  memoryShapes,
  placesOnShard,
  samplesOnShard,
  type MovedRows,
} from './sample-shards.ts';

/** What is asked of one server. */
export type ParameterServer = Pick<
  ParametersClient,
  'pull' | 'push' | 'prepare' | 'commit' | 'resetHead' | 'snapshot' | 'restore' | 'close'
> & { readonly takesSegments?: boolean };

/** What the servers begin from, whole. */
export interface WholeContent extends Omit<RestoreContent, 'shardCount' | 'shardIndex' | 'memory'> {
  /** ODC: of the snapshot's vector `memory-rows`. */
  readonly memory?: MemoryShape;
}

export interface PushReply {
  /** `duplicate` where every server had it before. */
  readonly outcome: 'staged' | 'duplicate' | 'fenced' | 'stale';
  /** A server's version. */
  readonly version: number;
}

export type CommitReply =
  | { readonly kind: 'committed'; readonly version: number }
  /** Slices that some server does not have; nothing was applied anywhere. */
  | { readonly kind: 'missing'; readonly slices: readonly number[] };

export class ParameterServers {
  readonly #shards: readonly ParameterShardPlan[];
  readonly #servers: readonly ParameterServer[];
  readonly #lost: AbortSignal;
  /** For parameters of several servers. */
  readonly #spare = new VectorPool();

  /**
   * @param shards of the plan, in their order; `servers` one for each
   * @param lost ends every call, also those that a stop does not cut short: a server is gone, and
   *   its term is over
   */
  constructor(
    shards: readonly ParameterShardPlan[],
    servers: readonly ParameterServer[],
    lost: AbortSignal = new AbortController().signal,
  ) {
    this.#shards = shards;
    this.#servers = servers;
    this.#lost = lost;
  }

  /**
   * The values of exactly this version; where steps overlap, of this one or later ones, and of each
   * server its own: the version is then the earliest of them.
   * @throws TrainerError GENERATION_FENCED when another is current
   */
  async pull(version: number, signal: AbortSignal): Promise<NamedVectors> {
    const pulled = await this.#all(signal, (server, _shard, either) =>
      server.pull(version, either),
    );
    const oldest = Math.min(...pulled.map((shard) => shard.version));
    return joined(pulled, oldest, ['parameters', 'statistics'], this.#spare);
  }

  /** Whether some server reads gradients in memory that this process shares. */
  get takesSegments(): boolean {
    return this.#servers.some(({ takesSegments }) => takesSegments === true);
  }

  /**
   * Staged once it is staged everywhere; what one server refuses may be staged on others, where no
   * commit will name it.
   */
  async push(push: SentPush<MovedRows>, signal: AbortSignal): Promise<PushReply> {
    const { step, slice } = push;
    const replies = await this.#all(signal, async (server, shard, either) => {
      const reply = await server.push(pushToShard(push, shard), either);
      hitFailpoint('worker.partPushed', { step, slice, part: shard.shardIndex });
      return reply;
    });
    const refused = replies.find(({ outcome }) => outcome === 'STALE' || outcome === 'FENCED');
    const version = (refused ?? replies[0])?.version ?? 0;
    if (refused !== undefined) {
      return { outcome: refused.outcome === 'STALE' ? 'stale' : 'fenced', version };
    }
    const isRepeat = replies.every(({ outcome }) => outcome === 'DUPLICATE');
    return { outcome: isRepeat ? 'duplicate' : 'staged', version };
  }

  /** Applies exactly these slices as one step, on every server. */
  async commit(
    step: number,
    slices: readonly SliceGeneration[],
    learningRateFactor: number,
    signal: AbortSignal,
  ): Promise<CommitReply> {
    const absent = await this.#prepare(step, slices, learningRateFactor, signal);
    if (absent.length > 0) return { kind: 'missing', slices: absent };
    hitFailpoint('coordinator.prepared', { step });
    const replies = await this.#all(signal, async (server, { shardIndex }, either) => {
      const reply = await server.commit(step, slices, learningRateFactor, either);
      hitFailpoint('coordinator.partCommitted', { step, part: shardIndex });
      return reply;
    });
    const torn = replies.find(({ outcome }) => outcome === 'MISSING');
    if (torn !== undefined) {
      if (replies.length === 1) return { kind: 'missing', slices: torn.missing };
      throw protocolViolation(
        `commit of step ${step}`,
        'the slices that were prepared',
        `none of ${torn.missing.join(', ')}`,
        'this is a defect',
      );
    }
    return { kind: 'committed', version: agreed('version after a commit', replies) };
  }

  /**
   * Slices that some server lacks; where there are none, every server's commit will take effect.
   * One server alone answers that with its commit.
   */
  async #prepare(
    step: number,
    slices: readonly SliceGeneration[],
    learningRateFactor: number,
    signal: AbortSignal,
  ): Promise<number[]> {
    if (this.#servers.length === 1) return [];
    const missing = await this.#all(signal, (server, _shard, either) =>
      server.prepare(step, slices, learningRateFactor, either),
    );
    return [...new Set(missing.flat())].toSorted((a, b) => a - b);
  }

  /** Answers with the version from now on. */
  async resetHead(epoch: number, signal: AbortSignal): Promise<number> {
    const versions = await this.#all(signal, (server, _shard, either) =>
      server.resetHead(epoch, either),
    );
    return agreed(
      'version after a new head',
      versions.map((version) => ({ version })),
    );
  }

  /**
   * Everything, for a checkpoint; the run commits nothing meanwhile.
   * @param dim d of the sample memory, if there is one
   */
  async snapshot(dim: number, signal: AbortSignal): Promise<NamedVectors> {
    const snapshots = await this.#all(signal, (server, _shard, either) => server.snapshot(either));
    const version = agreed('version of the parameters', snapshots);
    const whole = joined(snapshots, version, ['parameters', 'statistics', 'momentum']);
    if (snapshots[0]?.vectors.has('memory-rows') !== true) return whole;
    const rows = joinRows(
      snapshots.map((snapshot) => vectorOf(snapshot, 'memory-rows')),
      dim,
    );
    return { ...whole, vectors: new Map([...whole.vectors, ['memory-rows', rows]]) };
  }

  /** Begins a term. Answers with the version the servers begin at. */
  async restore(content: WholeContent, signal: AbortSignal): Promise<number> {
    const { memory, snapshot, ...same } = content;
    const shapes = memory === undefined ? [] : memoryShapes(memory, this.#shards.length);
    const versions = await this.#all(signal, (server, shard, either) => {
      const { shardIndex, shardCount } = shard;
      const its = snapshot === null ? null : snapshotOfShard(snapshot, shard, memory ?? null);
      const shape = shapes[shardIndex];
      return server.restore(
        { ...same, shardCount, shardIndex, snapshot: its, ...(shape ? { memory: shape } : {}) },
        either,
      );
    });
    return agreed(
      'version after a restore',
      versions.map((version) => ({ version })),
    );
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }

  #all<Reply>(
    signal: AbortSignal,
    ask: (
      server: ParameterServer,
      shard: ParameterShardPlan,
      either: AbortSignal,
    ) => Promise<Reply>,
  ): Promise<Reply[]> {
    return withAnySignal([signal, this.#lost], (either) =>
      Promise.all(this.#servers.map((server, i) => ask(server, this.#shards[i]!, either))),
    );
  }
}

function pushToShard(
  push: SentPush<MovedRows>,
  { shardIndex, shardCount, parameters, statistics: own }: ParameterShardPlan,
): SentPush<Uint8Array> {
  const { gradient, statistics, memory, segment, ...identity } = push;
  const rows = memory === undefined ? null : samplesOnShard(memory, shardIndex, shardCount);
  return {
    ...identity,
    gradient: gradient.subarray(parameters.begin, parameters.end),
    statistics: statistics.subarray(own.begin, own.end),
    ...(segment === undefined ? {} : { segment: { ...segment, offset: parameters.begin } }),
    ...(rows === null ? {} : { memory: encodeSafetensors(sliceToBundle(rows)) }),
  };
}

function snapshotOfShard(
  whole: NamedVectors,
  { shardIndex, shardCount, parameters, statistics }: ParameterShardPlan,
  memory: MemoryShape | null,
): NamedVectors {
  const momentum = vectorOf(whole, 'momentum');
  const body = momentum.length;
  const vectors = new Map([
    ['parameters', vectorOf(whole, 'parameters').subarray(parameters.begin, parameters.end)],
    ['statistics', vectorOf(whole, 'statistics').subarray(statistics.begin, statistics.end)],
    [
      'momentum',
      momentum.subarray(Math.min(parameters.begin, body), Math.min(parameters.end, body)),
    ],
  ]);
  if (memory !== null) {
    const ids = Int32Array.from({ length: memory.count }, (_, id) => id);
    const places = placesOnShard(ids, shardIndex, shardCount);
    const rows = vectorOf(whole, 'memory-rows');
    vectors.set('memory-rows', gatherRows(rows, places, rows.length / memory.count));
  }
  return { version: whole.version, headEpoch: whole.headEpoch, vectors };
}

/** @param pool for vectors of several servers, until the caller releases them */
function joined(
  shards: readonly NamedVectors[],
  version: number,
  names: readonly string[],
  pool = new VectorPool(),
): NamedVectors {
  const headEpoch = agreedHead(shards);
  const [only] = shards;
  if (shards.length === 1 && only !== undefined) {
    return { ...only, vectors: new Map(names.map((name) => [name, vectorOf(only, name)])) };
  }
  const vectors = names.map((name): [string, Float32Array] => {
    const parts = shards.map((shard) => vectorOf(shard, name));
    return [name, joinShards(parts, pool.take(totalLength(parts)))];
  });
  // What was lent has been copied: whether that came in time is known.
  const wasIntact = shards.every(({ isIntact }) => isIntact?.() !== false);
  for (const { release } of shards) release?.();
  const release = (): void => {
    for (const [, values] of vectors) pool.giveBack(values);
  };
  const whole = { version, headEpoch, vectors: new Map(vectors), release };
  return wasIntact ? whole : { ...whole, isIntact: () => false };
}

/**
 * The head that all servers have.
 * @throws TrainerError GENERATION_FENCED when a new one came while they were asked
 */
function agreedHead(shards: readonly NamedVectors[]): number {
  const epochs = new Set(shards.map(({ headEpoch }) => headEpoch));
  const [epoch = -1] = epochs;
  if (epochs.size <= 1) return epoch;
  throw new TrainerError(
    'GENERATION_FENCED',
    `parameters with the heads of epochs ${[...epochs].join(' and ')}: a new one came meanwhile`,
  );
}

/** The version that all servers name. @throws TrainerError PROTOCOL_VIOLATION when they differ */
function agreed(what: string, replies: readonly { readonly version: number }[]): number {
  const versions = new Set(replies.map(({ version }) => version));
  const [version] = versions;
  if (versions.size === 1 && version !== undefined) return version;
  throw protocolViolation(
    what,
    'the same on every server',
    [...versions].join(', '),
    'this is a defect',
  );
}
