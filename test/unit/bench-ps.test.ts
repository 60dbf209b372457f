import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  SLICE_SAMPLES,
  expectedValues,
  fillMade,
  madeLayout,
  madeTraining,
  telltaleIndices,
} from '../../bench/ps/made-exchange.ts';
import { requireExpected } from '../../bench/ps/check-state.ts';
import type { WorkerState } from '../../bench/ps/worker-process.ts';
import type { Exchange } from '../../bench/ps/coordinator-process.ts';
import { rowsOf, shapeName, sizeName, type PsShape } from '../../bench/ps/ps-rows.ts';
import { validateLayout } from '../../src/ps/layout.ts';
import { planParameterShards } from '../../src/ps/parameter-plan.ts';
import { weighted } from '../../src/ps/unit-sum.ts';
import { ParameterStore, initialState } from '../../src/ps/parameter-store.ts';

const COUNT = 1000;
const layout = madeLayout(COUNT);

function gradientOf(worker: number, step: number): Float32Array {
  const gradient = new Float32Array(COUNT);
  fillMade(gradient, 0, worker, step);
  return gradient;
}

function statisticsOf(worker: number, step: number): Float32Array {
  const statistics = new Float32Array(layout.statisticCount);
  fillMade(statistics, COUNT, worker, step);
  return statistics;
}

describe('the made exchange', () => {
  test('has a sound layout, the head a sixteenth of it', () => {
    validateLayout(layout);
    assert.equal(layout.variables[1]!.size, Math.floor(COUNT / 16));
  });

  test('has other numbers for every worker, step and place', () => {
    const all = [0, 1].flatMap((worker) => [0, 1].map((step) => gradientOf(worker, step)));
    for (const gradient of all) {
      assert.ok(new Set(gradient).size > 0.9 * COUNT);
      assert.ok(gradient.every((value) => value >= -1 && value < 1));
    }
    const firsts = all.map((gradient) => gradient.subarray(0, 8).join());
    assert.equal(new Set(firsts).size, all.length);
  });

  test('sums 256 workers without rounding, in any order', () => {
    const workers = Array.from({ length: 256 }, (_, worker) => gradientOf(worker, 3));
    const plain = new Float64Array(COUNT);
    for (const gradient of workers) gradient.forEach((value, i) => (plain[i]! += value));
    for (const order of [workers, workers.toReversed()]) {
      const sums = new Float32Array(COUNT);
      for (const gradient of order) gradient.forEach((value, i) => (sums[i]! += value));
      assert.deepEqual(Float64Array.from(sums), plain);
    }
  });

  test('expects after one step of one worker what the rule says', () => {
    const { parameters, statistics } = expectedValues([0, COUNT - 1], layout, 1, 1);
    const { learningRate, headLearningRate, weightDecay, batchNormMomentum } = madeTraining(1);
    const gradient = gradientOf(0, 0);
    const w = Math.fround(0.01);
    const body = Math.fround(gradient[0]! / SLICE_SAMPLES) + weightDecay * w;
    assert.equal(parameters[0], Math.fround(w - learningRate * Math.fround(body)));
    const head = Math.fround(gradient[COUNT - 1]! / SLICE_SAMPLES) + weightDecay * w;
    assert.equal(parameters[1], Math.fround(w - headLearningRate * head));
    const mixed = (1 - batchNormMomentum) * w + batchNormMomentum * statisticsOf(0, 0)[5]!;
    assert.equal(statistics[5], Math.fround(mixed));
  });

  test('expects, bit for bit, what the parameter store comes to', () => {
    const workers = 3;
    const store = new ParameterStore(layout, madeTraining(workers), 1, initialState(layout, 1));
    for (let step = 0; step < 4; step += 1) {
      const slices = Array.from({ length: workers }, (_, slice) => ({ slice, generation: 1 }));
      for (const { slice, generation } of slices) {
        const vectors = {
          gradient: gradientOf(slice, step),
          statistics: weighted(statisticsOf(slice, step), SLICE_SAMPLES),
        };
        const unit = { slice, slices: 1, stepSlices: workers };
        const what = { step, ...unit, generation, basedOn: step, samples: SLICE_SAMPLES };
        assert.equal(store.stage({ ...what, ...vectors }).kind, 'staged');
      }
      assert.equal(store.commit(step, slices).kind, 'applied');
    }
    const { parameters, statistics } = store.snapshot();
    const expected = expectedValues(parameters.keys(), layout, workers, 4);
    assert.deepEqual(expected, { parameters, statistics });
  });

  test('looks at both sides of each cut, and at both ends', () => {
    const indices = new Set(telltaleIndices(layout, 3));
    const cuts = planParameterShards(layout, 3).map(({ parameters }) => parameters.begin);
    for (const cut of [...cuts.slice(1), layout.variables[1]!.offset]) {
      assert.ok(indices.has(cut - 1) && indices.has(cut), `around ${cut}`);
    }
    assert.ok(indices.has(0) && indices.has(COUNT - 1));
    assert.ok([...indices].every((index) => index >= 0 && index < COUNT));
  });
});

