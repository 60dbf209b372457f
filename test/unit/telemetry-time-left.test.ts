import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
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
    const recurs = (phase: string): boolean => phase === 'train';
    assert.equal(secondsLeft({ ...FIRST, recurs }), 12 + 9 * (2 + 12));
  });

  test('in a later epoch takes what is still to come from the mean of the last three', () => {
    const finished = [100, 6, 4, 5].map((extract) => phases({ extract, kmeans: 2, train: 20 }));
    const progress = {
      ...{ epochs: 10, epoch: 4, finished },
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

  test('in the last epoch is the rest of it, and after it none is told', () => {
    const finished = [phases({ extract: 5, train: 20 })];
    const last = { epochs: 2, epoch: 1, finished, current: phases({ extract: 5, train: 1 }) };
    assert.equal(secondsLeft({ ...last, phaseSecondsLeft: 7 }), 7);
    assert.equal(secondsLeft({ ...last, epoch: 2, phaseSecondsLeft: 7 }), null);
  });
});

describe('the clock of phases', () => {
  const facts = { epochs: 3, phaseSecondsLeft: 4 };

  test('measures phases from one beginning to the next', () => {
    const clock = new PhaseClock();
    clock.enter(0, 'extract', 0);
    clock.enter(0, 'train', 5_000);
    clock.enter(0, 'train', 6_000); // seen again
    clock.enter(1, 'extract', 15_000);
    // 1 s of an extraction that ends in 4 s, then training as before, then one epoch as before.
    assert.equal(clock.secondsLeft(16_000, facts), 4 + 10 + (5 + 10));
  });

  test('tells nothing by an epoch whose training was joined half-way, unless it is the last', () => {
    const joined = new PhaseClock();
    joined.enter(1, 'train', 0);
    assert.equal(joined.secondsLeft(5_000, facts), null);
    const last = new PhaseClock();
    last.enter(2, 'train', 0);
    assert.equal(last.secondsLeft(5_000, facts), 4);
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
});
