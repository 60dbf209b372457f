/**
 * Optimizers of the parameter store against PyTorch and NumPy (test/oracle/optimizers.py), on one
 * server and on several.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { trainingConfigSchema, type TrainingConfig } from '../../src/ps/config.ts';
import type { ParameterLayout, VariableGroup } from '../../src/ps/layout.ts';
import { cutsFor, joinShards, planParameterShards } from '../../src/ps/parameter-plan.ts';
import { ParameterStore, initialState } from '../../src/ps/parameter-store.ts';
import { layoutOf } from '../support/made/layouts.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

interface Oracle {
  readonly variables: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly group: VariableGroup;
  }[];
  readonly learningRate: number;
  readonly headLearningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly larsTrust: number;
  /** By step. */
  readonly factors: readonly number[];
  /** [P] */
  readonly begin: readonly number[];
  /** By step, [P]. */
  readonly gradients: readonly (readonly number[])[];
  /** Parameters after each step, [P]. */
  readonly sgd: readonly (readonly number[])[];
  readonly sgdWithoutVectors: readonly (readonly number[])[];
  readonly lars: readonly (readonly number[])[];
  /** Mode `local`: the gradients are moves. */
  readonly outerLearningRate: number;
  readonly outer: readonly (readonly number[])[];
  readonly outerNesterov: readonly (readonly number[])[];
}

const path = new URL('../oracle/optimizers.json', import.meta.url);
const oracle = JSON.parse(readFileSync(path, 'utf8')) as Oracle;
const initial = { kind: 'constant', value: 0 } as const;
const layout = layoutOf(
  'oracle',
  oracle.variables.map((variable) => ({ ...variable, initial })),
  [{ name: 'bn.running_mean', shape: [2], initial }],
);

function trainingOf(settings: Partial<TrainingConfig>): TrainingConfig {
  const { learningRate, headLearningRate, momentum, weightDecay } = oracle;
  const given = { learningRate, headLearningRate, momentum, weightDecay };
  return trainingConfigSchema.parse({ ...given, ...settings });
}

/** Takes the oracle's steps on a range of its parameters. @returns them after each step */
function steps(
  own: ParameterLayout,
  { begin, end }: { readonly begin: number; readonly end: number },
  training: TrainingConfig,
): Float32Array[] {
  const state = {
    ...initialState(own, 1),
    parameters: Float32Array.from(oracle.begin.slice(begin, end)),
  };
  const store = new ParameterStore(own, training, 1, state);
  return oracle.gradients.map((gradient, step) => {
    store.stage({
      ...{ step, slice: 0, slices: 1, stepSlices: 1 },
      ...{ generation: 1, basedOn: step, samples: 1 },
      gradient: Float32Array.from(gradient.slice(begin, end)),
      statistics: new Float32Array(own.statisticCount),
    });
    store.commit(step, [{ slice: 0, generation: 1 }], oracle.factors[step]);
    return store.snapshot().parameters.slice();
  });
}

function assertSteps(settings: Partial<TrainingConfig>, expected: Oracle['sgd']): void {
  const training = trainingOf(settings);
  const alone = steps(layout, { begin: 0, end: layout.parameterCount }, training);
  for (const [step, parameters] of alone.entries()) {
    assertClose(parameters, expected[step]!, 2e-6, `step ${step}`);
  }
  for (const servers of [2, 3, 5]) {
    const shards = planParameterShards(layout, servers, cutsFor(training));
    const parts = shards.map((shard) => steps(shard.layout, shard.parameters, training));
    for (const [step, parameters] of alone.entries()) {
      assert.deepEqual(joinShards(parts.map((part) => part[step]!)), parameters, `${servers}`);
    }
  }
}

test('SGD is that of PyTorch, however many servers', () => {
  assertSteps({}, oracle.sgd);
});

test('without decay of norms and biases it is that of two parameter groups, wherever a cut goes through', () => {
  // Five servers cut through the first filter and a matrix: elements of either still decay.
  const cut = planParameterShards(layout, 5).flatMap((shard) =>
    shard.layout.variables.filter(({ shape, rank }) => shape.length === 1 && rank === 4),
  );
  assert.ok(cut.length > 0);
  assertSteps({ decayNormsAndBiases: false }, oracle.sgdWithoutVectors);
});

test('LARS is the rule of its paper, however many servers', () => {
  assertSteps({ optimizer: 'lars', larsTrust: oracle.larsTrust }, oracle.lars);
});

test('LARS lets no vector decay, whatever else is said of decay', () => {
  const lars = { optimizer: 'lars', larsTrust: oracle.larsTrust } as const;
  assertSteps({ ...lars, decayNormsAndBiases: false }, oracle.lars);
});

for (const nesterov of [false, true]) {
  test(`the outer optimizer is SGD of PyTorch, whatever the schedule: Nesterov ${nesterov}`, () => {
    const { momentum: outerMomentum, outerLearningRate } = oracle;
    const outer = { mode: 'local', outerMomentum, outerLearningRate, nesterov } as const;
    // Momentum, rates and decay of the local steps are in the moves already.
    assertSteps({ ...outer, momentum: 0.3 }, nesterov ? oracle.outerNesterov : oracle.outer);
  });
}

test('a variable longer than a block of the reducer has one rate', () => {
  const [own, rate] = [
    layoutOf('long', [{ name: 'w', shape: [150, 100], group: 'body', initial }], []),
    0.5,
  ];
  const draw = (salt: number): Float32Array =>
    Float32Array.from({ length: 15_000 }, (_, i) => Math.sin(salt + i * salt));
  const [parameters, gradient] = [draw(3), draw(5)];
  const length = (values: Float32Array): number => Math.hypot(...values);
  const training = trainingConfigSchema.parse({
    ...{ optimizer: 'lars', learningRate: rate, weightDecay: 0, larsTrust: 0.01 },
  });
  const store = new ParameterStore(own, training, 1, { ...initialState(own, 1), parameters });
  const statistics = new Float32Array(0);
  store.stage({
    ...{ step: 0, slice: 0, slices: 1, stepSlices: 1, generation: 1, basedOn: 0, samples: 1 },
    ...{ gradient, statistics },
  });
  store.commit(0, [{ slice: 0, generation: 1 }]);
  const moved = store.snapshot().parameters.map((value, i) => value - parameters[i]!);
  // Without decay a step is a part of the variable's length, whatever the gradient's.
  assert.ok(Math.abs(length(moved) / (rate * 0.01 * length(parameters)) - 1) < 1e-5);
});
