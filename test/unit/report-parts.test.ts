/** The parts of the report page: escaping, thinned curves, ticks, numbers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roundAxis, roundStep, shareOf, tightAxis } from '../../src/report/charts/axis.ts';
import { meanBetween, movingMean, thinOut } from '../../src/report/charts/curve.ts';
import { markup } from '../../src/report/markup.ts';
import {
  formatCompact,
  formatCount,
  formatDuration,
  formatFigure,
  formatFixed,
  formatMoment,
  formatPercent,
  formatPoints,
} from '../../src/report/number-format.ts';
import { lcgArray } from '../support/made/lcg.ts';

/** Numbers keep their unit on the same line by a no-break space; expectations are easier to read without. */
function plain(text: string): string {
  return text.replaceAll('\u00A0', ' ');
}

test('text is escaped in a template, markup is not, lists are joined, null is nothing', () => {
  const path = `a&b/<img src=x onerror="alert('1')">.jpg`;
  assert.equal(
    markup`<p title="${path}">${[markup`<b>${'1 < 2'}</b>`, null, ' & ']}</p>`.text,
    '<p title="a&amp;b/&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;.jpg"><b>1 &lt; 2</b> &amp; </p>',
  );
});

test('control characters, which HTML may not hold, are replaced', () => {
  assert.equal(markup`${'a\u0000b\u001Bc\td\n'}`.text, 'a\uFFFDb\uFFFDc\td\n');
});

test('numbers in a template have two decimals and are never NaN', () => {
  assert.equal(markup`${1 / 3} ${-2} ${NaN} ${-Infinity}`.text, '0.33 -2 – –');
});

test('a thinned curve keeps both ends and the extremes, within its limit, in order', () => {
  for (const limit of [4, 5, 100, 2000]) {
    const values = lcgArray(5, 4321);
    values[1234] = 99;
    values[1235] = -99;
    const points = thinOut(values, limit);
    assert.ok(points.length <= limit, `${points.length} points of at most ${limit}`);
    assert.deepEqual(points[0], { x: 0, y: values[0] });
    assert.deepEqual(points.at(-1), { x: 4320, y: values[4320] });
    assert.deepEqual(
      points.filter(({ y }) => Math.abs(y) === 99),
      [
        { x: 1234, y: 99 },
        { x: 1235, y: -99 },
      ],
    );
    for (const [i, { x, y }] of points.entries()) {
      assert.equal(y, values[x]);
      assert.ok(i === 0 || x > points[i - 1]!.x);
    }
  }
});

test('each stretch of a thinned curve reaches from its lowest to its highest value', () => {
  const values = [0, 3, 1, 2, 9, 7, 8, 5, 5, 5, 4]; // limit 8: stretches [3 1 2], [9 7 8], [5 5 5]
  assert.deepEqual(
    thinOut(values, 8).map(({ x }) => x),
    [0, 1, 2, 4, 5, 7, 10],
  );
});

test('a short curve is kept as it is, without what is not finite', () => {
  assert.deepEqual(thinOut([1, NaN, 3], 4), [
    { x: 0, y: 1 },
    { x: 2, y: 3 },
  ]);
  assert.deepEqual(thinOut([NaN, NaN], 4), []);
  assert.deepEqual(thinOut([], 4), []);
});

test('the moving mean is that of the naive loop, and does not reach over a border', () => {
  const values = [...lcgArray(8, 60)];
  values[33] = NaN;
  const borders = [0, 20, 45];
  const radius = 4;
  const means = movingMean(values, radius, borders);
  const stretchOf = (x: number): number => borders.filter((border) => border <= x).length;
  for (let x = 0; x < values.length; x += 1) {
    const near = values.filter(
      (y, i) => Math.abs(i - x) <= radius && stretchOf(i) === stretchOf(x) && !Number.isNaN(y),
    );
    const mean = near.reduce((sum, y) => sum + y, 0) / near.length;
    assert.ok(Math.abs(means[x]! - mean) < 1e-12, `index ${x}: ${means[x]!}, expected ${mean}`);
  }
});

