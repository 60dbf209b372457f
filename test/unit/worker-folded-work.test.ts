/** Orders that a worker does for several data shards at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noSums, packSums } from '../../src/clustering/cluster-sums.ts';
import { unitRowsRounder } from '../../src/clustering/exact-sums.ts';
import { FLOAT64_KERNELS } from '../../src/clustering/kernels.ts';
import { sumShard } from '../../src/clustering/kmeans-reducer.ts';
import {
  addMoments,
  momentsOf,
  noMoments,
  roundMoments,
  type MomentRounders,
} from '../../src/clustering/moments.ts';
import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import type { NamedArrays } from '../../src/arrays/safetensors.ts';
import { idRange } from '../../src/data/loader/centre-batches.ts';
import { joined } from '../../src/math/matrix.ts';
import { seededRng } from '../../src/math/rng.ts';
import type { ResultHeader } from '../../src/rpc/generated/deepcluster/v1/ResultHeader.ts';
import { centroidsToArrays } from '../../src/work/artifacts.ts';
import { extract } from '../../src/work/extract.ts';
import { kmeansStep } from '../../src/work/kmeans-step.ts';
import { kindsOf, WORK_KINDS } from '../../src/work/kinds.ts';
import { moments } from '../../src/work/moments.ts';
import { project } from '../../src/work/project.ts';
import { WorkerLoop, type WorkerDeps } from '../../worker/loop.ts';
import { orderMessage } from '../support/made/order-message.ts';

const [DIM, K] = [5, 4];
/** Rows by data shard: one has none. */
const SHARD_ROWS = [7, 0, 12, 3];
const SHARDS = [...SHARD_ROWS.keys()];
const N = SHARD_ROWS.reduce((total, rows) => total + rows, 0);

function featuresOf(shard: number): Float32Array {
  const rng = seededRng('folded work', shard);
  return Float32Array.from({ length: SHARD_ROWS[shard]! * DIM }, () => 3 * rng.normal() + 1);
}

const UNIT = SHARDS.map((shard) => normaliseRows(featuresOf(shard), DIM));
const CENTROIDS = joined(UNIT).slice(0, K * DIM);

interface Submitted {
  readonly header: ResultHeader;
  readonly arrays: NamedArrays;
}

/** A worker that holds all shards, made of a seed where a real one has images. */
class Worker {
  readonly loop: WorkerLoop;
  /** Called between two data shards of an order. */
  between: () => void = () => undefined;
  #submitted: (result: Submitted) => void = () => undefined;

  constructor() {
    const made: typeof extract = {
      ...extract,
      prepare: () => undefined,
      perform: ({ shard, begin, end }, ids, { held }) => {
        const own = { ids: idRange(begin, end), features: featuresOf(shard), dim: DIM };
        held.hold(ids, { shard, ...own, isProjected: false });
        return Promise.resolve({ rows: 0, columnSquares: 0, unreadable: [], damaged: [] });
      },
    };
    const silent = { info: () => undefined, warn: () => undefined };
    const deps = {
      ...{ config: runConfigSchema().parse({ clustering: { k: K } }), source: { count: N } },
      ...{ clustering: FLOAT64_KERNELS, kinds: kindsOf([...WORK_KINDS.values(), made]) },
      coordinator: {
        artifact: () => Promise.resolve(centroidsToArrays(CENTROIDS, K)),
        submit: (header: ResultHeader, arrays: NamedArrays) => {
          this.#submitted({ header, arrays });
          return Promise.resolve({ outcome: 'ACCEPTED' });
        },
      },
      nextTurn: () => {
        this.between();
        return Promise.resolve();
      },
      advance: () => undefined,
      logger: silent,
      signal: new AbortController().signal,
    };
    this.loop = new WorkerLoop(deps as unknown as WorkerDeps);
  }

  /** Does an order. */
  do(order: ReturnType<typeof orderMessage>): Promise<Submitted> {
    return new Promise((resolve) => {
      this.#submitted = resolve;
      this.loop.take(order);
    });
  }

  async hold(): Promise<void> {
    for (const shard of SHARDS) {
      const range = { begin: 0, end: SHARD_ROWS[shard]!, leftOut: [] };
      await this.do(orderMessage(extract, { shard, ...range, rows: 'centre' }));
    }
  }

  async project(): Promise<void> {
    for (const shard of SHARDS) {
      await this.do(orderMessage(project, { shard, whiteningArtifact: null, parts: null }));
    }
  }
}

const STEP = orderMessage(kmeansStep, { shards: [2, 0, 3, 1], centroidsArtifact: 'centroids' });

test('the sums of an order are those of all rows of its shards, to the bit', async () => {
  const worker = new Worker();
  await worker.hold();
  await worker.project();
  const { arrays } = await worker.do(STEP);
  const rows = joined(UNIT);
  const expected = noSums(K, DIM, unitRowsRounder(N));
  sumShard(rows, N, DIM, CENTROIDS, expected);
  assert.deepEqual(kmeansStep.decodeResult({ header: {} as never, arrays }), packSums(expected));
});

test('the moments of an order are those of its shards, rounded and added up', async () => {
  const worker = new Worker();
  await worker.hold();
  const rounders: MomentRounders = { sum: 1.5 * 2 ** 10, outer: 1.5 * 2 ** 12 };
  const { header, arrays } = await worker.do(
    orderMessage(moments, { shards: [3, 1, 0, 2], rounders }),
  );
  const expected = noMoments(DIM);
  for (const shard of SHARDS) {
    const own = momentsOf(featuresOf(shard), SHARD_ROWS[shard]!, DIM);
    addMoments(expected, roundMoments(own, rounders));
  }
  const samples = header.samples ?? 0;
  assert.equal(samples, N);
  assert.deepEqual(moments.decodeResult({ header: { samples } as never, arrays }), expected);
});

test('an order ends between two shards when its session does, and the next one is done', async () => {
  const worker = new Worker();
  await worker.hold();
  await worker.project();
  let turns = 0;
  worker.between = () => {
    turns += 1;
    worker.loop.abandonOrders();
  };
  const { header } = await worker.do(STEP);
  const { failure } = header;
  assert.ok(failure);
  assert.equal(failure.code, 'GENERATION_FENCED');
  assert.match(failure.message ?? '', /session with the coordinator that is over/);
  assert.equal(turns, 1);
  worker.between = () => undefined;
  const next = await worker.do(STEP);
  assert.equal(next.header.failure, undefined);
});

test('an order ends between two shards when its term does', async () => {
  const worker = new Worker();
  worker.loop.beginTerm(1);
  await worker.hold();
  await worker.project();
  worker.between = () => {
    worker.loop.beginTerm(2);
  };
  const { header } = await worker.do(STEP);
  assert.match(header.failure?.message ?? '', /ordered in term 1 .* is over; 2 is current/);
});

test('an order for a shard that is not here fails before it begins', async () => {
  const worker = new Worker();
  await worker.hold();
  const { header } = await worker.do(STEP);
  assert.equal(header.failure?.code, 'LEASE_LOST');
});
