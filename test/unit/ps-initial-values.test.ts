import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialHead, initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { TINY_BODY, tinyLayout } from '../support/made/layouts.ts';

const SEED = 31;
/** Elements of the first variable. */
const WEIGHT = tinyLayout.variables[0]!.size;

test('a normal variable has the mean and the deviation of its rule', () => {
  const weight = initialParameters(tinyLayout, SEED).subarray(0, WEIGHT);
  const mean = weight.reduce((sum, w) => sum + w, 0) / WEIGHT;
  const variance = weight.reduce((sum, w) => sum + (w - mean) ** 2, 0) / (WEIGHT - 1);
  // Five standard errors: std / sqrt(n) of the mean, std / sqrt(2n) of the deviation.
  assert.ok(Math.abs(mean) < (5 * 0.01) / Math.sqrt(WEIGHT));
  assert.ok(Math.abs(Math.sqrt(variance) - 0.01) < (5 * 0.01) / Math.sqrt(2 * WEIGHT));
});

test('constants are constants', () => {
  const parameters = initialParameters(tinyLayout, SEED);
  assert.deepEqual([...parameters.subarray(WEIGHT, TINY_BODY)], [0.25, 0.25, 0.25, 0.25, 0.25]);
  assert.deepEqual([...initialStatistics(tinyLayout)], [0, 0, 1, 1]);
});

test('a variable begins the same whatever else is in the layout', () => {
  const [weight, bias, headWeight, headBias] = tinyLayout.variables;
  const withoutBias = {
    ...tinyLayout,
    variables: [
      weight!,
      { ...headWeight!, offset: WEIGHT },
      { ...headBias!, offset: WEIGHT + headWeight!.size },
    ],
    parameterCount: tinyLayout.parameterCount - bias!.size,
  };
  const all = initialParameters(tinyLayout, SEED);
  const fewer = initialParameters(withoutBias, SEED);
  assert.deepEqual(fewer.subarray(0, WEIGHT), all.subarray(0, WEIGHT));
  assert.deepEqual(fewer.subarray(WEIGHT), all.subarray(TINY_BODY));
});

test('two variables of one rule begin with different values', () => {
  const parameters = initialParameters(tinyLayout, SEED);
  const inDeviations = (begin: number, std: number): number[] =>
    [...parameters.subarray(begin, begin + 20)].map((w) => Math.round((w / std) * 1000));
  assert.notDeepEqual(inDeviations(0, 0.01), inDeviations(TINY_BODY, 0.5));
});

test('the seed decides the parameters', () => {
  assert.deepEqual(initialParameters(tinyLayout, SEED), initialParameters(tinyLayout, SEED));
  assert.notDeepEqual(initialParameters(tinyLayout, SEED), initialParameters(tinyLayout, 32));
});

test('each epoch has a head of its own, and always the same one', () => {
  const head = initialHead(tinyLayout, SEED, 3);
  assert.equal(head.length, tinyLayout.parameterCount - TINY_BODY);
  assert.deepEqual(head, initialHead(tinyLayout, SEED, 3));
  assert.notDeepEqual(head, initialHead(tinyLayout, SEED, 4));
  assert.notDeepEqual(head, initialParameters(tinyLayout, SEED).subarray(TINY_BODY));
  assert.deepEqual([...head.subarray(20)], [0, 0, 0, 0]);
});