describe('the check of the result', () => {
  const shape = { parameters: COUNT, workers: 2, steps: 3 };
  const indices = [0, 7, COUNT - 1];
  const expected = expectedValues(indices, layout, 2, 3);
  const sound: WorkerState = {
    sha256: 'one',
    parameters: [...expected.parameters],
    statistics: [...expected.statistics],
    peakBytes: 1,
  };

  test('counts what it compared', () => {
    const compared = requireExpected(shape, { indices, workers: [sound, sound] });
    assert.equal(compared, 3 + layout.statisticCount);
  });

  test('names the first element that is another one, and workers that differ', () => {
    const parameters = sound.parameters.with(1, 0.5);
    const [seven] = expected.parameters.subarray(1);
    assert.throws(
      () => requireExpected(shape, { indices, workers: [sound, { ...sound, parameters }] }),
      { message: `bench ps: worker 1: parameter 7: expected ${seven!}, got 0.5` },
    );
    const statistics = sound.statistics.with(9, 2);
    assert.throws(
      () => requireExpected(shape, { indices, workers: [{ ...sound, statistics }, sound] }),
      /worker 0: statistic 9: expected .*, got 2$/,
    );
    assert.throws(
      () => requireExpected(shape, { indices, workers: [sound, { ...sound, sha256: 'other' }] }),
      /expected worker 1 to have what worker 0 has/,
    );
  });
});

const SHAPE: PsShape = {
  parameters: 61e6,
  workers: 2,
  servers: 1,
  transport: 'grpc',
  isSecure: true,
  codec: 'float32',
};

/** An exchange of `base` seconds, and CPU times that tell who used them. */
function exchangeOf(base: number): Exchange {
  const worker = { vectorBytes: 8, socketBytes: 9 };
  return {
    seconds: { exchange: base, push: base / 2, commit: base / 4, pull: base / 8 },
    coordinatorCpuSeconds: base + 1,
    servers: [{ cpuSeconds: base + 2, blockMs: base + 3 }],
    workers: [base + 4, base + 6].map((cpuSeconds) => ({ ...worker, cpuSeconds })),
  };
}

describe('the rows of bench ps', () => {
  const exchanges = [2, 1, 4].map(exchangeOf);

  test('say shape and transport, and have medians with least and most', () => {
    assert.equal(shapeName(SHAPE), 'ps/61M/w2/s1/grpc+tls');
    const rows = rowsOf(SHAPE, exchanges, null);
    const figures = rows.map(({ name, unit, ours }) => {
      assert.ok(name.startsWith('ps/61M/w2/s1/grpc+tls/'), name);
      const { median, min, max, runs } = ours;
      return [name.split('/').at(-1), unit, median, min, max, runs];
    });
    assert.deepEqual(figures, [
      ['exchange', 'ms', 2000, 1000, 4000, 3],
      ['push', 'ms', 1000, 500, 2000, 3],
      ['commit', 'ms', 500, 250, 1000, 3],
      ['pull', 'ms', 250, 125, 500, 3],
      ['cpu-server', 's', 4, 3, 6, 3],
      ['server-block', 'ms', 5, 4, 7, 3],
      // Six uses of 6, 8, 5, 7, 8 and 10 s.
      ['cpu-worker', 's', 7.5, 5, 10, 6],
      ['cpu-coordinator', 's', 3, 2, 5, 3],
    ]);
  });

  test('without servers the coordinator has their use, and its row says so', () => {
    const inside = exchanges.map((exchange) => ({ ...exchange, servers: [] }));
    const names = rowsOf({ ...SHAPE, servers: 0, isSecure: false }, inside, null).map(
      ({ name }) => name,
    );
    assert.ok(names.includes('ps/61M/w2/s0/grpc/cpu-coordinator-with-server'));
    assert.ok(!names.some((name) => /server-block|cpu-server$/.test(name)));
  });

  test('compare with the peer in both types, or say why there is none', () => {
    const float32 = { name: 'gloo, float32', seconds: [1, 0.5, 0.75] };
    const [plain, half] = rowsOf(SHAPE, exchanges, { float32, bf16: { missing: 'no bf16' } });
    const spread = { median: 750, min: 500, max: 1000, runs: 3 };
    assert.deepEqual(plain!.peer, { name: 'gloo, float32', ...spread });
    assert.equal(plain!.ratio, 750 / 2000);
    assert.match(half!.name, /exchange-beside-bf16$/);
    assert.deepEqual(half!.ours, plain!.ours);
    assert.equal(half!.peerMissing, 'no bf16');
    assert.equal(half!.ratio, undefined);
  });

  test('name sizes as a person gives them', () => {
    const names = [61e6, 1.5e6, 4099, 1e5].map(sizeName);
    assert.deepEqual(names, ['61M', '1.5M', '4099', '0.1M']);
  });
});
