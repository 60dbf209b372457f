/**
 * Rounds of mode `local`: local steps of each slice, then the outer optimizer over the mean of
 * their moves; beside plain loops in float64, and beside mode `sync`, of which a round of one local
 * step is a step.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainingConfigSchema, type TrainingConfig } from '../../src/ps/config.ts';
import { LocalReplica, localRule } from '../../src/ps/local-replica.ts';
import { ParameterStore, initialState } from '../../src/ps/parameter-store.ts';
import { UnitSum } from '../../src/ps/unit-sum.ts';
import { parameterKernels } from '../../src/parameter-plane/kernels.ts';
import { layoutOf } from '../support/made/layouts.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

const initial = { kind: 'constant', value: 0 } as const;
/** A matrix and a norm's scale in the body, a matrix and a bias in the head. */
const LAYOUT = layoutOf(
  'local',
  [
    { name: 'fc.weight', shape: [3, 2], group: 'body', initial },
    { name: 'norm.weight', shape: [2], group: 'body', initial },
    { name: 'head.weight', shape: [2, 2], group: 'head', initial },
    { name: 'head.bias', shape: [2], group: 'head', initial },
  ],
  [{ name: 'norm.running_mean', shape: [2], initial }],
);
const P = LAYOUT.parameterCount;
const BODY = 8;
const isVector = (i: number): boolean => (i >= 6 && i < 8) || i >= 12;
const BEGIN = Array.from({ length: P }, (_, i) => Math.sin(i + 1));

/** The samples of a batch, by which they pull; of three rounds, two slices each. */
interface Batch {
  readonly samples: number;
  readonly seed: number;
}
const batch = (samples: number, seed: number): Batch => ({ samples, seed });
const ROUNDS: readonly (readonly (readonly Batch[])[])[] = [
  [
    [batch(4, 1), batch(4, 2), batch(4, 3)],
    [batch(4, 4), batch(1, 5)],
  ],
  [[batch(4, 6), batch(4, 7), batch(2, 8)], [batch(3, 9)]],
  [[batch(4, 10)], [batch(4, 11), batch(4, 12), batch(4, 13)]],
];

/** Of the mean loss of a batch: a bowl whose curvature and place are the batch's. */
function meanGradient(at: number, value: number, seed: number): number {
  return (1 + 0.5 * Math.sin(seed)) * value - Math.cos(3 * seed + at);
}

const SETTINGS = {
  mode: 'local',
  ...{ localSteps: 3, batchSize: 8, sliceSize: 4 },
  ...{ learningRate: 0.2, headLearningRate: 0.3, momentum: 0.8, weightDecay: 0.1 },
  ...{ decayNormsAndBiases: false, outerLearningRate: 0.7, outerMomentum: 0.9, nesterov: true },
} as const;
const training = (settings: Partial<TrainingConfig> = {}): TrainingConfig =>
  trainingConfigSchema.parse({ ...SETTINGS, ...settings });

/** Local SGD and outer Nesterov as they are written in the papers, in float64. */
function plainRounds(factors: readonly number[]): number[][] {
  const parameters = [...BEGIN];
  const outer = new Array<number>(P).fill(0);
  return ROUNDS.map((slices, round) => {
    const move = new Array<number>(P).fill(0);
    const all = slices.flat().reduce((total, { samples }) => total + samples, 0);
    for (const batches of slices) {
      const w = [...parameters];
      const v = new Array<number>(P).fill(0);
      const own = batches.reduce((total, { samples }) => total + samples, 0);
      for (const { seed } of batches) {
        for (let i = 0; i < P; i += 1) {
          const isBody = i < BODY;
          const decay = isVector(i) ? 0 : SETTINGS.weightDecay;
          const g = meanGradient(i, w[i]!, seed) + decay * w[i]!;
          v[i] = (isBody ? SETTINGS.momentum : 0) * v[i]! + g;
          const rate = isBody ? SETTINGS.learningRate : SETTINGS.headLearningRate;
          w[i] = w[i]! - rate * factors[round]! * v[i]!;
        }
      }
      for (let i = 0; i < P; i += 1) move[i] = move[i]! + (own / all) * (parameters[i]! - w[i]!);
    }
    for (let i = 0; i < P; i += 1) {
      const m = i < BODY ? SETTINGS.outerMomentum : 0;
      outer[i] = m * outer[i]! + move[i]!;
      parameters[i] = parameters[i]! - SETTINGS.outerLearningRate * (move[i]! + m * outer[i]!);
    }
    return [...parameters];
  });
}

const sumGradient = ({ samples, seed }: Batch, values: Float32Array): Float32Array =>
  values.map((value, i) => samples * meanGradient(i, value, seed));
const statisticsOf = ({ seed }: Batch): Float32Array => Float32Array.of(seed, 1 / seed);

/** What a worker makes of a slice. */
function movedBy(
  replica: LocalReplica,
  batches: readonly Batch[],
  start: Float32Array,
  settings: TrainingConfig,
  factor: number,
): ReturnType<LocalReplica['finish']> {
  replica.begin(start, localRule(settings, factor));
  let gradient = new Float32Array(0);
  for (const own of batches) {
    gradient = Float32Array.from(sumGradient(own, replica.parameters));
    replica.step({ samples: own.samples, gradient, statistics: statisticsOf(own) });
  }
  return replica.finish(gradient);
}

