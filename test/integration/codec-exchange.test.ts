/**
 * Gradients and parameters by a codec through real servers: the bits of the plain loop on one
 * server and two, through shared memory and by gRPC; the bytes on the way; and what is refused.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addParametersService } from '../../server/parameter-service.ts';
import { hostName } from '../../src/parameter-plane/segment.ts';
import type { CodecName } from '../../src/ps/codec/codec-name.ts';
import { exchangeCodings } from '../../src/ps/codec/vector-coding.ts';
import { trainingConfigSchema } from '../../src/ps/config.ts';
import { ParameterStore, initialState } from '../../src/ps/parameter-store.ts';
import { cutsFor } from '../../src/ps/parameter-plan.ts';
import { FRESH_GRADIENTS } from '../../src/ps/gradient-arrays.ts';
import { UnitSum } from '../../src/ps/unit-sum.ts';
import { startServer } from '../../src/rpc/channel/channel.ts';
import { vectorOf } from '../../src/rpc/named-vectors.ts';
import { connectServers, type Servers } from '../../src/server-clients/connect.ts';
import { ServerAccess } from '../../worker/server-access.ts';
import { tinyLayout as layout } from '../support/made/layouts.ts';
import { SEED, pushOf, training as float32Training } from '../support/made/tiny-store.ts';
import { plainRoundedVector, type LossyName } from '../support/oracles/plain-codecs.ts';
import { treeSum } from '../support/oracles/plain-tree.ts';

const NAMES = ['bfloat16', 'float16', 'int8'] as const;
const signal = AbortSignal.timeout(120_000);
const identity = { workerId: 'w', incarnation: 'i' };
const STEPS = 3;
/** Of a step; of them the first worker has two, the second one. */
const SLICES = 3;
const UNITS = [
  { slice: 0, slices: 2, stepSlices: SLICES },
  { slice: 2, slices: 1, stepSlices: SLICES },
];

const trainingOf = (codec: CodecName) => trainingConfigSchema.parse({ ...float32Training, codec });
const sliceGradient = (step: number, slice: number): Float32Array =>
  pushOf({ step, slice }).gradient;

async function withServers(
  count: number,
  codec: CodecName,
  body: (addresses: readonly string[], coordinator: Servers) => Promise<void>,
): Promise<void> {
  const running: Awaited<ReturnType<typeof startServer>>[] = [];
  for (let i = 0; i < count; i += 1) {
    running.push(await startServer('127.0.0.1:0', addParametersService));
  }
  const addresses = running.map(({ address }) => address);
  const training = trainingOf(codec);
  const reach = { addresses, term: 1, layout, cuts: cutsFor(training), dim: 0 };
  const coordinator = connectServers(reach);
  try {
    await coordinator.parameters.restore(
      {
        ...{ layoutJson: JSON.stringify(layout), trainingJson: JSON.stringify(training) },
        ...{ seed: SEED, snapshot: null },
      },
      signal,
    );
    await body(addresses, coordinator);
  } finally {
    coordinator.close();
    for (const server of running) await server.stop(0);
  }
}

function workerOf(
  addresses: readonly string[],
  codec: CodecName,
  sharesMemory: boolean,
): ServerAccess {
  const cuts = cutsFor(trainingOf(codec));
  const worker = new ServerAccess({ layout, cuts, codec, dim: 0 }, { sharesMemory });
  worker.connect(addresses, 1);
  return worker;
}

function unitPush(step: number, at: number, codec: CodecName) {
  const unit = UNITS[at]!;
  const coding = exchangeCodings(layout, codec)?.gradients;
  const sum = new UnitSum(FRESH_GRADIENTS, (gradient) => coding?.round(gradient));
  for (let slice = unit.slice; slice < unit.slice + unit.slices; slice += 1) {
    const { samples, statistics } = pushOf({ step, slice });
    sum.add(slice, { samples, gradient: sliceGradient(step, slice), statistics });
  }
  return { ...pushOf({ step }), ...unit, ...sum.finish(), ...identity };
}

interface Trained {
  /** Of the snapshot. */
  readonly parameters: Float32Array;
  readonly momentum: Float32Array;
  readonly pulled: Float32Array;
}

