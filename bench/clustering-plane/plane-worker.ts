/**
 * A worker of `deepcluster bench clustering-plane`: the client, the loop and the kernels of a run's
 * worker, with unit rows made of a seed where a run has features of images.
 */
import { nanoid } from 'nanoid';
import { setTimeout as pause } from 'node:timers/promises';
import { idRange } from '../../src/data/loader/centre-batches.ts';
import type { EngineChoice } from '../../src/engine/registry.ts';
import { startEngine } from '../../src/engine/start.ts';
import { extract } from '../../src/work/extract.ts';
import { kindsOf, WORK_KINDS } from '../../src/work/kinds.ts';
import { kmeansStep } from '../../src/work/kmeans-step.ts';
import { WorkerLoop, type WorkerDeps } from '../../worker/loop.ts';
import { CoordinatorClient } from '../../worker/service.ts';
import { unitRows } from '../made-features.ts';
import { ownTask, planeConfig, type WorkerTask } from './plane-setup.ts';

/** Times as long as another data shard that the slow one takes. */
const SLOWNESS = 10;
const SLOW_SHARD = 0;

const { coordinator, workerId, size, variant, threads, ...task } = ownTask() as WorkerTask;
const identity = { workerId, incarnation: nanoid(10) };
const client = new CoordinatorClient(coordinator, identity);
const engine = await startEngine(task.engine as EngineChoice, { threads });
const loop = new WorkerLoop(workerDeps());
await client.session(
  {
    welcomed: ({ term }) => {
      loop.beginTerm(term);
      return Promise.resolve({ engine: engine.name });
    },
    waiting: () => undefined,
    ordered: (order) => {
      loop.take(order);
    },
  },
  new AbortController().signal,
);
client.close();
process.exit();

function workerDeps(): WorkerDeps {
  const silent = { info: () => undefined, warn: warn, error: warn, child: () => silent };
  const deps = {
    ...{ identity, coordinator: client, config: planeConfig(size), source: { count: size.images } },
    ...{ featureDim: size.dim, representationDim: size.dim, clustering: engine.clustering },
    kinds: kindsOf([...WORK_KINDS.values(), madeFeatures(), timedStep()]),
    advance: () => undefined,
    logger: silent,
    signal: new AbortController().signal,
  };
  // Orders of a clustering without images ask for neither network, images nor servers.
  return deps as unknown as WorkerDeps;
}

function warn(event: string, fields: object): void {
  process.stderr.write(`${workerId}: ${event} ${JSON.stringify(fields)}\n`);
}

/** Rows of a data shard, the same whoever makes them. */
function madeFeatures(): typeof extract {
  return {
    ...extract,
    prepare: () => undefined,
    perform: ({ shard, begin, end }, ids, { held }) => {
      const rows = end - begin;
      const features = unitRows(rows, size.dim, shard);
      const own = { ids: idRange(begin, end), features, dim: size.dim };
      held.hold(ids, { shard, ...own, isProjected: false });
      return Promise.resolve({ rows, columnSquares: 1, unreadable: [], damaged: [] });
    },
  };
}

/** The step, with one data shard that takes longer. */
function timedStep(): typeof kmeansStep {
  if (!variant.isSlow) return kmeansStep;
  return {
    ...kmeansStep,
    perform: async (order, ids, tools) => {
      const startedMs = performance.now();
      const result = await kmeansStep.perform(order, ids, tools);
      const eachMs = (performance.now() - startedMs) / order.shards.length;
      if (order.shards.includes(SLOW_SHARD)) await pause((SLOWNESS - 1) * eachMs);
      return result;
    },
  };
}
