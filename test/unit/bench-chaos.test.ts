import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  Course,
  ROLES,
  epochsFor,
  lossDifference,
  planKills,
  recoveredMs,
  recoveriesFrom,
  type DeliveredKill,
  type RunEvent,
} from '../../bench/chaos/chaos-plan.ts';

const SHAPE = { kills: 50, seed: 7, epochs: epochsFor('deepcluster', 50), stepsPerEpoch: 6 };

function at(seconds: number, event: string, fields: object = {}): RunEvent {
  return { ts: new Date(seconds * 1000).toISOString(), event, ...fields };
}

/** Events of an undisturbed run, a checkpoint after every third step. */
function* courseOf(algorithm: string): Generator<RunEvent> {
  for (let epoch = 0; epoch < SHAPE.epochs; epoch += 1) {
    if (algorithm === 'deepcluster' || epoch === 0) {
      const last = algorithm === 'odc' ? ['memory'] : [];
      const pca = algorithm === 'odc' ? [] : ['moments', 'pca'];
      for (const phase of ['extract', ...pca, 'project', 'sampleRows', 'kmeans', 'assign', ...last])
        yield at(0, 'phase.entered', { epoch, phase });
    }
    for (let i = 0; i < SHAPE.stepsPerEpoch; i += 1) {
      const step = epoch * SHAPE.stepsPerEpoch + i;
      yield at(0, 'step.committed', { epoch, step });
      if ((step + 1) % 3 === 0) yield at(0, 'checkpoint.written', { step: step + 1 });
    }
  }
}

describe('the plan of kills', () => {
  for (const algorithm of ['deepcluster', 'odc'] as const) {
    test(`${algorithm}: all moments come, in their order, each before the quiet end`, () => {
      const plan = planKills({ ...SHAPE, algorithm });
      const course = new Course();
      let due = 0;
      let atEvent = 0;
      const events = [...courseOf(algorithm)];
      for (const [i, event] of events.entries()) {
        course.take(event);
        while (due < plan.length && course.hasCome(plan[due]!.moment)) {
          due += 1;
          atEvent = i;
        }
      }
      assert.equal(due, SHAPE.kills);
      const last = (events[atEvent]!['epoch'] ?? SHAPE.epochs - 12) as number;
      assert.ok(last <= SHAPE.epochs - 11, `the last kill is in epoch ${last}`);
    });

    test(`${algorithm}: every role, some kills together, some in the clustering`, () => {
      const plan = planKills({ ...SHAPE, algorithm });
      for (const role of ROLES) {
        assert.ok(plan.filter((kill) => kill.role === role).length >= 8, role);
      }
      const together = plan.filter((kill, i) => kill.moment === plan[i - 1]?.moment).length;
      assert.ok(together >= 3 && together <= 18, `${together} together`);
      assert.ok(plan.some(({ moment }) => moment.kind === 'phase'));
      assert.ok(plan.some(({ moment }) => moment.kind === 'checkpoint'));
    });
  }

  test('is the same for the same seed, and another for another', () => {
    const shape = { ...SHAPE, algorithm: 'odc' } as const;
    assert.deepEqual(planKills(shape), planKills(shape));
    assert.notDeepEqual(planKills(shape), planKills({ ...shape, seed: 8 }));
  });
});

test('a run that goes back to a checkpoint does not come to a moment twice', () => {
  const course = new Course();
  course.take(at(0, 'step.committed', { epoch: 1, step: 9 }));
  course.take(at(0, 'step.committed', { epoch: 1, step: 6 }));
  assert.ok(course.hasCome({ kind: 'step', epoch: 1, step: 9 }));
  assert.ok(!course.hasCome({ kind: 'step', epoch: 1, step: 10 }));
  assert.ok(course.hasCome({ kind: 'phase', epoch: 1, phase: 'extract' }));
});

describe('a recovery ends', () => {
  const kill = (role: DeliveredKill['role']): DeliveredKill => ({
    ...{ role, id: `${role}-1`, atMs: 10_000 },
    moment: { kind: 'step', epoch: 0, step: 0 },
  });
  const joined = (seconds: number, workerId: string): RunEvent =>
    at(seconds, 'worker.joined', { workerId });

  test("of a worker's death, when it has joined again and the run has moved on", () => {
    const events = [
      joined(1, 'worker-1'),
      at(10.5, 'step.committed'),
      joined(11, 'worker-2'),
      joined(12, 'worker-1'),
      at(12.5, 'step.committed'),
    ];
    assert.equal(recoveredMs(kill('worker'), events), 12_500);
  });

  test("of a server's or coordinator's, when a new term has completed a step or a phase", () => {
    const events = [
      at(9, 'term.begun'),
      at(10.2, 'step.committed'), // was under way when the process was killed
      at(11, 'term.begun'),
      at(11.5, 'phase.entered'),
      at(13, 'phase.entered'),
    ];
    for (const role of ['server', 'coordinator'] as const) {
      assert.equal(recoveredMs(kill(role), events), 13_000);
    }
  });

  test('in the later term where one ends before anything was done', () => {
    const events = [
      ...[at(11, 'term.begun'), at(11.5, 'phase.entered')],
      ...[at(12, 'term.begun'), at(12.5, 'phase.entered'), at(14, 'step.committed')],
    ];
    assert.equal(recoveredMs(kill('server'), events), 14_000);
  });

  test('never, where the run ended before', () => {
    assert.equal(recoveredMs(kill('worker'), [at(11, 'step.committed')]), null);
  });
});

test('recoveries that fall into each other are told apart from those that do not', () => {
  const moment = { kind: 'step', epoch: 0, step: 0 } as const;
  const kills: DeliveredKill[] = [
    { role: 'worker', id: 'worker-1', atMs: 10_000, moment },
    { role: 'server', id: 'server-0', atMs: 11_000, moment },
    { role: 'worker', id: 'worker-0', atMs: 20_000, moment },
  ];
  const events = [
    ...[at(12, 'term.begun'), at(13, 'worker.joined', { workerId: 'worker-1' })],
    ...[at(14, 'step.committed'), at(22, 'worker.joined', { workerId: 'worker-0' })],
    at(23, 'step.committed'),
  ];
  assert.deepEqual(recoveriesFrom(kills, events), [
    { role: 'worker', seconds: 4, isAlone: false },
    { role: 'server', seconds: 3, isAlone: false },
    { role: 'worker', seconds: 3, isAlone: true },
  ]);
});

test('the difference of losses is the largest relative one', () => {
  assert.equal(lossDifference([2, 4], [2, 4]), 0);
  assert.equal(lossDifference([2, 5], [2, 4]), (5 - 4) / 4);
  assert.equal(lossDifference([2], [2, 4]), Infinity);
});
