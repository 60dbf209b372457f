/** What a simulated process needs of the run that it is part of, and of the others in it. */
import type { CoordinatorState } from '../../coordinator/control/state.ts';
import type { CallIdentity, ParameterHost } from '../../server/parameter-host.ts';
import type { ParameterShard } from '../../server/parameter-shard.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { UnreadableImage } from '../../src/data/source/unreadable.ts';
import type { SliceGeneration, SlicePush } from '../../src/ps/slice-push.ts';
import type { CoordinatorMessage } from '../../src/rpc/generated/deepcluster/v1/CoordinatorMessage.ts';
import type { ResultHeader } from '../../src/rpc/generated/deepcluster/v1/ResultHeader.ts';
import type { ResultReply__Output } from '../../src/rpc/generated/deepcluster/v1/ResultReply.ts';
import type { ServerOrder } from '../../src/rpc/generated/deepcluster/v1/ServerOrder.ts';
import type { RestoreContent } from '../../src/rpc/parameters-client.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { Network, Respond, Session, SessionEnd } from './network.ts';
import type { FinalClustering } from '../../src/run/final-clustering.ts';
import type { PlainRun } from './plain-run.ts';
import type { SimulatedMemory } from './simulated-memory.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { Scenario } from './tiny-network.ts';
import type { SimulatedProcess, World } from './virtual-world.ts';

/** What a run came to. */
export interface RunOutcome {
  readonly losses: readonly number[];
  readonly pseudoLabels: Int32Array;
  readonly final: FinalClustering | null;
  readonly state: CoordinatorState;
  /** Without times. */
  readonly epochs: readonly object[];
  readonly term: number;
}

/** A simulated process in one of the run's roles. */
export interface Actor {
  readonly process: SimulatedProcess;
}

/** A coordinator, as the others see it. */
export interface CoordinatorActor extends Actor {
  openWorkerSession(session: Session<object, object>): void;
  openServerSession(session: Session<object, object>): void;
  heartbeat(request: { workerId: string; incarnation: string; progress: number }): void;
  artifact(name: string): Uint8Array;
  submit(
    header: ResultHeader & { workerId: string; incarnation: string },
    bytes: Uint8Array | null,
    respond: Respond<ResultReply__Output>,
  ): void;
}

/** A parameter server, as the others see it. */
export interface ServerActor extends Actor {
  readonly address: string;
  readonly host: ParameterHost;
  /** A call of some term. @throws what the server refuses */
  answer<Reply>(identity: CallIdentity, work: (shard: ParameterShard) => Reply): Reply;
  restore(content: RestoreContent & { readonly term: number }, planHash: string): number;
  /** A push is kept. */
  noteStaged(push: Pick<SlicePush, 'step' | 'slice' | 'generation' | 'basedOn'>): void;
  /** A step was applied. */
  noteApplied(step: number, slices: readonly SliceGeneration[]): void;
}

/** The client's side of a session. */
export interface Sender {
  send(message: object): void;
}

export interface SimulatedRun {
  readonly world: World;
  readonly network: Network;
  readonly disk: SimulatedDisk;
  readonly scenario: Scenario;
  readonly config: RunConfig;
  readonly oracle: PlainRun;
  readonly logger: Logger;
  /** Whether a server that is started again listens at the same address. */
  readonly keepsAddresses: boolean;
  /** That workers and servers share; null: they are on several machines. */
  readonly sharedMemory: SimulatedMemory | null;
  /** Images that are missing now, by id. */
  readonly absent: ReadonlySet<number>;

  /** Something has happened. */
  count(what: string): void;
  /** Waits on the virtual clock; for ever when the process dies. */
  wait(process: SimulatedProcess, lowMs: number, highMs: number): Promise<void>;
  /** What a look at the files shows. */
  absentImages(process: SimulatedProcess, ids: Int32Array): Promise<readonly UnreadableImage[]>;

  coordinatorProcess(): SimulatedProcess;
  coordinatorOf(process: SimulatedProcess): CoordinatorActor;
  serverOf(process: SimulatedProcess): ServerActor;
  /** The newest process that listens there. */
  serverAt(address: string): ServerActor | null;
  /** Null where nobody answers. */
  openWorkerSession(client: SimulatedProcess, down: SessionEnd<CoordinatorMessage>): Sender | null;
  openServerSession(client: SimulatedProcess, down: SessionEnd<ServerOrder>): Sender | null;
  /** As traces name a lease. */
  nameOfLease(leaseId: string): string;

  /** Whether every server of the term has all of a step's slices, or has applied it. */
  areStaged(term: number, step: number, slices: readonly SliceGeneration[]): boolean;
  /** A coordinator has the folder, and listens where all look for one. */
  serve(coordinator: Actor): void;
  /** Whether another process has this coordinator's place. */
  isReplaced(coordinator: Actor): boolean;
  finish(outcome: RunOutcome): void;
}
