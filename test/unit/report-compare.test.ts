/** Runs side by side: figures, settings that differ, the page and the terminal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparisonJson, comparisonLines } from '../../src/cli/comparison-table.ts';
import {
  comparedFigures,
  differentSettings,
  type ComparedRun,
  type Comparison,
} from '../../src/report/compare/comparison.ts';
import { renderComparison } from '../../src/report/compare/compare-page.ts';
import { shortNames } from '../../src/run/compare/compare-runs.ts';
import { DEMO_SHAPE, madeReport } from '../support/made/report-run.ts';
import { assertWellFormed, textOf } from '../support/oracles/well-formed.ts';

function madeRun(
  name: string,
  settings: Readonly<Record<string, unknown>>,
  epochs = DEMO_SHAPE.epochs,
): ComparedRun {
  const { summary, lossByStep, epochs: rows } = madeReport({ ...DEMO_SHAPE, epochs });
  return {
    ...{ name, summary, lossByStep, epochs: rows },
    ...{ folder: `/runs/${name}`, report: `${name}/report.html` },
    settings: new Map(Object.entries(settings)),
  };
}

function madeComparison(): Comparison {
  const first = madeRun('first', { epochs: 18, seed: 1, 'data.cropArea': [0.3, 1] });
  const second = madeRun('second', { epochs: 9, seed: 1, 'data.cropArea': [0.08, 1] }, 9);
  const better = {
    ...second.summary,
    evaluation: { ...second.summary.evaluation!, knnTop1: 0.95 },
  };
  return {
    runs: [first, { ...second, summary: better }],
    agreement: [
      [1, 0.75],
      [0.75, 1],
    ],
  };
}

test('the better figure is marked, unless none is better than all others', () => {
  const figures = new Map(comparedFigures(madeComparison()).map((figure) => [figure.key, figure]));
  assert.deepEqual(figures.get('knnTop1')?.values, [0.912, 0.95]);
  assert.equal(figures.get('knnTop1')?.best, 1);
  assert.equal(figures.get('linearTop1')?.best, null, 'equal');
  assert.equal(figures.get('epochs')?.best, null, 'more epochs are no better');
});

test('a figure that no run has is left out; one that some have has a gap', () => {
  const { runs, agreement } = madeComparison();
  const without = (run: ComparedRun): ComparedRun => ({
    ...run,
    summary: { ...run.summary, evaluation: null },
  });
  const none = comparedFigures({ runs: runs.map(without), agreement });
  assert.ok(!none.some(({ key }) => key === 'knnTop1'));
  const some = comparedFigures({ runs: [runs[0]!, without(runs[1]!)], agreement });
  assert.deepEqual(some.find(({ key }) => key === 'knnTop1')?.values, [0.912, null]);
});

test('settings are shown where they differ, and where one run has none', () => {
  const { runs } = madeComparison();
  assert.deepEqual(differentSettings(runs), [
    { key: 'epochs', values: ['18', '9'] },
    { key: 'data.cropArea', values: ['[0.3,1]', '[0.08,1]'] },
  ]);
  const further = madeRun('third', { epochs: 18, seed: 1, 'odc.k': 'x' });
  assert.deepEqual(differentSettings([further, { ...runs[0]!, settings: new Map() }]).at(-1), {
    key: 'odc.k',
    values: ['x', '–'],
  });
});

test('the page of a comparison has figures, curves, agreement and settings, and loads nothing', () => {
  const html = renderComparison(madeComparison(), '2026-01-31T23:59:30.000Z');
  assertWellFormed(html);
  const text = textOf(html);
  for (const part of [
    'Comparison of 2 runs',
    'kNN top-1 91.2 % 95.0 %',
    'first 1.000 0.750',
    'data.cropArea [0.3,1] [0.08,1]',
  ]) {
    assert.ok(text.includes(part), part);
  }
  for (const title of [
    'Training loss',
    'Agreement with the epoch before',
    'Agreement with the classes',
  ]) {
    assert.ok(html.includes(`<h3>${title}</h3>`), title);
  }
  assert.equal(html.match(/<path class="line run-[01]"/g)?.length, 6, 'two curves in each chart');
  assert.ok(html.includes('href="first/report.html"'));
  assert.ok(!/<script|\ssrc=/.test(html));
});

test('hostile names in a comparison stay text', () => {
  const evil = '"><script>alert(1)</script>';
  const { runs, agreement } = madeComparison();
  const html = renderComparison({ runs: [{ ...runs[0]!, name: evil }, runs[1]!], agreement }, '');
  assertWellFormed(html);
  assert.ok(!html.includes('<script'));
});

test('the terminal has a column a run, and marks the better figure', () => {
  const lines = comparisonLines(madeComparison());
  assert.match(lines[0]!, /^ +first +second$/);
  assert.ok(lines.some((line) => /^kNN top-1 +91\.2\s% +95\.0\s% \*$/.test(line)));
  assert.ok(lines.some((line) => /^epochs +18 +9$/.test(line)));
  assert.ok(lines.some((line) => /^NMI with first +1\.000 +0\.750$/.test(line)));
  const json = comparisonJson(madeComparison()) as { runs: { figures: Record<string, number> }[] };
  assert.equal(json.runs[1]?.figures['knnTop1'], 0.95);
});

test('runs are named by as much of their paths as tells them apart', () => {
  assert.deepEqual(shortNames(['/a/one', '/a/two/']), ['one', 'two']);
  assert.deepEqual(shortNames(['/a/run', '/b/run']), ['a/run', 'b/run']);
  assert.deepEqual(shortNames(['/a/run', '/a/run']), ['run (1)', 'run (2)']);
});
