/**
 * The parameter kernels beside JavaScript: the same bits, whatever the rule, the slices and the
 * threads.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  firstNonFiniteValue,
  loadParameterKernels,
  parameterKernels,
} from '../../src/parameter-plane/kernels.ts';
import { trainingConfigSchema, type TrainingConfig } from '../../src/ps/config.ts';
import { Optimizer } from '../../src/ps/optimizer.ts';
import { addVectors } from '../../src/ps/slice-tree.ts';
import { SliceReducer } from '../../src/ps/slice-reducer.ts';
import { lcg } from '../support/made/lcg.ts';
import { layoutOf } from '../support/made/layouts.ts';

const { module, story } = parameterKernels();
const skip = module === null && `parameter kernels: ${story}`;

const initial = { kind: 'constant', value: 0 } as const;
/** Of several pieces of a thread's work, none of them a multiple of a block; vectors among them. */
const layout = layoutOf(
  'made',
  [
    { name: 'a.weight', shape: [300, 511], group: 'body', initial },
    { name: 'a.bias', shape: [511], group: 'body', initial },
    { name: 'b.weight', shape: [17, 4001], group: 'body', initial },
    { name: 'head.weight', shape: [30_011], group: 'head', initial },
  ],
  [],
);
const P = layout.parameterCount;
const BODY = P - 30_011;

function madeVector(seed: number, length: number, scale: number): Float32Array {
  const next = lcg(seed);
  return Float32Array.from({ length }, () => (next() - 0.5) * scale);
}

/** Three steps. @param kernels null: JavaScript alone */
function stepped(
  training: TrainingConfig,
  slices: readonly number[],
  isInPlace: boolean,
  kernels: typeof module,
): { parameters: Float32Array; momentum: Float32Array } {
  const optimizer = new Optimizer(layout, training, kernels);
  let parameters = madeVector(1, P, 2);
  let momentum: Float32Array = madeVector(2, BODY, 0.1);
  for (let step = 0; step < 3; step += 1) {
    const pushes = slices.map((slice) => ({
      slice,
      samples: 5 + slice,
      gradient: madeVector(100 + 10 * step + slice, P, 30),
      statistics: new Float32Array(0),
    }));
    const values = {
      parameters: { from: parameters, to: isInPlace ? parameters : new Float32Array(P).fill(7) },
      momentum: { from: momentum, to: isInPlace ? momentum : new Float32Array(BODY).fill(7) },
    };
    optimizer.step(values, new SliceReducer(pushes), 0.7);
    parameters = values.parameters.to;
    momentum = values.momentum.to;
  }
  return { parameters, momentum };
}

const RULES: Readonly<Record<string, Partial<TrainingConfig>>> = {
  sgd: { learningRate: 0.05, momentum: 0.9, weightDecay: 1e-4, headLearningRate: 0.3 },
  'sgd without decay of vectors': { decayNormsAndBiases: false, weightDecay: 0.01 },
  lars: { optimizer: 'lars', larsTrust: 0.001, weightDecay: 1e-4 },
};
/** Which round each sum of two. */
const ROUNDED: typeof RULES = {
  'sgd of bfloat16': { codec: 'bfloat16' },
  'sgd of float16': { codec: 'float16' },
  'sgd of int8': { codec: 'int8', decayNormsAndBiases: false },
  'lars of int8': { codec: 'int8', optimizer: 'lars' },
};
/** First slices of units: nodes of several widths, and steps that end within a node. */
const UNITS = [[0], [0, 1], [0, 2, 3, 4, 6], [0, 4, 8, 12, 14, 15, 16], [5, 6]];

for (const [name, settings] of Object.entries({ ...RULES, ...ROUNDED })) {
  for (const slices of name in ROUNDED ? UNITS.slice(2, 3) : UNITS) {
    test(
      `a step of ${name} by kernels has JavaScript's bits, units from ${slices.join()}`,
      { skip },
      () => {
        const training = trainingConfigSchema.parse(settings);
        for (const isInPlace of [true, false]) {
          const expected = stepped(training, slices, isInPlace, null);
          assert.deepEqual(stepped(training, slices, isInPlace, module), expected);
        }
      },
    );
  }
}

test('threads do not show in the bits', { skip }, () => {
  const gradients = [madeVector(5, P, 3), madeVector(6, P, 3)];
  const results = [1, 2, 7].map((threads) => {
    const to = new Float32Array(P);
    const rule = [0.1, 0.01, 1, 0.9] as const;
    const from = madeVector(8, P, 1);
    module!.step(threads, 0, P, gradients, 9, from, to, null, null, ...rule, [0, 1], 0);
    return to;
  });
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});

test('vectors are added up with the bits of JavaScript', { skip }, () => {
  const [left, right] = [madeVector(1, P, 3), madeVector(2, P, 1e-3)];
  const expected = left.map((value, i) => value + right[i]!);
  assert.deepEqual(addVectors(left, right, new Float32Array(P)), expected);
  assert.deepEqual(addVectors(left, right), expected);
});

test('the first value that is not finite is found, wherever it is', () => {
  const values = madeVector(3, 200_003, 1);
  assert.equal(firstNonFiniteValue(values), -1);
  for (const [place, value] of [
    [200_002, NaN],
    [131_072, -Infinity],
    [65_535, Infinity],
    [0, NaN],
  ] as const) {
    values[place] = value;
    assert.equal(firstNonFiniteValue(values), place);
  }
});

test('what does not fit is refused, and nothing is written', { skip }, () => {
  const [from, to] = [new Float32Array(10).fill(1), new Float32Array(10).fill(2)];
  const rule = [0.1, 0, 1, 0.9] as const;
  const step = (end: number, gradients: readonly Float32Array[]): void => {
    const slices = [...gradients.keys()];
    module!.step(2, 0, end, gradients, 1, from, to, null, null, ...rule, slices, 0);
  };
  assert.throws(() => {
    step(11, [new Float32Array(11)]);
  }, /parameter kernels: expected vectors of 11/);
  assert.throws(() => {
    step(10, [new Float32Array(9)]);
  }, /expected vectors of 10/);
  assert.throws(() => {
    step(10, []);
  }, /expected vectors/);
  assert.throws(() => {
    const two = [from, from];
    module!.step(1, 0, 10, two, 1, from, to, null, null, ...rule, [1, 1], 0);
  }, /expected ascending numbers/);
  assert.throws(() => {
    module!.step(1, 0, 10, [from], 1, from, to, null, null, ...rule, [0, 1], 0);
  }, /expected 1 numbers/);
  assert.throws(() => {
    module!.add(1, from, from, new Float32Array(9));
  }, /vectors of one length/);
  assert.throws(() => {
    module!.copy(2, from, new Float32Array(9));
  }, /two vectors of one length/);
  assert.deepEqual(to, new Float32Array(10).fill(2));
});

test('a module that is not there, or does not load, says so with a remedy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'parameter-kernels-'));
  try {
    const file = join(folder, 'parameter-kernels.node');
    assert.match(loadParameterKernels(file).story, /^not built \(npx deepcluster setup\)$/);
    writeFileSync(file, 'no module');
    assert.match(loadParameterKernels(file).story, /^not loaded: .+ \(npx deepcluster setup\)$/s);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
