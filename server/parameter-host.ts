/**
 * One parameter server's parameter shard of a run, and who may change it: the calls of one term,
 * about one parameter shard. A term is the time of one coordinator, from its restore to its end; a
 * call of an earlier term is a zombie's, and is refused. Pure but for its state: transport is in
 * parameter-service.ts.
 */
import type { MemoryShape } from '../src/clustering/odc/sample-memory.ts';
import { hitFailpoint } from '../src/process/failpoints.ts';
import { requireCodec } from '../src/rpc/encoded-vectors.ts';
import type { Codec__Output } from '../src/rpc/generated/deepcluster/v1/Codec.ts';
import type { Segment } from '../src/rpc/generated/deepcluster/v1/Segment.ts';
import { vectorOf, type NamedVectors } from '../src/rpc/named-vectors.ts';
import { TrainerError, protocolViolation } from '../src/errors.ts';
import { exchangeCodings, type ExchangeCodings } from '../src/ps/codec/vector-coding.ts';
import type { TrainingConfig } from '../src/ps/config.ts';
import { cutsFor, planParameterShard } from '../src/ps/parameter-plan.ts';
import type { ParameterLayout } from '../src/ps/layout.ts';
import { privateMemory } from '../src/ps/lent-vector.ts';
import { ParameterStore, initialState } from '../src/ps/parameter-store.ts';
import type { StoreState } from '../src/ps/store-types.ts';
import { ForeignSegments } from '../src/parameter-plane/foreign-segments.ts';
import { sharedValues, type SharedValues } from '../src/parameter-plane/shared-values.ts';
import { VectorPool } from '../src/ps/vector-pool.ts';
import { MemoryKeeper } from './memory-keeper.ts';
import { ParameterShard } from './parameter-shard.ts';

/** What a server is to begin from. */
export interface HostContent {
  readonly term: number;
  /** Of the whole network. */
  readonly layout: ParameterLayout;
  readonly shardCount: number;
  readonly shardIndex: number;
  readonly training: TrainingConfig;
  readonly seed: number;
  /** The parameter shard's own; null: its initial values. */
  readonly snapshot: NamedVectors | null;
  /** ODC: of the snapshot's memory rows. */
  readonly memory: MemoryShape | null;
}

/** What every call names. */
export interface CallIdentity {
  readonly planHash: string;
  readonly term: number;
}

export class ParameterHost {
  /** For gradients that arrive. */
  readonly spare = new VectorPool();
  /** Of the workers on this machine. */
  readonly segments = new ForeignSegments();
  readonly shared: SharedValues | null;
  /** Null until the first restore. */
  #held: {
    readonly term: number;
    readonly version: number;
    readonly shard: ParameterShard;
  } | null = null;

  /** @param shared where the parameters lie; null where workers cannot share memory */
  constructor(shared: SharedValues | null = sharedValues()) {
    this.shared = shared;
  }

  /**
   * Begins a term. The restore of the term that is under way changes nothing: it is a repeat, or
   * came late.
   * @returns the version that the term begins at
   * @throws TrainerError GENERATION_FENCED for a term that is over; what ParameterStore and
   *   MemoryKeeper refuse
   */
  restore(content: HostContent): number {
    const { term, layout, training, seed, snapshot, memory } = content;
    if (this.#held !== null) {
      if (term < this.#held.term) throw fenced(term, this.#held.term);
      if (term === this.#held.term) return this.#held.version;
    }
    const plan = planParameterShard(
      layout,
      content.shardCount,
      content.shardIndex,
      cutsFor(training),
    );
    const state = snapshot === null ? initialState(plan.layout, seed) : storeState(snapshot);
    const store = new ParameterStore(
      plan.layout,
      training,
      seed,
      state,
      this.shared ?? privateMemory,
    );
    const keeper = memory === null ? null : new MemoryKeeper(memory, rowsOf(snapshot));
    const { version } = store;
    const codings = exchangeCodings(plan.layout, training.codec);
    this.#held = { term, version, shard: new ParameterShard(plan, store, keeper, codings) };
    hitFailpoint('server.restored', { term, step: version, part: plan.shardIndex });
    return version;
  }

  /**
   * Where a caller on this machine finds the current parameters; null for another machine's.
   * @param values as the store lends them
   */
  segmentOf(values: Float32Array, host: string): Segment | null {
    const segment = this.shared?.segmentOf(values);
    if (segment === undefined || host !== segment.place.host) return null;
    return { ...segment.place, offset: 0, sequence: segment.sequence };
  }

  /**
   * What the server holds, for a call that may have it.
   * @throws TrainerError UNAVAILABLE before the call's term has begun here, GENERATION_FENCED once
   *   it is over, PROTOCOL_VIOLATION for another parameter shard or layout
   */
  require({ planHash, term }: CallIdentity): ParameterShard {
    const shard = this.#heldIn(term);
    if (shard.plan.hash !== planHash) {
      throw protocolViolation(
        'plan of the parameters',
        shard.plan.hash,
        planHash,
        'run the same release and the same configuration on every process',
      );
    }
    return shard;
  }

  /**
   * The same for a call that moves numbers. Its codec is looked at first: another one may come with
   * another plan.
   * @throws TrainerError as {@link require}, PROTOCOL_VIOLATION for another codec than the run's
   */
  requireCodec(
    { codec, ...identity }: CallIdentity & { readonly codec: Codec__Output },
    what: string,
    moved: keyof ExchangeCodings,
  ): ParameterShard {
    requireCodec(what, this.#heldIn(identity.term).codings?.[moved] ?? null, codec);
    return this.require(identity);
  }

  #heldIn(term: number): ParameterShard {
    if (this.#held === null || term > this.#held.term) {
      throw new TrainerError(
        'UNAVAILABLE',
        `parameter server: the coordinator has not filled it yet for term ${term}`,
      );
    }
    if (term < this.#held.term) throw fenced(term, this.#held.term);
    return this.#held.shard;
  }
}

function fenced(term: number, current: number): TrainerError {
  return new TrainerError(
    'GENERATION_FENCED',
    `parameter server: a call of term ${term}, which is over; ${current} is current`,
  );
}

/** Memory rows of a snapshot, which come with the shape of the memory; null without a snapshot. */
function rowsOf(snapshot: NamedVectors | null): Float32Array | null {
  return snapshot === null ? null : vectorOf(snapshot, 'memory-rows');
}

function storeState(named: NamedVectors): StoreState {
  return {
    version: named.version,
    step: named.version,
    headEpoch: named.headEpoch,
    parameters: vectorOf(named, 'parameters'),
    statistics: vectorOf(named, 'statistics'),
    momentum: vectorOf(named, 'momentum'),
  };
}
