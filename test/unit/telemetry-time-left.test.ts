import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runCourse } from '../../src/run/run-course.ts';
import {
  EPOCHS_ALONE,
  PhaseClock,
  secondsLeft,
  type EpochProgress,
  type PhaseSeconds,
} from '../../src/telemetry/time-left.ts';

function phases(seconds: Readonly<Record<string, number>>): PhaseSeconds {
  return new Map(Object.entries(seconds));
}

const FIRST: EpochProgress = {
  epochs: 10,
  epoch: 0,
  finished: [],
  current: phases({ extract: 5, kmeans: 1, train: 2 }),
  phaseSecondsLeft: 12,
  course: EPOCHS_ALONE,
};

describe('the time left of a run', () => {
  test('in the first epoch is what is left of its training, and nine more of its length', () => {
    const epoch = 5 + 1 + (2 + 12);
    assert.equal(secondsLeft(FIRST), 12 + 9 * epoch);
  });

  test('is not told in a first epoch before it trains, nor before its pace is known', () => {
    assert.equal(secondsLeft({ ...FIRST, current: phases({ extract: 5 }) }), null);
    assert.equal(secondsLeft({ ...FIRST, phaseSecondsLeft: null }), null);
    assert.equal(secondsLeft({ ...FIRST, current: phases({}) }), null);
  });

  test('leaves out phases of later epochs that the algorithm has once', () => {
    const course = { ...EPOCHS_ALONE, recurs: (phase: string) => phase === 'train' };
    assert.equal(secondsLeft({ ...FIRST, course }), 12 + 9 * (2 + 12));
  });

  test('in a later epoch takes what is still to come from the mean of the last three', () => {
    const finished = [100, 6, 4, 5].map((extract) => phases({ extract, kmeans: 2, train: 20 }));
    const progress = {
      ...{ epochs: 10, epoch: 4, finished, course: EPOCHS_ALONE },
      current: phases({ extract: 2 }),
      phaseSecondsLeft: 3,
    };
    const extract = (6 + 4 + 5) / 3;
    assert.equal(secondsLeft(progress), 3 + (2 + 20) + 5 * (extract + 2 + 20));
    // Without a pace of its own, the phase takes as long as it used to; it is never late by more than nothing.
    assert.equal(
      secondsLeft({ ...progress, phaseSecondsLeft: null }),
      extract - 2 + (2 + 20) + 5 * (extract + 2 + 20),
    );
    const late = { ...progress, current: phases({ extract: 50 }), phaseSecondsLeft: null };
    assert.equal(secondsLeft(late), 2 + 20 + 5 * (extract + 2 + 20));
  });

  test('in the last epoch is the rest of it, where nothing follows', () => {
    const finished = [phases({ extract: 5, train: 20 })];
    const current = phases({ extract: 5, train: 1 });
    const last = { epochs: 2, epoch: 1, finished, current, course: EPOCHS_ALONE };
    assert.equal(secondsLeft({ ...last, phaseSecondsLeft: 7 }), 7);
  });
});

describe('what comes after the last epoch', () => {
  const course = { ...EPOCHS_ALONE, clustersAtEnd: true, evaluation: 2 };
  const finished = [4, 6, 8].map((extract) => phases({ extract, pca: 1, kmeans: 3, train: 20 }));
  const facts = { epochs: 3, epoch: 3, finished, phaseSecondsLeft: null, course };

  test('is a clustering as before, and so many extractions as the evaluation takes', () => {
    assert.equal(secondsLeft({ ...FIRST, course }), 12 + 9 * (5 + 1 + (2 + 12)) + (5 + 1) + 2 * 5);
    const unevaluated = { ...course, evaluation: 0 };
    assert.equal(
      secondsLeft({ ...FIRST, course: unevaluated }),
      12 + 9 * (5 + 1 + (2 + 12)) + (5 + 1),
    );
    assert.equal(
      secondsLeft({ ...FIRST, course: { ...course, clustersAtEnd: false } }),
      12 + 9 * 20 + 2 * 5,
    );
  });

  test('is as its first clustering for an algorithm that clusters once, however long ago', () => {
    const once = { ...course, recurs: (phase: string) => phase === 'train' };
    const progress = {
      ...{ epochs: 10, epoch: 5, phaseSecondsLeft: 4, course: once },
      finished: [
        phases({ extract: 9, kmeans: 2, train: 30 }),
        ...[20, 21, 22, 23].map((train) => phases({ train })),
      ],
      current: phases({ train: 18 }),
    };
    assert.equal(secondsLeft(progress), 4 + 4 * ((21 + 22 + 23) / 3) + (9 + 2) + 2 * 9);
    // Nobody saw that clustering: a pass forward is a third of what the newest epoch took.
    const resumed = { ...progress, finished: [phases({ train: 21 })] };
    assert.equal(secondsLeft(resumed), 4 + 4 * 21 + 21 / 3 + 2 * (21 / 3));
  });

  test('is counted down in the last clustering', () => {
    // The means: 6 s, 1 s, 3 s.
    assert.equal(
      secondsLeft({ ...facts, current: phases({ extract: 2 }) }),
      6 - 2 + (1 + 3) + 2 * 6,
    );
    assert.equal(
      secondsLeft({ ...facts, current: phases({ extract: 7, pca: 1 }), phaseSecondsLeft: 5 }),
      5 + 3 + 2 * 6,
    );
    // ODC passes k-means over: its centroids are there.
    const first = [phases({ extract: 9, kmeans: 2, assign: 1, train: 20 })];
    const assigning = { ...facts, finished: first, current: phases({ extract: 9, assign: 0.25 }) };
    assert.equal(secondsLeft(assigning), 1 - 0.25 + 2 * 9);
    // A phase that no epoch had.
    assert.equal(
      secondsLeft({ ...facts, current: phases({ extract: 7, pca: 1, kmeans: 3, assign: 1 }) }),
      2 * 6,
    );
  });

  test('is counted down in the evaluation, and is at least what its part under way takes', () => {
    const clustered = { extract: 6, kmeans: 3 };
    const at = (
      evaluated: Readonly<Record<string, number>>,
      phaseSecondsLeft: number | null = null,
    ) =>
      secondsLeft({ ...facts, current: phases({ ...clustered, ...evaluated }), phaseSecondsLeft });
    assert.equal(at({ evaluate: 5 }), 2 * 6 - 5);
    assert.equal(
      at({ 'evaluate features (trained)': 5, 'evaluate probe (trained)': 1 }, 2),
      2 * 6 - 6,
    );
    assert.equal(at({ evaluate: 50 }), 0);
    assert.equal(at({ evaluate: 50 }, 3), 3);
  });

  test('is told of a run that was resumed there as far as it is seen', () => {
    const resumed = { ...facts, finished: [] };
    assert.equal(
      secondsLeft({ ...resumed, current: phases({ extract: 2 }), phaseSecondsLeft: 1 }),
      null,
    );
    assert.equal(
      secondsLeft({ ...resumed, current: phases({ evaluate: 2 }), phaseSecondsLeft: 1 }),
      1,
    );
    assert.equal(
      secondsLeft({ ...resumed, current: phases({ extract: 6, evaluate: 2 }) }),
      2 * 6 - 2,
    );
  });
});

