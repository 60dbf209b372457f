import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mt19937, seededRng, shuffleInPlace } from '../../src/math/rng.ts';

const uint32s = (count: number, ...parts: (string | number)[]): number[] => {
  const rng = seededRng(...parts);
  return Array.from({ length: count }, () => rng.uint32());
};

test('the Mersenne Twister gives the reference outputs', () => {
  // Oracle T6 of the spec, made with the reference implementation; and the standard's own check of std::mt19937.
  const generator = new Mt19937(1234);
  const outputs = Array.from({ length: 5 }, () => generator.uint32());
  assert.deepEqual(outputs, [822569775, 2137449171, 2671936806, 3512589365, 1880026316]);
  const standard = new Mt19937(5489);
  for (let i = 1; i < 10_000; i += 1) standard.uint32();
  assert.equal(standard.uint32(), 4_123_659_995, 'the 10,000th: 17 blocks in');
});

test('equal parts name the same stream, any other part another', () => {
  const stream = uint32s(8, 31, 'view', 2, 7);
  assert.deepEqual(uint32s(8, 31, 'view', 2, 7), stream);
  const others = [
    uint32s(8, 32, 'view', 2, 7),
    uint32s(8, 31, 'views', 2, 7),
    uint32s(8, 31, 'view', 2, 8),
    uint32s(8, 31, 'view', 27),
    uint32s(8, 31, 'view', '2', 7),
    uint32s(8, 31, 'view', 2, 7, 0),
    // Their codes differ in the high byte only: 0x75 and 0x175.
    uint32s(8, 'u'),
    uint32s(8, '\u0175'),
  ];
  assert.equal(new Set([stream, ...others].map((values) => values.join(' '))).size, 9);
});

test('a stream keeps its numbers from release to release', () => {
  // From a transcription of the sources into Python's big integers, whose xoshiro128** gives 11520, 0, 5927040, 70819200 for
  // the state 1, 2, 3, 4. Other numbers here would change every run, and a resumed one in its middle.
  assert.deepEqual(uint32s(4, 31, 'view', 2, 7), [1929470534, 4249900233, 469462461, 1911174745]);
});

test('the first numbers of neighbouring streams are as independent as those of one stream', () => {
  const count = 20_000;
  const first = Array.from({ length: count }, (_, id) => seededRng(31, 'view', 0, id).float());
  assertUniform(first);
  let product = 0;
  for (let i = 1; i < count; i += 1) product += (first[i]! - 0.5) * (first[i - 1]! - 0.5);
  // Each product has variance 1 / 144; 5 standard errors.
  assert.ok(Math.abs(product / count) < 5 / (12 * Math.sqrt(count)), `correlated: ${product}`);
});

test('floats are uniform on [0, 1) in mean, variance and each tenth', () => {
  const rng = seededRng('floats');
  assertUniform(Array.from({ length: 20_000 }, () => rng.float()));
});

function assertUniform(values: readonly number[]): void {
  const n = values.length;
  assert.ok(values.every((value) => value >= 0 && value < 1));
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / n;
  // Standard errors: sqrt(1/12 / n), and sqrt((1/80 - 1/144) / n) = sqrt(1/180 / n); 5 of each.
  assert.ok(Math.abs(mean - 1 / 2) < 5 * Math.sqrt(1 / 12 / n), `mean ${mean}`);
  assert.ok(Math.abs(variance - 1 / 12) < 5 * Math.sqrt(1 / 180 / n), `variance ${variance}`);
  const tenths = new Array<number>(10).fill(0);
  for (const value of values) tenths[Math.floor(value * 10)]! += 1;
  assertEvenly(tenths);
}

/** Chi-squared of equal shares, against 5 standard deviations above its mean. */
function assertEvenly(counts: readonly number[]): void {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = counts.length - 1;
  assert.ok(chi < freedom + 5 * Math.sqrt(2 * freedom), `chi-squared ${chi}: ${counts.join(' ')}`);
}

test('normals have mean 0, variance 1 and fourth moment 3', () => {
  const rng = seededRng('normals');
  const n = 40_000;
  const values = Array.from({ length: n }, () => rng.normal());
  const moment = (power: number): number =>
    values.reduce((sum, value) => sum + value ** power, 0) / n;
  // Variances of z, z^2, z^3, z^4: 1, 2, 15, 96.
  [0, 1, 0, 3].forEach((expected, i) => {
    const error = Math.sqrt([1, 2, 15, 96][i]! / n);
    assert.ok(Math.abs(moment(i + 1) - expected) < 5 * error, `moment ${i + 1}: ${moment(i + 1)}`);
  });
  const pairs = values.filter((_, i) => i % 2 === 0);
  const product = pairs.reduce((sum, value, i) => sum + value * values[2 * i + 1]!, 0);
  assert.ok(
    Math.abs(product / pairs.length) < 5 / Math.sqrt(pairs.length),
    'the two of a pair are independent',
  );
});

test('integers below n are equally likely, also where n does not divide 2^32', () => {
  const rng = seededRng('integers');
  const counts = new Array<number>(7).fill(0);
  for (let i = 0; i < 21_000; i += 1) counts[rng.integer(7)]! += 1;
  assertEvenly(counts);
  // Of 2^32 values, 3 * 2^30 takes the first once each and must refuse the last quarter; a plain remainder would give the
  // lowest third of them twice the weight.
  const thirds = [0, 0, 0];
  for (let i = 0; i < 9000; i += 1) thirds[Math.floor(rng.integer(3 * 2 ** 30) / 2 ** 30)]! += 1;
  assertEvenly(thirds);
});

test('integers below 1 and below 2^32 are defined', () => {
  const rng = seededRng('edges');
  assert.equal(rng.integer(1), 0);
  const wide = Array.from({ length: 64 }, () => rng.integer(2 ** 32));
  assert.ok(wide.some((value) => value >= 2 ** 31) && wide.every((value) => value < 2 ** 32));
});

test('a shuffle makes every order equally likely', () => {
  const rng = seededRng('shuffle');
  const orders = new Map<string, number>();
  for (let i = 0; i < 12_000; i += 1) {
    const values = [0, 1, 2, 3];
    shuffleInPlace(values, rng);
    orders.set(values.join(''), (orders.get(values.join('')) ?? 0) + 1);
  }
  assert.equal(orders.size, 4 * 3 * 2);
  assertEvenly([...orders.values()]);
});