/** @param shares whether each of the two workers shares memory */
async function trained(
  servers: number,
  codec: CodecName,
  shares: readonly [boolean, boolean],
): Promise<Trained> {
  let result: Trained | null = null;
  await withServers(servers, codec, async (addresses, coordinator) => {
    const workers = shares.map((sharesMemory) => workerOf(addresses, codec, sharesMemory));
    for (let step = 0; step < STEPS; step += 1) {
      for (const [at, worker] of workers.entries()) {
        const pulled = await worker.pull(step, signal);
        if (step > 0) pulled.release?.();
        const push = unitPush(step, at, codec);
        assert.equal((await worker.push(push, signal)).outcome, 'staged');
        assert.equal((await worker.push(push, signal)).outcome, 'duplicate');
      }
      const slices = UNITS.map(({ slice }) => ({ slice, generation: 1 }));
      await coordinator.parameters.commit(step, slices, 1, signal);
    }
    const pulls = [];
    for (const worker of workers) {
      const named = await worker.pull(STEPS, signal);
      assert.notEqual(named.isIntact?.(), false);
      pulls.push(vectorOf(named, 'parameters').slice());
    }
    assert.deepEqual(pulls[1], pulls[0], 'both workers compute with the same');
    const { vectors } = await coordinator.parameters.snapshot(0, signal);
    const [parameters, momentum] = [vectors.get('parameters')!, vectors.get('momentum')!];
    result = { parameters, momentum, pulled: pulls[0]! };
    for (const worker of workers) worker.close();
  });
  return result!;
}

/** By one store that knows of no codec, from gradients that a plain loop rounded. */
function expectedOf(codec: LossyName): Omit<Trained, 'pulled'> {
  const store = new ParameterStore(layout, float32Training, SEED, initialState(layout, SEED));
  const rounded = (values: Float32Array): Float32Array => plainRoundedVector(values, layout, codec);
  for (let step = 0; step < STEPS; step += 1) {
    const [a, b, c] = [0, 1, 2].map((slice) => rounded(sliceGradient(step, slice)));
    const gradient = rounded(treeSum([rounded(treeSum([a!, b!])), c!]));
    const statistics = [0, 1, 2].map((slice) => pushOf({ step, slice }).statistics);
    const samples = SLICES * 4;
    const unit = { slice: 0, slices: SLICES, stepSlices: SLICES };
    const push = pushOf({ step, ...unit, samples, gradient, statistics: treeSum(statistics) });
    assert.equal(store.stage(push).kind, 'staged');
    store.commit(step, [{ slice: 0, generation: 1 }]);
  }
  const { parameters, momentum } = store.snapshot();
  return { parameters, momentum };
}

for (const codec of NAMES) {
  test(`${codec}: servers step as the plain loop does, and keep float32`, async () => {
    const expected = expectedOf(codec);
    const pulled = codec === 'int8' ? 'bfloat16' : codec;
    const ways =
      hostName() === ''
        ? [[false, false]]
        : [
            [false, false],
            [true, true],
            [true, false],
          ];
    for (const servers of [1, 2, 3]) {
      for (const shares of ways as [boolean, boolean][]) {
        const got = await trained(servers, codec, shares);
        const what = `${servers} servers, shared memory: ${shares.join()}`;
        assert.deepEqual(got.parameters, expected.parameters, what);
        assert.deepEqual(got.momentum, expected.momentum, what);
        assert.deepEqual(got.pulled, plainRoundedVector(got.parameters, layout, pulled), what);
      }
    }
    assert.notDeepEqual(
      expected.parameters,
      plainRoundedVector(expected.parameters, layout, pulled),
    );
  });
}

test('a worker of another codec is refused in one line, whatever the number of servers', async () => {
  for (const servers of [1, 2]) {
    for (const [run, got] of [
      ['int8', 'float32'],
      ['float32', 'bfloat16'],
      ['bfloat16', 'float16'],
      ['float16', 'int8'],
    ] as const) {
      await withServers(servers, run, async (addresses) => {
        const worker = workerOf(addresses, got, false);
        const remedy = 'run the same release and the same training.codec on every process';
        await assert.rejects(worker.push(unitPush(0, 0, got), signal), {
          code: 'PROTOCOL_VIOLATION',
          message: new RegExp(
            `push of step 0, slice 0: codec: expected ${run}, got ${got}.*${remedy}`,
          ),
        });
        const [expected, asked] = [run, got].map((name) => (name === 'int8' ? 'bfloat16' : name));
        if (expected !== asked) {
          await assert.rejects(worker.pull(0, signal), {
            code: 'PROTOCOL_VIOLATION',
            message: new RegExp(
              `pull of version 0: codec: expected ${expected!}, got ${asked!}.*${remedy}`,
            ),
          });
        }
        worker.close();
      });
    }
  }
});

test('what is not finite is refused by its name, by every codec and either way', async () => {
  const ways = hostName() === '' ? [false] : [false, true];
  for (const codec of NAMES) {
    for (const sharesMemory of ways) {
      await withServers(1, codec, async (addresses) => {
        const worker = workerOf(addresses, codec, sharesMemory);
        for (const odd of [NaN, Infinity]) {
          const push = unitPush(0, 0, codec);
          push.gradient[700] = odd;
          exchangeCodings(layout, codec)!.gradients.round(push.gradient);
          await assert.rejects(worker.push(push, signal), {
            code: 'NON_FINITE',
            message: /gradient of step 0, slice 0, at fc\.weight\[\d+\]/,
          });
        }
        worker.close();
      });
    }
  }
});
