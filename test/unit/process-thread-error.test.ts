import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrainerError, exitCodeOf, unavailable } from '../../src/errors.ts';
import { receivedError, sentError } from '../../src/process/thread-error.ts';

const cross = (error: unknown): Error => receivedError(structuredClone(sentError(error)));

test('an error of ours keeps code, message and details from thread to thread', () => {
  const thrown = new TrainerError('DATA_UNREADABLE', 'data pets: no image', { path: 'pets' });
  const error = cross(thrown);
  assert.ok(error instanceof TrainerError);
  const facts = ({ code, message, details }: TrainerError) => ({ code, message, details });
  assert.deepEqual(facts(error), facts(thrown));
  assert.equal(exitCodeOf(cross(unavailable('the server', 'it ended'))), 75);
});

test('another error stays another: nobody takes it for a wrong configuration', () => {
  const error = cross(new RangeError('too long'));
  assert.equal(error.message, 'too long');
  assert.equal(error instanceof TrainerError, false);
  assert.equal(exitCodeOf(error), 1);
  assert.equal(cross('a word').message, 'a word');
});
