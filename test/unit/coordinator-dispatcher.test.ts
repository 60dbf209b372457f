/**
 * The shell around the state machine: one event at a time, as plain data, and only what was done
 * counts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dispatcher, type Decision } from '../../coordinator/control/dispatcher.ts';
import { Membership, type MembershipDeps } from '../../coordinator/control/membership.ts';
import type { Event } from '../../coordinator/control/state.ts';
import { RunRecord } from '../../coordinator/record/run-record.ts';
import type { Order } from '../../src/rpc/generated/deepcluster/v1/Order.ts';
import { noMoments } from '../../src/clustering/moments.ts';
import { extract, type ExtractWork } from '../../src/work/extract.ts';
import { moments, type MomentsWork } from '../../src/work/moments.ts';
import { trainSlice, type TrainedSlice, type TrainSliceWork } from '../../src/work/train-slice.ts';
import { receivedResult } from '../support/made/wire-results.ts';

const WORKER = { workerId: 'a', incarnation: 'a-1' };

interface World {
  readonly dispatcher: Dispatcher;
  readonly orders: Order[];
  readonly decisions: Decision[];
  /** Tasks that were done, as the watch over images is told. */
  readonly done: string[];
  /** Called with every record. */
  onRecord: () => void;
}

function worldOf(): World {
  const orders: Order[] = [];
  const decisions: Decision[] = [];
  const done: string[] = [];
  const settings = {
    ...{ minWorkers: 1, maxWorkers: 8, backupFactor: 0, leaseTtlMs: 1_000 },
    ...{ heartbeatTimeoutMs: 1_000, ordersInFlight: 4, leasePrefix: 't-' },
  };
  const world: World = {
    orders,
    decisions,
    done,
    onRecord: () => undefined,
    dispatcher: new Dispatcher(settings, {
      now: () => 0,
      sendOrder: (_workerId, _incarnation, order) => orders.push(order),
      dropWorker: () => undefined,
      dismissWorker: () => undefined,
      record: () => world.onRecord(),
      images: {
        mustWait: () => false,
        taskWaits: () => undefined,
        taskDone: (task) => done.push(task),
        phaseBegins: () => undefined,
      },
      journal: (decision) => decisions.push(decision),
    }),
  };
  world.dispatcher.dispatch({ type: 'workerJoined', ...WORKER, holdings: [] });
  return world;
}

const SAMPLES = {
  ids: Int32Array.of(4),
  occurrences: Int32Array.of(0),
  pseudoLabels: Int32Array.of(1),
  lossWeights: new Float32Array(0),
  furtherLabels: new Int32Array(0),
};

function train({ dispatcher }: World, taken: TrainedSlice[] = []): Promise<void> {
  return dispatcher.runPhase({
    ...{ kind: trainSlice, epoch: 5, parameterVersion: 9 },
    work: [0, 1].map((slice): TrainSliceWork => ({
      kind: 'trainSlice',
      step: 9,
      slice,
      slices: 1,
    })),
    order: ({ step, slice, slices }) => ({
      ...{ step, slice, slices, stepSlices: 2, centroidVersion: 0 },
      ...{ parts: [{ slice, samples: SAMPLES }], upcoming: [], local: null },
    }),
    take: (_work, result) => taken.push(result),
  });
}

function headerOf({ leaseId, generation }: Order, facts: object = {}): object {
  return { leaseId, generation, ...WORKER, ...facts };
}

test('events and actions are plain data: each is its own structured clone', async () => {
  const world = worldOf();
  const trained = train(world);
  for (const order of [...world.orders]) {
    world.dispatcher.takeResult(
      receivedResult(headerOf(order, { samples: 1, lossSums: [2], repeatedPush: true })),
    );
  }
  await trained;
  assert.deepEqual(
    world.decisions.map(({ event }) => event.type),
    ['workerJoined', 'phaseEntered', 'resultArrived', 'resultArrived'],
  );
  for (const { event, actions } of world.decisions) {
    assert.deepEqual(structuredClone(event), event);
    assert.deepEqual(structuredClone(actions), actions);
  }
  assert.equal(world.dispatcher.state.ledger.duplicates, 2);
});

test('an order has lease, generation, epoch and version from the state machine', () => {
  const world = worldOf();
  train(world).catch(() => undefined);
  const facts = world.orders.map(({ leaseId, generation, epoch, parameterVersion, kind }) => {
    return { leaseId, generation, epoch, parameterVersion, kind };
  });
  assert.deepEqual(facts, [
    {
      ...{ leaseId: 't-1:trainSlice/9/0', generation: 1 },
      ...{ epoch: 5, parameterVersion: 9, kind: 'trainSlice' },
    },
    {
      ...{ leaseId: 't-2:trainSlice/9/1', generation: 1 },
      ...{ epoch: 5, parameterVersion: 9, kind: 'trainSlice' },
    },
  ]);
});

