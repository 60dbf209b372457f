/**
 * Who takes part: checks every worker that comes against the run (protocol, images, layout), tells
 * the state machine, and answers the service's questions. The first worker that is ready brings the
 * layout of the network.
 */
import type { RunConfig } from '../../src/config/schema.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { protocolViolation } from '../../src/errors.ts';
import type { Ready__Output } from '../../src/rpc/generated/deepcluster/v1/Ready.ts';
import type { WorkerStatus } from '../../src/rpc/generated/deepcluster/v1/WorkerStatus.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { Work } from '../../src/work/kind.ts';
import { WORK_KINDS } from '../../src/work/kinds.ts';
import type { Dispatcher } from './dispatcher.ts';
import { activeMembers } from './draft.ts';
import type { RunFolder } from '../record/run-folder.ts';
import type { RunRecord } from '../record/run-record.ts';
import type { ResultPayload, WorkerIdentity } from '../fleet/service.ts';
import {
  admitWorker,
  initialAdmission,
  type AdmissionState,
  type NetworkFacts,
} from '../fleet/worker-admission.ts';
import type { OfferedHolding, Verdict } from './state.ts';

export interface MembershipDeps {
  readonly config: RunConfig;
  readonly source: ImageSource;
  readonly dispatcher: Dispatcher;
  readonly record: RunRecord;
  readonly folder: RunFolder;
  readonly logger: Logger;
}

/** What a worker did for the run. */
export interface WorkDone {
  readonly orders: number;
  /** Those that its orders had it read, each time. */
  readonly images: number;
}

export class Membership {
  /** Resolves when the first worker is ready. */
  readonly network: Promise<NetworkFacts>;
  readonly #deps: MembershipDeps;
  #resolveNetwork: (facts: NetworkFacts) => void = () => undefined;
  #admission: AdmissionState;
  /** Feature rows in memory, by worker id, as last reported. */
  readonly #residentRows = new Map<string, number>();
  /** By worker id. */
  readonly #work = new Map<string, WorkDone>();
  /** The most that each has ever held. */
  readonly #mostRows = new Map<string, number>();

  constructor(deps: MembershipDeps) {
    this.#deps = deps;
    this.#admission = initialAdmission(deps.source);
    this.network = new Promise((resolve) => {
      this.#resolveNetwork = resolve;
    });
  }

  /**
   * @throws TrainerError PROTOCOL_VIOLATION when the worker's images or network are not this run's
   */
  workerReady(worker: WorkerIdentity, ready: Ready__Output): void {
    const { dispatcher, record, folder, logger } = this.#deps;
    const { workerId, incarnation, pid } = worker;
    this.#admit(workerId, ready);
    record.noteProcess(workerId, incarnation);
    const started = { role: 'worker', id: workerId, pid, incarnation } as const;
    folder.processStarted(started, `worker with engine ${ready.engine}`);
    logger.info('worker.ready', { workerId, pid, engine: ready.engine });
    dispatcher.dispatch({
      type: 'workerJoined',
      workerId,
      incarnation,
      holdings: ready.holdings.map(({ projected, ...holding }): OfferedHolding => ({
        ...holding,
        stage: projected ? 'projected' : 'extracted',
      })),
    });
  }

  workerGone({ workerId, incarnation }: WorkerIdentity, reason: string): void {
    this.#residentRows.delete(workerId);
    this.#deps.logger.warn('worker.lost', { workerId, reason });
    this.#deps.dispatcher.dispatch({ type: 'workerLost', workerId, incarnation, reason });
  }

  heartbeat(workerId: string, incarnation: string, progress: number): boolean {
    const { dispatcher } = this.#deps;
    dispatcher.dispatch({ type: 'heartbeat', workerId, incarnation, progress });
    return dispatcher.state.members.get(workerId)?.incarnation === incarnation;
  }

  result(payload: ResultPayload): Verdict {
    const { workerId, residentRows, leaseId } = payload.header;
    const ordered = this.#deps.dispatcher.state.leases.get(leaseId)?.work;
    const verdict = this.#deps.dispatcher.takeResult(payload);
    // Only of members: names that nobody knows would fill the tables.
    if (verdict !== 'accepted' && verdict !== 'failed') return verdict;
    // An order that failed did nothing for the run, whatever it took.
    if (verdict === 'accepted') {
      this.#deps.record.noteDevice(payload);
      if (ordered !== undefined) this.#noteWork(workerId, ordered, payload.header.samples);
    }
    this.#residentRows.set(workerId, residentRows);
    if (residentRows > (this.#mostRows.get(workerId) ?? 0)) {
      this.#mostRows.set(workerId, residentRows);
      this.#deps.folder.metrics({
        metric: 'dc_resident_feature_rows',
        workerId,
        rows: residentRows,
      });
    }
    return verdict;
  }

  /** What results of each worker were of since it is known. */
  workOf(workerId: string): WorkDone {
    return this.#work.get(workerId) ?? { orders: 0, images: 0 };
  }

  status(): WorkerStatus[] {
    const { state } = this.#deps.dispatcher;
    const { members, leases, holdings } = state;
    const active = activeMembers(state);
    return [...members.values()].map(({ workerId, isDraining }) => ({
      workerId,
      ordersInFlight: [...leases.values()].filter((lease) => lease.workerId === workerId).length,
      shardsHeld: [...holdings.values()].filter((held) => held.workerId === workerId).length,
      residentRows: this.#residentRows.get(workerId) ?? 0,
      standsBy: !isDraining && !active.includes(workerId),
    }));
  }

  #noteWork(workerId: string, work: Work, samples: number): void {
    const { orders, images } = this.workOf(workerId);
    const read = WORK_KINDS.get(work.kind)?.readsImages === true ? samples : 0;
    this.#work.set(workerId, { orders: orders + 1, images: images + read });
  }

  #admit(workerId: string, ready: Ready__Output): void {
    const { state, actions } = admitWorker(this.#admission, ready);
    this.#admission = state;
    for (const action of actions) {
      if (action.type === 'setNetwork') this.#resolveNetwork(action.network);
      if (action.type !== 'refuse') continue;
      const { what, expected, got, remedy } = action;
      throw protocolViolation(`worker ${workerId}: ${what}`, expected, got, remedy);
    }
  }
}
