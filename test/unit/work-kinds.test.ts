/**
 * Laws of every kind of work: what is encoded is decoded to the same, what is something else is refused; and a kind that this
 * file alone knows goes from a procedure to a worker and back.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dispatcher } from '../../coordinator/control/dispatcher.ts';
import type { StateSettings } from '../../coordinator/control/state.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import { protocolViolation } from '../../src/errors.ts';
import { seededRng } from '../../src/math/rng.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { evaluate } from '../../src/work/evaluate.ts';
import { extract } from '../../src/work/extract.ts';
import type { WorkKind } from '../../src/work/kind.ts';
import { WORK_KINDS, kindsOf, kindNamed } from '../../src/work/kinds.ts';
import { WorkerLoop, type WorkerDeps } from '../../worker/loop.ts';
import { receivedResult, throughWire } from '../support/made/wire-results.ts';
import { WORK_SAMPLES } from '../support/made/work-samples.ts';

const CASES = 200;

test('every kind of work has its laws here', () => {
  const names = WORK_SAMPLES.map(({ kind }) => kind.name);
  assert.deepEqual(names.toSorted(), [...WORK_KINDS.keys()].toSorted());
  for (const { kind } of WORK_SAMPLES) assert.equal(WORK_KINDS.get(kind.name), kind);
});

for (const { kind, order, result } of WORK_SAMPLES) {
  test(`${kind.name}: an order is decoded to what was encoded`, () => {
    const rng = seededRng('orders', kind.name);
    for (let i = 0; i < CASES; i += 1) {
      const sent = order(rng);
      const body = kind.encodeOrder(sent);
      const { body: read } = throughWire({ kind: kind.name, body });
      assert.deepEqual(plain(kind.decodeOrder(read)), plain(sent));
    }
  });

  test(`${kind.name}: a result is decoded to what was encoded`, () => {
    const rng = seededRng('results', kind.name);
    for (let i = 0; i < CASES; i += 1) {
      const sent = result(rng);
      const { header = {}, arrays } = kind.encodeResult(sent);
      assert.deepEqual(plain(kind.decodeResult(receivedResult(header, arrays))), plain(sent));
    }
  });

  test(`${kind.name}: bytes that are no order, and a result without its arrays, are refused`, () => {
    const refused = { code: 'PROTOCOL_VIOLATION', message: /run the same release/ };
    assert.throws(() => kind.decodeOrder(Uint8Array.of(255, 255)), refused);
    const { arrays = {} } = kind.encodeResult(result(seededRng('refused', kind.name)));
    for (const left of Object.keys(arrays)) {
      const others = Object.fromEntries(Object.entries(arrays).filter(([name]) => name !== left));
      assert.throws(() => kind.decodeResult(receivedResult({}, others)), refused, left);
    }
  });
}

/** Message objects have prototypes of their own, which are no part of what they say. */
function plain(value: unknown): unknown {
  return structuredClone(value);
}

test('a number of a result is one number of its own', () => {
  const hits = { tested: Int32Array.of(1), right: Int32Array.of(0), bySplit: Float64Array.of(0) };
  const nmi = { value: 0.5, interval: 0.25 };
  const scores = { knn: hits, linear: hits, nmi, trainImages: 8, testImages: 2 };
  const { arrays = {} } = evaluate.encodeResult(scores);
  const two = { ...arrays, 'train-images': { data: Float64Array.of(1, 2), shape: [2] } };
  assert.throws(() => evaluate.decodeResult(receivedResult({}, two)), {
    message: /array train-images: expected one number, got 2/,
  });
});

test('a kind that nobody knows is named in the refusal', () => {
  assert.throws(() => kindNamed('juggle'), {
    code: 'PROTOCOL_VIOLATION',
    message: /kind of work: expected one of assign, .*trainSlice, got juggle/,
  });
});

type SquareWork = { readonly kind: 'square'; readonly base: number };

interface SquareOrder {
  readonly base: number;
}

