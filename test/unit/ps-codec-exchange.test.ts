/**
 * Gradients rounded at every node of the tree of slices: the definition by a plain loop, and the
 * laws that neither units nor servers show in the bits; and vectors as chunks of bytes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRng, type Rng } from '../../src/math/rng.ts';
import { parameterKernels } from '../../src/parameter-plane/kernels.ts';
import { exchangeCodings, isCoded } from '../../src/ps/codec/vector-coding.ts';
import { trainingConfigSchema, type TrainingConfig } from '../../src/ps/config.ts';
import type { ParameterLayout } from '../../src/ps/layout.ts';
import { Optimizer } from '../../src/ps/optimizer.ts';
import { cutsFor, joinShards, planParameterShards } from '../../src/ps/parameter-plan.ts';
import { SliceReducer, type ReducibleUnit } from '../../src/ps/slice-reducer.ts';
import { unitsOf } from '../../src/ps/slice-units.ts';
import { FRESH_GRADIENTS } from '../../src/ps/gradient-arrays.ts';
import { UnitSum } from '../../src/ps/unit-sum.ts';
import { layoutOf } from '../support/made/layouts.ts';
import { plainRoundedVector, type LossyName } from '../support/oracles/plain-codecs.ts';
import { treeSum } from '../support/oracles/plain-tree.ts';

const NAMES = ['bfloat16', 'float16', 'int8'] as const;
const initial = { kind: 'constant', value: 0 } as const;
/**
 * No variable is whole blocks; some are left as they are; the last one is more than a kernel's
 * least.
 */
const layout = layoutOf(
  'made',
  [
    { name: 'a.weight', shape: [41, 53], group: 'body', initial },
    { name: 'a.bias', shape: [3001], group: 'body', initial },
    { name: 'b.weight', shape: [3, 5, 7], group: 'body', initial },
    { name: 'b.scale', shape: [7], group: 'body', initial },
    { name: 'c.weight', shape: [3, 11, 101], group: 'body', initial },
    { name: 'd.weight', shape: [201, 100], group: 'body', initial },
    { name: 'head.weight', shape: [101, 41], group: 'head', initial },
    { name: 'head.bias', shape: [41], group: 'head', initial },
  ],
  [],
);
const P = layout.parameterCount;
const BODY = P - 101 * 41 - 41;
const CODED = ['a.weight', 'c.weight', 'd.weight', 'head.weight'];

const drawn = (rng: Rng): Float32Array =>
  Float32Array.from({ length: P }, () => (rng.float() - 0.5) * 10 ** (rng.integer(4) - 3));

const FROM = drawn(seededRng('from'));
const VELOCITY = drawn(seededRng('velocity'));

/** Gradients of slices; null where one has no sample. */
function slicesOf(seed: number, count: number): (Float32Array | null)[] {
  const rng = seededRng('slices', seed);
  return Array.from({ length: count }, (_, slice) =>
    slice > 0 && rng.integer(5) === 0 ? null : drawn(rng),
  );
}

/** The definition: leaves and sums rounded, level by level. */
function plainSum(slices: readonly (Float32Array | null)[], codec: LossyName): Float32Array {
  const rounded = (values: Float32Array): Float32Array => plainRoundedVector(values, layout, codec);
  let level = slices.map((gradient) => gradient && rounded(gradient));
  while (level.length > 1) {
    level = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) => {
      const [left = null, right = null] = [level[2 * i], level[2 * i + 1]];
      return left && right ? rounded(treeSum([left, right])) : (left ?? right);
    });
  }
  return level[0]!;
}

/** What so many workers push. */
function pushed(
  slices: readonly (Float32Array | null)[],
  workers: number,
  codec: LossyName,
): ReducibleUnit[] {
  const coding = exchangeCodings(layout, codec)!.gradients;
  const units = unitsOf(
    slices.map((gradient) => (gradient === null ? 0 : 1)),
    workers,
  );
  return units
    .toSorted((a, b) => a.slice - b.slice)
    .flatMap(({ slice: first, slices: count }) => {
      const sum = new UnitSum(FRESH_GRADIENTS, (gradient) => {
        coding.round(gradient);
      });
      const some = [...slices.entries()]
        .slice(first, first + count)
        .filter(([, gradient]) => gradient !== null);
      for (const [slice, gradient] of some) {
        sum.add(slice, {
          samples: 1,
          gradient: gradient!.slice(),
          statistics: new Float32Array(0),
        });
      }
      return some.length === 0 ? [] : [{ slice: first, ...sum.finish() }];
    });
}

