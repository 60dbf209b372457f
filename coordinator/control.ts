/** The control plane, wired: state machine, sessions, membership, and what orders refer to. */
import { nanoid } from 'nanoid';
import type { RunConfig } from '../src/config/schema.ts';
import { planShards } from '../src/data/shard-plan.ts';
import type { ImageSource } from '../src/data/source.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import { Artifacts } from './artifacts.ts';
import { Dispatcher } from './dispatcher.ts';
import { Membership } from './membership.ts';
import { composeOrder, type OrderContext } from './order-composer.ts';
import type { RunFolder } from './run-folder.ts';
import type { RunRecord } from './run-record.ts';
import { CoordinatorService } from './service.ts';

export interface ControlDeps {
  readonly runId: string;
  readonly config: RunConfig;
  readonly source: ImageSource;
  readonly folder: RunFolder;
  readonly record: RunRecord;
  readonly logger: Logger;
  /** Where workers push and pull. */
  readonly parameterServer: string;
}

export interface Control {
  readonly service: CoordinatorService;
  readonly dispatcher: Dispatcher;
  readonly membership: Membership;
  readonly context: OrderContext;
  readonly artifacts: Artifacts;
}

export function createControl(deps: ControlDeps): Control {
  const { runId, config, source, folder, record, parameterServer } = deps;
  const artifacts = new Artifacts();
  const context = emptyContext(config, source);
  const dispatcher = new Dispatcher(
    { ...config.cluster, leasePrefix: `${nanoid(6)}-` },
    {
      now: () => performance.now(),
      sendOrder: (workerId, incarnation, order) => {
        service.sendOrder(workerId, incarnation, order);
      },
      dropWorker: (workerId, incarnation) => {
        service.drop(workerId, incarnation);
      },
      composeOrder: (lease) => composeOrder(lease, context),
      record: (event, reason, fields) => {
        folder.event(event, reason, fields);
      },
    },
  );
  const membership = new Membership({ ...deps, dispatcher });
  const service = new CoordinatorService({
    welcome: () => ({
      runId,
      configJson: JSON.stringify(config),
      parameterServer,
      heartbeatMs: config.cluster.heartbeatMs,
    }),
    workerReady: (worker, ready) => {
      membership.workerReady(worker, ready);
    },
    workerGone: (worker, reason) => {
      membership.workerGone(worker, reason);
    },
    heartbeat: (workerId, incarnation, progress) =>
      membership.heartbeat(workerId, incarnation, progress),
    result: (payload) => membership.result(payload),
    artifact: (name) => artifacts.get(name),
    status: () => ({
      runId,
      phase: dispatcher.state.phase,
      epoch: dispatcher.state.epoch,
      epochs: config.epochs,
      step: record.losses.length,
      lastLoss: record.losses.at(-1) ?? 0,
      workers: membership.status(),
    }),
  });
  return { service, dispatcher, membership, context, artifacts };
}

function emptyContext(config: RunConfig, source: ImageSource): OrderContext {
  return {
    shards: planShards(source.count, config.data.shardSize),
    training: config.training,
    epoch: 0,
    parameterVersion: 0,
    momentsArtifact: '',
    whiteningArtifact: '',
    centroidsArtifact: '',
    rowsByShard: new Map(),
    plan: null,
    firstStep: 0,
    odc: null,
  };
}
