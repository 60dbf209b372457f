/**
 * The control plane of a real run, recorded and played again: the events alone, given to the state machine in their order,
 * bring about the same actions and the same state. A worker is lost on the way.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Decision } from '../../coordinator/control/dispatcher.ts';
import { initialState } from '../../coordinator/control/state.ts';
import { transition } from '../../coordinator/control/transition.ts';
import {
  makeNoiseImages,
  plainCompute,
  runPlain,
  temporaryFolder,
} from '../support/runs/in-process-run.ts';

const folder = temporaryFolder();
after(folder.remove);

test('the events of a real run, played again, come to the same actions and the same state', async () => {
  const data = join(folder.path, 'images');
  await makeNoiseImages(data, 40);
  const decisions: Decision[] = [];
  const leaving = new AbortController();
  let slices = 0;
  const beforeGradient = (): void => {
    slices += 1;
    if (slices === 3) leaving.abort(new Error('the test takes it away'));
  };
  const summary = await runPlain({
    ...{ data, out: join(folder.path, 'run'), workers: 2 },
    compute: (worker) => plainCompute(worker === 1 ? { beforeGradient } : {}),
    workerSignal: (worker) => (worker === 1 ? leaving.signal : new AbortController().signal),
    // As it is now: what is changed later is no part of the record.
    journal: ({ event, nowMs, actions, state }) =>
      decisions.push({ ...structuredClone({ event, nowMs, actions }), state }),
  });
  const kinds = decisions.map(({ event }) => event.type);
  assert.ok(kinds.includes('workerLost'), 'a worker was lost');
  assert.ok(kinds.indexOf('workerLost') < kinds.lastIndexOf('stepCommitted'), 'on the way');

  const last = decisions.at(-1)!.state;
  let state = initialState(last.settings);
  for (const { event, nowMs, actions } of decisions) {
    const again = transition(state, event, nowMs);
    assert.deepEqual(again.actions, actions);
    ({ state } = again);
  }
  assert.deepEqual(state, last);
  assert.equal(state.ledger.committedTotal, summary.ledger.committed);
});