/** A step on so many servers. @returns the parameters, then the momentum */
function stepped(
  units: readonly ReducibleUnit[],
  servers: number,
  training: TrainingConfig,
  kernels = parameterKernels().module,
): Float32Array[] {
  const shards = planParameterShards(layout, servers, cutsFor(training));
  const results = shards.map(({ parameters: { begin, end }, layout: own }) => {
    const to = FROM.slice(begin, end);
    const momentum = VELOCITY.slice(Math.min(begin, BODY), Math.min(end, BODY));
    const values = { parameters: { from: to, to }, momentum: { from: momentum, to: momentum } };
    const its = units.map((unit) => ({ ...unit, gradient: unit.gradient.slice(begin, end) }));
    new Optimizer(own, training, kernels).step(values, new SliceReducer(its), 0.5);
    return { to, momentum };
  });
  return [joinShards(results.map(({ to }) => to)), joinShards(results.map((r) => r.momentum))];
}

const trainingWith = (codec: LossyName, more: Partial<TrainingConfig> = {}): TrainingConfig =>
  trainingConfigSchema.parse({ codec, weightDecay: 0.01, ...more });

test('large matrices are encoded, vectors and what is small are not', () => {
  const coded = layout.variables.filter((variable) => isCoded(variable));
  assert.deepEqual(
    coded.map(({ name }) => name),
    CODED,
  );
});

test('any number of workers and servers gives the bits of the definition', () => {
  for (const codec of NAMES) {
    for (const [seed, count] of [1, 3, 8, 11].entries()) {
      const slices = slicesOf(seed, count);
      const sum = plainSum(slices, codec);
      const samples = slices.filter((gradient) => gradient !== null).length;
      const whole = [{ slice: 0, samples, gradient: sum, statistics: new Float32Array(0) }];
      // Of one sum nothing is rounded any more: the rule of the optimizer has tests of its own.
      const expected = stepped(whole, 1, trainingConfigSchema.parse({ weightDecay: 0.01 }));
      for (const workers of [1, 2, 3, 8]) {
        const units = pushed(slices, workers, codec);
        for (const servers of [1, 2, 3]) {
          const got = stepped(units, servers, trainingWith(codec));
          assert.deepEqual(got, expected, `${codec}: ${count} slices, ${workers}, ${servers}`);
        }
        const plain = stepped(units, 2, trainingWith(codec), null);
        assert.deepEqual(plain, expected, `${codec}: without kernels`);
      }
    }
  }
});

test('with LARS too, whose norms are those of the rounded sums', () => {
  for (const codec of NAMES) {
    const slices = slicesOf(3, 8);
    const lars = { optimizer: 'lars' } as const;
    const expected = stepped(pushed(slices, 1, codec), 1, trainingWith(codec, lars));
    for (const [workers, servers] of [
      [2, 2],
      [3, 3],
      [8, 1],
    ] as const) {
      const got = stepped(pushed(slices, workers, codec), servers, trainingWith(codec, lars));
      assert.deepEqual(got, expected, codec);
    }
  }
});

test('what is pushed is representable: its bytes lose nothing, in chunks of any length', () => {
  for (const codec of NAMES) {
    const [unit] = pushed(slicesOf(4, 4), 1, codec);
    const { gradients: coding } = exchangeCodings(layout, codec)!;
    for (const chunkBytes of [300, 1024, 5000, 2 ** 20]) {
      const chunks = [...coding.chunks(unit!.gradient, chunkBytes)];
      assert.ok(chunks.every(({ values }) => values.byteLength <= chunkBytes));
      const total = chunks.reduce((sum, { values }) => sum + values.byteLength, 0);
      assert.equal(total, coding.bytes);
      const arrived = new Float32Array(P).fill(7);
      let next = 0;
      for (const { offset, values } of chunks) {
        assert.equal(offset, next);
        const decoded = coding.decode('vector', offset, values);
        arrived.set(decoded, offset);
        next += decoded.length;
      }
      assert.equal(next, P);
      assert.deepEqual(arrived, unit!.gradient, codec);
    }
  }
});