test('the mean of a stretch leaves out what is not finite', () => {
  assert.equal(meanBetween([9, 1, NaN, 3, 9], 1, 4), (1 + 3) / 2);
  assert.ok(Number.isNaN(meanBetween([NaN], 0, 1)));
});

test('a step between ticks is 1, 2 or 5 times a power of ten, and the least that suffices', () => {
  assert.equal(roundStep(10, 5), 2);
  assert.equal(roundStep(10.1, 5), 5);
  assert.equal(roundStep(51, 5), 20);
  assert.ok(Math.abs(roundStep(0.6, 3) - 0.2) < 1e-12);
  for (let span = 1e-6; span < 1e9; span *= 1.37) {
    const step = roundStep(span, 5);
    const mantissa = step / 10 ** Math.floor(Math.log10(step) + 1e-9);
    assert.ok(
      [1, 2, 5].some((m) => Math.abs(mantissa - m) < 1e-6),
      `step ${step} of ${span}`,
    );
    assert.ok(span / step <= 5 + 1e-6 && span / step > 5 / 2.5 - 1e-6, `step ${step} of ${span}`);
  }
});

test('a round axis ends at ticks and covers its range', () => {
  const axis = roundAxis(1.18, 3.93);
  assert.deepEqual(
    axis.ticks.map(({ label }) => label),
    ['1', '2', '3', '4'],
  );
  assert.deepEqual([axis.low, axis.high], [1, 4]);
  const flat = roundAxis(2, 2);
  assert.ok(flat.low <= 2 && flat.high > 2 && flat.ticks.length >= 2);
});

test('a tight axis has its own ends, and the round ticks between', () => {
  const axis = tightAxis(1, 18, { isWhole: true });
  assert.deepEqual([axis.low, axis.high], [1, 18]);
  assert.deepEqual(
    axis.ticks.map(({ at }) => at),
    [5, 10, 15],
  );
  assert.equal(shareOf(axis, 9.5), 0.5);
  assert.deepEqual(
    tightAxis(0, 1).ticks.map(({ label }) => label),
    ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0'],
  );
  assert.deepEqual(
    tightAxis(1, 2, { isWhole: true }).ticks.map(({ at }) => at),
    [1, 2],
  );
});

test('numbers are written as people read them', () => {
  assert.equal(formatCount(1_281_167), '1,281,167');
  assert.equal(formatCount(-1234), '−1,234');
  assert.equal(formatFixed(0.6125, 2), '0.61');
  assert.equal(plain(formatPercent(0.9123)), '91.2 %');
  assert.equal(plain(formatPoints(0.334)), '+33.4 points');
  assert.equal(plain(formatPoints(-0.0271)), '−2.7 points');
  assert.equal(plain(formatPoints(-0.0001)), '0.0 points');
  assert.equal(formatFigure(0.0123456), '0.01235');
  assert.equal(formatFigure(525_278.4), '525,278');
  assert.equal(formatCompact(1500), '1.5k');
  assert.equal(formatCompact(2_000_000), '2M');
  assert.equal(formatMoment('2026-01-31T23:59:30.000Z'), '31 January 2026, 23:59 UTC');
});

test('durations have two units at most and never sixty seconds', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0.42, '0.4 s'],
    [9.96, '10 s'],
    [59.6, '1 min 00 s'],
    [185, '3 min 05 s'],
    [3599.7, '1 h 00 min'],
    [2 * 3600 + 7 * 60, '2 h 07 min'],
    [76 * 3600, '3 d 04 h'],
  ];
  for (const [seconds, text] of cases) assert.equal(plain(formatDuration(seconds)), text);
});

test('what is no number is a dash in every format', () => {
  const formats = [formatCount, formatPercent, formatPoints, formatFigure, formatCompact];
  for (const format of [...formats, formatDuration]) {
    for (const value of [null, undefined, NaN, Infinity]) assert.equal(format(value), '–');
  }
});
