/**
 * Who takes part: checks every worker that comes against the run (protocol, images, layout), tells the state machine, and
 * answers the service's questions. The first worker that is ready brings the layout of the network.
 */
import type { RunConfig } from '../../src/config/schema.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { protocolViolation } from '../../src/errors.ts';
import { layoutHash, parseLayout, type ParameterLayout } from '../../src/ps/layout.ts';
import type { Ready__Output } from '../../src/rpc/generated/deepcluster/v1/Ready.ts';
import type { WorkerStatus } from '../../src/rpc/generated/deepcluster/v1/WorkerStatus.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { RunFolder } from '../record/run-folder.ts';
import type { RunRecord } from '../record/run-record.ts';
import type { ResultPayload, WorkerIdentity } from '../fleet/service.ts';
import type { OfferedHolding, Verdict } from './state.ts';

/** What the first worker says about the network. */
export interface NetworkFacts {
  readonly layout: ParameterLayout;
  readonly featureDim: number;
  /** Name of the layer that is evaluated. */
  readonly representationName: string;
  readonly engine: string;
}

export interface MembershipDeps {
  readonly config: RunConfig;
  readonly source: ImageSource;
  readonly dispatcher: Dispatcher;
  readonly record: RunRecord;
  readonly folder: RunFolder;
  readonly logger: Logger;
}

export class Membership {
  /** Resolves when the first worker is ready. */
  readonly network: Promise<NetworkFacts>;
  readonly #deps: MembershipDeps;
  #resolveNetwork: (facts: NetworkFacts) => void = () => undefined;
  /** The layout all workers must have, by its hash and as the first one sent it; null before the first. */
  #layoutHash: string | null = null;
  #layoutJson: string | null = null;
  /** Feature rows in memory, by worker id, as last reported. */
  readonly #residentRows = new Map<string, number>();
  /** The most that each has ever held. */
  readonly #mostRows = new Map<string, number>();

  constructor(deps: MembershipDeps) {
    this.#deps = deps;
    this.network = new Promise((resolve) => {
      this.#resolveNetwork = resolve;
    });
  }

  /** @throws TrainerError PROTOCOL_VIOLATION when the worker's images or network are not this run's */
  workerReady(worker: WorkerIdentity, ready: Ready__Output): void {
    const { dispatcher, record, folder, logger } = this.#deps;
    this.#assertSameImages(worker, ready);
    this.#assertSameLayout(worker, ready);
    const { workerId, incarnation, pid } = worker;
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
    const { workerId, residentRows } = payload.header;
    const verdict = this.#deps.dispatcher.takeResult(payload);
    // Only of members: names that nobody knows would fill the tables.
    if (verdict !== 'accepted' && verdict !== 'failed') return verdict;
    // An order that failed did nothing for the run, whatever it took.
    if (verdict === 'accepted') this.#deps.record.noteDevice(payload);
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

  status(): WorkerStatus[] {
    const { members, leases, holdings, settings } = this.#deps.dispatcher.state;
    return [...members.keys()].map((workerId, place) => ({
      workerId,
      ordersInFlight: [...leases.values()].filter((lease) => lease.workerId === workerId).length,
      shardsHeld: [...holdings.values()].filter((held) => held.workerId === workerId).length,
      residentRows: this.#residentRows.get(workerId) ?? 0,
      standsBy: place >= settings.maxWorkers,
    }));
  }

  #assertSameImages({ workerId }: WorkerIdentity, ready: Ready__Output): void {
    const { source } = this.#deps;
    if (ready.dataDigest === source.digest) return;
    throw protocolViolation(
      `worker ${workerId}: data set`,
      `${source.count} images with digest ${source.digest.slice(0, 12)} (${source.spec})`,
      `${ready.imageCount} with ${ready.dataDigest.slice(0, 12)}`,
      'give every process the same images, with --data where they lie elsewhere',
    );
  }

  #assertSameLayout({ workerId }: WorkerIdentity, ready: Ready__Output): void {
    if (ready.layoutJson === this.#layoutJson) return;
    const layout = parseLayout(ready.layoutJson);
    const hash = layoutHash(layout);
    if (this.#layoutHash === null) {
      this.#layoutHash = hash;
      this.#layoutJson = ready.layoutJson;
      const { featureDim, representationName, engine } = ready;
      this.#resolveNetwork({ layout, featureDim, representationName, engine });
    } else if (hash !== this.#layoutHash) {
      throw protocolViolation(
        `worker ${workerId}: parameter layout`,
        this.#layoutHash,
        hash,
        'run the same release on every process',
      );
    }
  }
}