describe('the course of a run', () => {
  const evaluation = { enabled: true, maxImages: 500 };
  const images = { count: 1000, hasClasses: true };

  test('has two networks evaluated, each by one worker, in extractions of all by all', () => {
    const passes = (workers: number): number =>
      runCourse({ algorithm: 'deepcluster', evaluation }, images, workers).evaluation;
    // One worker: two networks, half of the images each.
    assert.equal(passes(1), 2 * 0.5);
    // Two: at the same time, but each image takes one of them twice as long as both.
    assert.equal(passes(2), 2 * 0.5);
    // Eight: six of them wait.
    assert.equal(passes(8), 8 * 0.5);
  });

  test('has no evaluation that is off, or without classes, or of images that are not known', () => {
    const settings = { algorithm: 'deepcluster', evaluation };
    const off = { ...settings, evaluation: { ...evaluation, enabled: false } };
    assert.equal(runCourse(off, images, 1).evaluation, 0);
    assert.equal(runCourse(settings, { ...images, hasClasses: false }, 1).evaluation, 0);
    assert.equal(runCourse(settings, null, 1).evaluation, 0);
    assert.equal(runCourse({ algorithm: 'deepcluster' }, images, 1).evaluation, 0);
  });

  test('clusters in each epoch or at the beginning, and at the end', () => {
    const [deepCluster, odc] = ['deepcluster', 'odc'].map((algorithm) =>
      runCourse({ algorithm }, null, 1),
    );
    assert.deepEqual([deepCluster!.recurs('kmeans'), odc!.recurs('kmeans')], [true, false]);
    assert.deepEqual([deepCluster!.clustersAtEnd, odc!.clustersAtEnd], [true, true]);
  });
});

describe('the clock of phases', () => {
  const facts = { epochs: 3, phaseSecondsLeft: 4, course: EPOCHS_ALONE };

  test('measures phases from one beginning to the next', () => {
    const clock = new PhaseClock();
    clock.enter(0, 'extract', 0);
    clock.enter(0, 'train', 5_000);
    clock.enter(0, 'train', 6_000); // seen again
    clock.enter(1, 'extract', 15_000);
    // 1 s of an extraction that ends in 4 s, then training as before, then one epoch as before.
    assert.equal(clock.secondsLeft(16_000, facts), 4 + 10 + (5 + 10));
  });

  test('tells nothing by an epoch whose training was joined half-way, unless it is the last and nothing follows', () => {
    const joined = new PhaseClock();
    joined.enter(1, 'train', 0);
    assert.equal(joined.secondsLeft(5_000, facts), null);
    const last = new PhaseClock();
    last.enter(2, 'train', 0);
    assert.equal(last.secondsLeft(5_000, facts), 4);
    const course = { ...EPOCHS_ALONE, clustersAtEnd: true };
    assert.equal(last.secondsLeft(5_000, { ...facts, course }), null);
  });

  test('forgets an epoch that begins again, and keeps those before it', () => {
    const clock = new PhaseClock();
    clock.enter(0, 'extract', 0);
    clock.enter(0, 'train', 5_000);
    clock.enter(1, 'extract', 15_000);
    clock.restart();
    assert.equal(clock.secondsLeft(99_000, facts), null);
    clock.enter(1, 'extract', 100_000); // a night later
    assert.equal(clock.secondsLeft(101_000, facts), 4 + 10 + (5 + 10));
  });

  test('takes the phases of the last clustering, as notices name them, for those of a clustering', () => {
    const clock = new PhaseClock();
    clock.enter(2, 'extract', 0);
    clock.enter(2, 'kmeans', 6_000);
    clock.enter(2, 'train', 8_000);
    clock.enter(3, 'final extract', 20_000);
    const course = { ...EPOCHS_ALONE, clustersAtEnd: true, evaluation: 1 };
    assert.equal(clock.secondsLeft(21_000, { ...facts, course }), 4 + 2 + 6);
    clock.enter(3, 'final kmeans', 26_000);
    clock.enter(3, 'evaluate', 28_000);
    const unpaced = { ...facts, course, phaseSecondsLeft: null };
    assert.equal(clock.secondsLeft(30_000, unpaced), 6 - 2);
  });
});