function storeOf(settings: TrainingConfig): ParameterStore {
  const state = { ...initialState(LAYOUT, 1), parameters: Float32Array.from(BEGIN) };
  return new ParameterStore(LAYOUT, settings, 1, state);
}

type Summed = ReturnType<UnitSum['finish']>;

function take(store: ParameterStore, step: number, slices: number, sums: Summed, factor = 1): void {
  const unit = { slice: 0, slices, stepSlices: slices };
  store.stage({ step, ...unit, generation: 1, basedOn: step, ...sums });
  store.commit(step, [{ slice: 0, generation: 1 }], factor);
}

/** By workers that share nothing but the orders. @returns parameters after each round */
function rounds(factors: readonly number[], replicas: () => LocalReplica): Float32Array[] {
  const settings = training();
  const store = storeOf(settings);
  return ROUNDS.map((slices, round) => {
    const unit = new UnitSum();
    const start = store.snapshot().parameters.slice();
    for (const [slice, batches] of slices.entries()) {
      unit.add(slice, movedBy(replicas(), batches, start, settings, factors[round]!));
    }
    take(store, round, slices.length, unit.finish(), factors[round]);
    return store.snapshot().parameters.slice();
  });
}

const FACTORS = [0.5, 1, 0.25];

test('rounds are local SGD and outer Nesterov of plain loops, slices weighted by samples', () => {
  const expected = plainRounds(FACTORS);
  const one = new LocalReplica(LAYOUT, training());
  const got = rounds(FACTORS, () => one);
  for (const [round, parameters] of got.entries()) {
    // Float32 at each of three local steps.
    assertClose(parameters, expected[round]!, 1e-6, `round ${round}`);
  }
});

test('a slice is a function of its order: what a replica computed before it changes no bit', () => {
  const one = new LocalReplica(LAYOUT, training());
  const fresh = rounds(FACTORS, () => new LocalReplica(LAYOUT, training()));
  assert.deepEqual(
    rounds(FACTORS, () => one),
    fresh,
  );
});

test('statistics of a slice are the mean over its batches, weighted by samples', () => {
  const replica = new LocalReplica(LAYOUT, training());
  const own = [batch(3, 2), batch(1, 6)];
  const moved = movedBy(replica, own, Float32Array.from(BEGIN), training(), 1);
  assert.equal(moved.samples, 4);
  assert.deepEqual([...moved.statistics], [(3 * 2 + 6) / 4, Math.fround((3 / 2 + 1 / 6) / 4)]);
});

test('one local step a round, without momentum of its own, is a step of mode sync', () => {
  const sync = { ...SETTINGS, mode: 'sync', momentum: 0.9 } as const;
  const local: Partial<TrainingConfig> = {
    ...{ ...SETTINGS, localSteps: 1, momentum: 0, outerMomentum: 0.9 },
    ...{ outerLearningRate: 1, nesterov: false },
  };
  const stores = [storeOf(training(sync)), storeOf(training(local))] as const;
  const replica = new LocalReplica(LAYOUT, training(local));
  for (let step = 0; step < 12; step += 1) {
    const batches = [batch(4, step + 1), batch(3, step + 20)];
    for (const [isLocal, store] of stores.entries()) {
      const start = store.snapshot().parameters.slice();
      const unit = new UnitSum();
      for (const [slice, own] of batches.entries()) {
        const { samples } = own;
        const passed = {
          samples,
          gradient: sumGradient(own, start),
          statistics: statisticsOf(own),
        };
        const moved = isLocal === 1 ? movedBy(replica, [own], start, training(local), 0.5) : passed;
        unit.add(slice, moved);
      }
      take(store, step, batches.length, unit.finish(), 0.5);
    }
    const [ofSync, ofLocal] = stores.map((store) => store.snapshot());
    // Momentum of `sync` has no learning rate in it, and that of the rounds has: the sum of moves
    // at one constant rate is the same. Twelve steps in float32.
    assertClose(ofLocal!.parameters, ofSync!.parameters, 4e-6, `step ${step}`);
    assertClose(ofLocal!.statistics, ofSync!.statistics, 0, `statistics of step ${step}`);
  }
});

test('kernels and JavaScript move a replica and apply a round with the same bits', (t) => {
  const { module } = parameterKernels();
  if (module === null) {
    t.skip(parameterKernels().story);
    return;
  }
  const long = layoutOf(
    'long',
    [{ name: 'fc.weight', shape: [200, 200], group: 'body', initial }],
    [],
  );
  const start = Float32Array.from({ length: 40_000 }, (_, i) => Math.sin(i));
  const ends = [module, null].map((kernels) => {
    const replica = new LocalReplica(long, training(), kernels);
    replica.begin(start, localRule(training(), 1));
    let gradient = new Float32Array(0);
    for (const seed of [1, 2, 3]) {
      gradient = replica.parameters.map((value, i) => 3 * meanGradient(i, value, seed));
      replica.step({ samples: 3, gradient, statistics: new Float32Array(0) });
    }
    return replica.finish(gradient);
  });
  assert.deepEqual(ends[1], ends[0]);
});