test('bytes are two or one for an element that is encoded, four for others', () => {
  const coded = layout.variables.filter(({ name }) => CODED.includes(name));
  const elements = coded.reduce((total, { size }) => total + size, 0);
  const blocks = coded.reduce((total, { size }) => total + Math.ceil(size / 256), 0);
  const others = 4 * (P - elements);
  const bytesOf = (codec: LossyName) => {
    const { gradients, parameters } = exchangeCodings(layout, codec)!;
    return [gradients.bytes, parameters.bytes];
  };
  assert.deepEqual(bytesOf('bfloat16'), [2 * elements + others, 2 * elements + others]);
  assert.deepEqual(bytesOf('float16'), bytesOf('bfloat16'));
  assert.deepEqual(bytesOf('int8'), [elements + 4 * blocks + others, 2 * elements + others]);
  assert.equal(exchangeCodings(layout, 'float32'), null);
});

test('bytes that are no whole elements, or no next ones, are refused', () => {
  const { gradients: coding } = exchangeCodings(layout, 'int8')!;
  const refused = (offset: number, bytes: number): void => {
    assert.throws(() => coding.decode('vector', offset, new Uint8Array(bytes)), {
      code: 'SHAPE_MISMATCH',
      message: new RegExp(`^vector: bytes from element ${offset} on: expected .*, got .*${bytes}`),
    });
  };
  refused(0, 0);
  refused(0, 259);
  refused(0, 261);
  refused(1, 260);
  refused(0, coding.bytes + 4);
  refused(P, 4);
  assert.equal(coding.decode('vector', 256, new Uint8Array(260)).length, 256);
});

function endsOf(of: ParameterLayout, servers: number, codec: TrainingConfig['codec']): number[] {
  const cuts = cutsFor({ optimizer: 'sgd', codec });
  return planParameterShards(of, servers, cuts).map(({ parameters }) => parameters.end);
}

test('cuts fall between blocks for int8 alone; others have the plan of float32', () => {
  for (const servers of [1, 2, 3, 5, 16]) {
    const even = planParameterShards(layout, servers);
    for (const codec of ['float32', 'bfloat16', 'float16'] as const) {
      const cuts = cutsFor({ optimizer: 'sgd', codec });
      assert.deepEqual(planParameterShards(layout, servers, cuts), even);
    }
    endsOf(layout, servers, 'int8').forEach((end, i) => {
      assert.ok(Math.abs(end - even[i]!.parameters.end) <= 128);
      const variable = layout.variables.find((v) => v.offset < end && v.offset + v.size > end);
      if (variable === undefined || !CODED.includes(variable.name)) return;
      assert.equal((end - variable.offset) % 256, 0, `${variable.name} at ${end}`);
    });
  }
});

test('a part of a variable is encoded as the whole one is, however small it is', () => {
  const shards = planParameterShards(layout, 40, 'betweenBlocks');
  const parts = shards.flatMap((shard) => shard.layout.variables);
  assert.ok(parts.some(({ size, name }) => CODED.includes(name) && size < 2048));
  for (const part of parts) assert.equal(isCoded(part), CODED.includes(part.name), part.name);
});

test('more servers than blocks are refused', () => {
  const small = layoutOf('small', [{ name: 'w', shape: [8, 256], group: 'body', initial }], []);
  assert.deepEqual(endsOf(small, 8, 'int8'), [256, 512, 768, 1024, 1280, 1536, 1792, 2048]);
  assert.throws(() => endsOf(small, 20, 'int8'), /use fewer parameter servers: with int8 each/);
});