/** A kind of work that no file but this one knows: JSON in place of protobuf. */
const square: WorkKind<SquareWork, SquareOrder, bigint> = {
  ...{ name: 'square', phase: 'squares', timedAs: null, needs: 'none', makes: 'none' },
  ...{ readsImages: false, isBackedUp: false },
  key: ({ kind, base }) => `${kind}/${base}`,
  encodeOrder: (order) => Buffer.from(JSON.stringify(order)),
  decodeOrder: (body) => {
    try {
      return JSON.parse(Buffer.from(body).toString()) as SquareOrder;
    } catch {
      throw protocolViolation('square', 'JSON', 'something else', 'see the test');
    }
  },
  perform: ({ base }, { parameterVersion }) =>
    Promise.resolve(BigInt(base) ** 2n + BigInt(parameterVersion)),
  encodeResult: (result) => ({
    arrays: { digits: { data: Buffer.from(String(result)), shape: [String(result).length] } },
  }),
  decodeResult: ({ arrays }) =>
    BigInt(Buffer.from(arrays['digits']?.data as Uint8Array).toString()),
};

const SETTINGS: StateSettings = {
  ...{ minWorkers: 1, maxWorkers: 8, backupFactor: 0, leaseTtlMs: 1_000 },
  ...{ heartbeatTimeoutMs: 1_000, ordersInFlight: 2, leasePrefix: 't-' },
};

/** A coordinator and one worker, each of which knows these kinds, with the wire's bytes between them. */
function pair(
  known: { readonly coordinator: readonly WorkKind[]; readonly worker: readonly WorkKind[] },
  spoil: (body: Uint8Array) => Uint8Array = (body) => body,
): Dispatcher {
  const identity = { workerId: 'worker-0', incarnation: 'first' };
  const deps = {
    identity,
    config: runConfigSchema().parse({}),
    kinds: kindsOf(known.worker),
    coordinator: {
      submit: (header: object, arrays: Parameters<typeof receivedResult>[1]) => {
        dispatcher.takeResult(receivedResult({ ...header, ...identity }, arrays));
        return Promise.resolve({ outcome: 'ACCEPTED' });
      },
    },
    advance: () => undefined,
    logger: createLogger({ component: 'worker', level: 'error', write: () => undefined }),
    signal: new AbortController().signal,
  };
  const worker = new WorkerLoop(deps as unknown as WorkerDeps);
  const dispatcher: Dispatcher = new Dispatcher(SETTINGS, {
    now: () => 0,
    kinds: kindsOf(known.coordinator),
    sendOrder: (_workerId, _incarnation, order) => {
      worker.take(throughWire({ ...order, body: Buffer.from(spoil(order.body as Uint8Array)) }));
    },
    dropWorker: () => undefined,
    dismissWorker: () => undefined,
    record: () => undefined,
    images: {
      mustWait: () => false,
      taskWaits: () => undefined,
      taskDone: () => undefined,
      phaseBegins: () => undefined,
    },
  });
  dispatcher.dispatch({ type: 'workerJoined', ...identity, holdings: [] });
  return dispatcher;
}

function squares(dispatcher: Dispatcher, taken: Map<number, bigint>): Promise<void> {
  return dispatcher.runPhase({
    ...{ kind: square, epoch: 3, parameterVersion: 7 },
    work: [2, 11, 2 ** 30].map((base): SquareWork => ({ kind: 'square', base })),
    order: ({ base }) => ({ base }),
    take: ({ base }, result) => {
      taken.set(base, result);
    },
  });
}

test('a kind of work that a test registers goes from a procedure to a worker and back', async () => {
  const dispatcher = pair({ coordinator: [square], worker: [square] });
  const taken = new Map<number, bigint>();
  await squares(dispatcher, taken);
  assert.deepEqual(
    [...taken],
    [
      [2, 2n * 2n + 7n],
      [11, 11n * 11n + 7n],
      [2 ** 30, 2n ** 60n + 7n],
    ],
  );
  assert.equal(dispatcher.state.phase, 'squares');
  assert.equal(dispatcher.state.epoch, 3);
});

test('a worker that does not know the kind says so, and the run ends with that', async () => {
  const dispatcher = pair({ coordinator: [square], worker: [extract] });
  await assert.rejects(squares(dispatcher, new Map()), {
    code: 'PROTOCOL_VIOLATION',
    message: /kind of work: expected one of extract, got square; run the same release/,
  });
});

test('a body that the kind cannot read ends the run in the same way', async () => {
  const dispatcher = pair({ coordinator: [square], worker: [square] }, () => Buffer.from('{'));
  await assert.rejects(squares(dispatcher, new Map()), {
    code: 'PROTOCOL_VIOLATION',
    message: /square: expected JSON/,
  });
});
