import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { withAnySignal } from '../../src/rpc/any-signal.ts';

const sources = (): [AbortController, AbortController] => [
  new AbortController(),
  new AbortController(),
];

const listeners = (controllers: readonly AbortController[]): number[] =>
  controllers.map(({ signal }) => getEventListeners(signal, 'abort').length);

for (const first of [0, 1]) {
  test(`source ${first} aborts, for its reason, and the other no more`, async () => {
    const both = sources();
    await withAnySignal(
      both.map(({ signal }) => signal),
      (any) => {
        assert.equal(any.aborted, false);
        both[first]!.abort('first');
        both[1 - first]!.abort('second');
        assert.equal(any.reason, 'first');
        return Promise.resolve();
      },
    );
  });
}

test('of a source that is aborted already', async () => {
  const [one, other] = sources();
  other.abort('before');
  const reason = await withAnySignal([one.signal, other.signal], (any) =>
    Promise.resolve(any.aborted && (any.reason as unknown)),
  );
  assert.equal(reason, 'before');
});

test('nothing is left on its sources, also after a failure', async () => {
  const both = sources();
  const signals = both.map(({ signal }) => signal);
  const answer = await withAnySignal(signals, () => Promise.resolve(listeners(both)));
  assert.deepEqual(answer, [1, 1]);
  assert.deepEqual(listeners(both), [0, 0]);
  await assert.rejects(withAnySignal(signals, () => Promise.reject(new Error('failed'))));
  assert.deepEqual(listeners(both), [0, 0]);
});

test('calls beside the one that fails are ended with it', async () => {
  const failure = new Error('failed');
  let beside: AbortSignal | undefined;
  const run = withAnySignal([new AbortController().signal], (any) => {
    beside = any;
    return Promise.reject(failure);
  });
  await assert.rejects(run, failure);
  assert.equal(beside?.reason, failure);
});