test('an event within the actions of another is refused', () => {
  const world = worldOf();
  const tick: Event = { type: 'tick' };
  world.onRecord = () => world.dispatcher.dispatch(tick);
  const gone: Event = { type: 'workerLost', ...WORKER, reason: 'it went away' };
  assert.throws(() => world.dispatcher.dispatch(gone), /tick within the actions of another event/);
  world.onRecord = () => undefined;
  assert.doesNotThrow(() => world.dispatcher.dispatch(tick), 'the next one is decided on');
});

test('a result that its kind cannot read fails its order, and the run', async () => {
  const world = worldOf();
  world.dispatcher.dispatch({
    ...{ type: 'workerJoined', workerId: 'a', incarnation: 'a-1' },
    holdings: [],
  });
  const taken: unknown[] = [];
  const summed = world.dispatcher.runPhase({
    ...{ kind: moments, epoch: 0, parameterVersion: 0 },
    work: [{ kind: 'moments', shard: 0 } satisfies MomentsWork],
    order: ({ shard }) => ({ shards: [shard], rounders: { sum: 0, outer: 0 } }),
    features: {
      extract: (shard) => ({ shard, begin: 0, end: 1, leftOut: [], rows: 'centre' }),
      project: (shard) => ({ shard, whiteningArtifact: null, parts: null }),
    },
    take: (_work, result) => taken.push(result),
  });
  const [extract] = world.orders;
  assert.equal(extract?.kind, 'extract', 'nobody has the features yet');
  world.dispatcher.takeResult(receivedResult(headerOf(extract, { samples: 1 })));
  const order = world.orders[1]!;
  assert.equal(order.kind, 'moments');
  const verdict = world.dispatcher.takeResult(receivedResult(headerOf(order, { samples: 1 })));
  assert.equal(verdict, 'failed');
  await assert.rejects(summed, { code: 'PROTOCOL_VIOLATION', message: /array sum/ });
  assert.deepEqual(taken, []);
});

test('an order for two data shards has both in its body, and its result is taken once', async () => {
  const world = worldOf();
  const extracted = world.dispatcher.runPhase({
    ...{ kind: extract, epoch: 0, parameterVersion: 0 },
    work: [0, 1].map((shard): ExtractWork => ({ kind: 'extract', shard })),
    order: ({ shard }) => ({ shard, begin: 0, end: 1, leftOut: [], rows: 'centre' as const }),
    take: () => undefined,
  });
  const found = { rows: 1, columnSquares: 4, unreadable: [], damaged: [] };
  for (const order of world.orders.splice(0)) {
    const { header = {}, arrays } = extract.encodeResult(found);
    world.dispatcher.takeResult(receivedResult(headerOf(order, header), arrays));
  }
  await extracted;
  const taken: unknown[] = [];
  const summed = world.dispatcher.runPhase({
    ...{ kind: moments, epoch: 0, parameterVersion: 0 },
    work: [0, 1].map((shard): MomentsWork => ({ kind: 'moments', shard })),
    order: (piece, further) => ({
      shards: [piece, ...further].map(({ shard }) => shard),
      rounders: { sum: 0, outer: 0 },
    }),
    take: ({ shard }, { count }) => taken.push([shard, count]),
  });
  assert.equal(world.orders.length, 1);
  const order = world.orders[0]!;
  assert.deepEqual(moments.decodeOrder(order.body as Uint8Array).shards, [0, 1]);
  const { header = {}, arrays } = moments.encodeResult({ ...noMoments(1), count: 2 });
  world.done.length = 0;
  world.dispatcher.takeResult(receivedResult(headerOf(order, header), arrays));
  await summed;
  assert.deepEqual(taken, [[0, 2]]);
  assert.deepEqual(world.done, ['moments/0', 'moments/1'], 'neither waits for its images');
});

test('a phase that has no order for features which are needed first fails the run', async () => {
  const world = worldOf();
  const summed = world.dispatcher.runPhase({
    ...{ kind: moments, epoch: 0, parameterVersion: 0 },
    work: [{ kind: 'moments', shard: 0 } satisfies MomentsWork],
    order: ({ shard }) => ({ shards: [shard], rounders: { sum: 0, outer: 0 } }),
    take: () => undefined,
  });
  await assert.rejects(summed, /moments\/0 needs extract first/);
});

test('seconds of an order that failed are not counted; those of one that was done are', () => {
  const world = worldOf();
  const record = new RunRecord(() => 0);
  record.enterPhase('train');
  const deps = { dispatcher: world.dispatcher, record, folder: { metrics: () => undefined } };
  const membership = new Membership(deps as unknown as MembershipDeps);
  train(world).catch(() => undefined);
  const [failed, done] = world.orders;
  const failure = { code: 'LEASE_LOST', message: 'not held here' };
  const seconds = { computeSeconds: 8, viewWaitSeconds: 4 };
  const verdicts = [
    membership.result(receivedResult(headerOf(failed!, { failure, ...seconds }))),
    membership.result(
      receivedResult(headerOf(done!, { samples: 1, computeSeconds: 2, viewWaitSeconds: 1 })),
    ),
  ];
  assert.deepEqual(verdicts, ['failed', 'accepted']);
  assert.deepEqual(record.takeDevice(), [
    { phase: 'train', computeSeconds: 2, viewWaitSeconds: 1 },
  ]);
});
