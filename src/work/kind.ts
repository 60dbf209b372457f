/**
 * A kind of work as one value: what the state machine must know of it to give it out, how its order
 * and its result travel, and how a worker performs it. Each kind is one file of this folder and one
 * line of built-in.ts.
 *
 * Members that take a piece of work, an order or a result are methods: the registry holds kinds of
 * different types, and whoever looks one up by its name gives it what that kind itself made or
 * decoded.
 */
import type { NamedArrays } from '../arrays/safetensors.ts';
import type {
  ResultHeader,
  ResultHeader__Output,
} from '../rpc/generated/deepcluster/v1/ResultHeader.ts';
import type { TimedPhase } from '../run/record-state.ts';
import type { OrderIds, WorkTools } from './tools.ts';

/** A piece of work as the state machine knows it: plain data, small, and named by its kind. */
export interface Work {
  readonly kind: string;
  /** The data shard that it is about, if it is about one. */
  readonly shard?: number;
  readonly [part: string]: string | number | undefined;
}

/** In which form a worker holds the features of a data shard. */
export type Stage = 'none' | 'extracted' | 'projected';

/** What the header of a result has to say of the work itself. */
type ResultFact = 'samples' | 'lossSums' | 'repeatedPush' | 'unreadable' | 'damaged';

/** A result as it is sent. */
export interface SentResult {
  readonly header?: Pick<ResultHeader, ResultFact>;
  readonly arrays?: NamedArrays;
}

/** A result as it arrives. */
export interface ReceivedResult {
  readonly header: Pick<ResultHeader__Output, ResultFact>;
  readonly arrays: NamedArrays;
}

/** What people see of a kind of work: its phase, and as what the phase's time counts. */
export interface TimedWork {
  /** The phase in which it is given out, for people and for events.jsonl. */
  readonly phase: string;
  /** As what the summary counts the phase's time; null: not at all. */
  readonly timedAs: TimedPhase | null;
}

export interface WorkKind<
  Piece extends Work = Work,
  Order = unknown,
  Result = unknown,
> extends TimedWork {
  readonly name: Piece['kind'];
  /** Which features of the data shard the worker must hold before. */
  readonly needs: Stage;
  /** Which it holds after; `none`: as before. */
  readonly makes: Stage;
  /** Whether it decodes images: then a worker gets few of these orders at a time. */
  readonly readsImages: boolean;
  /** Whether an idle worker computes it too when it is late. */
  readonly isBackedUp: boolean;
  /**
   * Whether one order may do the pieces of several data shards that a worker holds: results are
   * sums that depend neither on order nor on grouping, and come as one. Left out: no. Such work is
   * not backed up, and its results are not lost once they were taken.
   */
  readonly isFolded?: boolean;
  /** A name that is unique within the phase: `kmeansStep/3`, `trainSlice/120/1`. */
  key(work: Piece): string;
  encodeOrder(order: Order): Uint8Array;
  /** @throws TrainerError PROTOCOL_VIOLATION */
  decodeOrder(body: Uint8Array): Order;
  /** Begins, when the order arrives, what does not need the device: downloads and decoding. */
  prepare?(order: Order, ids: OrderIds, tools: WorkTools): void;
  /**
   * Does it, in its turn. @throws TrainerError, by whose code the coordinator decides what follows
   */
  perform(order: Order, ids: OrderIds, tools: WorkTools): Promise<Result>;
  /** Puts back what it changed in this process: the coordinator has not taken the result. */
  undo?(order: Order, tools: WorkTools): void;
  encodeResult(result: Result): SentResult;
  /** @throws TrainerError PROTOCOL_VIOLATION */
  decodeResult(received: ReceivedResult): Result;
}

export type WorkOf<Kind> = Kind extends { key(work: infer Piece extends Work): string }
  ? Piece
  : never;

export type OrderOf<Kind> = Kind extends { decodeOrder(body: Uint8Array): infer Order }
  ? Order
  : never;

export type ResultOf<Kind> = Kind extends { decodeResult(received: ReceivedResult): infer Result }
  ? Result
  : never;

/** The key of work that is done once per data shard. */
export function shardKey({
  kind,
  shard,
}: {
  readonly kind: string;
  readonly shard: number;
}): string {
  return `${kind}/${shard}`;
}
