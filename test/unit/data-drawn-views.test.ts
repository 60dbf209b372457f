import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawnViews } from '../../src/data/loader/drawn-views.ts';

const draws = { ids: Int32Array.of(7, 3, 7), occurrences: Int32Array.of(0, 0, 1) };

test('one view of each draw is the draw', () => {
  assert.deepEqual(drawnViews(draws, 1), draws);
});

test('several views lie one behind the other, and no two of an image are the same', () => {
  assert.deepEqual(drawnViews(draws, 2), {
    ids: Int32Array.of(7, 7, 3, 3, 7, 7),
    occurrences: Int32Array.of(0, 1, 0, 1, 2, 3),
  });
});
