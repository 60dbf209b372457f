/**
 * A phase as a procedure asks for it: pieces of one kind of work, what the order of each is, and
 * what its result does; typed by the kind. The dispatcher sees bytes go out and results come in.
 */
import { extract, type ExtractOrder } from '../../src/work/extract.ts';
import type { ReceivedResult, Work, WorkKind } from '../../src/work/kind.ts';
import { project, type ProjectOrder } from '../../src/work/project.ts';
import type { Lease } from './state.ts';

/** What is known of an accepted result besides what its kind says. */
export interface TakenFrom {
  readonly generation: number;
}

export interface PhaseRequest<Piece extends Work, Order, Result> {
  readonly kind: WorkKind<Piece, Order, Result>;
  readonly epoch: number;
  readonly parameterVersion: number;
  readonly work: readonly Piece[];
  /** Something of it may have been delivered before; left out: no. */
  readonly isRepeated?: boolean;
  /**
   * Called whenever the piece is given out: an order says what holds then.
   * @param further pieces of folded work that the same order does
   */
  readonly order: (piece: Piece, further: readonly Piece[]) => Order;
  /**
   * Called once for each piece, when its result is accepted; for pieces that were done by one order
   * once, with the first. Throwing fails the run.
   */
  readonly take: (piece: Piece, result: Result, from: TakenFrom) => void;
  /** For work on data shards: how their features are made again where their holder is gone. */
  readonly features?: FeatureOrders;
}

/** Orders for the features of a data shard, as the clustering under way makes them. */
export interface FeatureOrders {
  readonly extract: (shard: number) => ExtractOrder;
  readonly project: (shard: number) => ProjectOrder;
}

/** A phase request with its types taken off. */
export interface OpenPhase {
  /** Of an order on this lease. */
  readonly bodyOf: (lease: Lease) => Uint8Array;
  /**
   * @throws TrainerError PROTOCOL_VIOLATION.
   * @returns what hands the decoded result to the procedure
   */
  readonly read: (lease: Lease, received: ReceivedResult) => () => void;
}

export function openPhase<Piece extends Work, Order, Result>(
  request: PhaseRequest<Piece, Order, Result>,
): OpenPhase {
  const { kind, work, order, take, features } = request;
  const pieces = new Map(work.map((piece) => [kind.key(piece), piece]));
  const pieceOf = ({ task, work: { kind: name } }: Lease): Piece | undefined =>
    name === kind.name ? pieces.get(task) : undefined;
  return {
    bodyOf: (lease) => {
      const piece = pieceOf(lease);
      if (piece === undefined) return featureBody(lease, features);
      const further = lease.further.map((task) => pieces.get(task)!);
      return kind.encodeOrder(order(piece, further));
    },
    read: (lease, received) => {
      const piece = pieceOf(lease);
      if (piece === undefined) return () => undefined;
      const result = kind.decodeResult(received);
      return () => {
        take(piece, result, lease);
      };
    },
  };
}

/** @throws Error when the phase cannot make features: its procedure has a defect */
function featureBody({ task, work }: Lease, features: FeatureOrders | undefined): Uint8Array {
  if (features !== undefined && work.shard !== undefined) {
    if (work.kind === extract.name) return extract.encodeOrder(features.extract(work.shard));
    if (work.kind === project.name) return project.encodeOrder(features.project(work.shard));
  }
  throw new Error(`${task} needs ${work.kind} first, for which its phase has no order`);
}
