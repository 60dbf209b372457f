/**
 * Whether a run has learnt anything: the verdict by figures alone, and advice that can be taken.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadRunConfig } from '../../src/config/load.ts';
import { packageRoot } from '../../src/process/package-root.ts';
import { learningOf, type LearningFacts } from '../../src/report/learning.ts';
import type { RunEvaluation } from '../../src/report/summary.ts';

const EVALUATION: RunEvaluation = {
  ...{ feature: 'fc (256)', trainImages: 800, testImages: 400, classes: 10 },
  ...{ knnTop1: 0.62, linearTop1: 0.7, randomKnnTop1: 0.4, randomLinearTop1: 0.5 },
};

/** A sound run: the loss is half that of guessing, the features are better than random ones. */
const SOUND: LearningFacts = {
  doSettle: true,
  ...{ finalLoss: Math.log(40) / 2, epochs: 16, steps: 608, images: 1200 },
  clusters: { k: 40, empty: 0, entropy: 0.95 },
  nmi: { toPrevious: [null, 0.4, 0.5, 0.6] },
  evaluation: EVALUATION,
};

function facts(changes: Partial<LearningFacts>): LearningFacts {
  return { ...SOUND, ...changes };
}

function plain(lines: readonly string[]): string {
  return lines.join('\n').replaceAll('\u00A0', ' ');
}

test('a sound run has learnt, and nothing is found or advised', () => {
  assert.deepEqual(learningOf(SOUND), { learnt: true, findings: [], advice: [] });
  const unlabelled = facts({ evaluation: null });
  assert.deepEqual(learningOf(unlabelled), { learnt: true, findings: [], advice: [] });
});

test('a loss within a percent of ln k is guessing, one below it is not', () => {
  // ln 40 = 3.688879; 0.99 of it is 3.651991.
  const guessing = learningOf(facts({ evaluation: null, finalLoss: 3.652 }));
  assert.equal(guessing.learnt, false);
  assert.match(plain(guessing.findings), /3\.652, no better than guessing.*ln 40 = 3\.689/);
  assert.equal(learningOf(facts({ evaluation: null, finalLoss: 3.6519 })).learnt, true);
});

test('guessing is among the clusters that have images', () => {
  const clusters = { k: 40, empty: 10, entropy: 0.9 };
  // ln 30 = 3.401.
  const { learnt, findings } = learningOf(facts({ evaluation: null, clusters, finalLoss: 3.4 }));
  assert.equal(learnt, false);
  assert.match(plain(findings), /one of 30 clusters gives ln 30 = 3\.401/);
});

test('a loss above that of guessing asks for lower learning rates first', () => {
  const { learnt, findings, advice } = learningOf(facts({ evaluation: null, finalLoss: 5 }));
  assert.equal(learnt, false);
  assert.match(plain(findings), /worse than guessing/);
  assert.match(advice[0]!, /^lower training\.learningRate/);
});

test('a loss that is not finite has learnt nothing', () => {
  const { learnt, findings } = learningOf(facts({ finalLoss: NaN }));
  assert.equal(learnt, false);
  assert.match(plain(findings), /diverged/);
});

test('accuracies at or below the random network in both probes mean that nothing was learnt', () => {
  const worse = { ...EVALUATION, knnTop1: 0.4, linearTop1: 0.49 };
  const { learnt, findings } = learningOf(facts({ evaluation: worse }));
  assert.equal(learnt, false);
  assert.match(plain(findings), /kNN has 40\.0 % top-1, no more than the 40\.0 %/);
  assert.match(plain(findings), /the linear probe has 49\.0 % top-1, no more than the 50\.0 %/);
});

const over = (knn: number, linear: number, interval = 0.04) => ({
  knnTop1: { value: knn, interval },
  linearTop1: { value: linear, interval },
});

test('features no better than raw pixels are found so, by how much, and what may help', () => {
  const gains = { random: over(0.1, 0.1), pixels: over(0.04, -0.01) };
  const { learnt, findings, advice } = learningOf(facts({ evaluation: { ...EVALUATION, gains } }));
  assert.equal(learnt, true);
  assert.deepEqual(findings, [
    'the trained features are no better than raw pixels: kNN +4.0 ± 4.0 points, linear probe −1.0 ± 4.0 points',
  ]);
  assert.match(advice[0]!, /--preset small-photos$/);
  assert.match(plain(advice), /--set epochs=32/);
});

test('a run that ends below its initial network by more than the interval has learnt nothing', () => {
  const of = (knn: number, linear: number) => {
    const gains = { random: over(knn, linear), pixels: over(0.1, 0.1) };
    const figures = { randomKnnTop1: 0.62 - knn, randomLinearTop1: 0.7 - linear };
    return learningOf(facts({ evaluation: { ...EVALUATION, ...figures, gains } }));
  };
  const below = of(-0.05, 0.01);
  assert.equal(below.learnt, false);
  assert.match(below.findings[0]!, /worse than the untrained network: kNN −5\.0 ± 4\.0 points/);
  assert.match(below.findings[0]!, /training has made worse$/);
  assert.match(plain(below.advice), /--preset small-photos/);
  // Within the interval: no better, as far as the images tell, and nothing learnt where neither rose.
  assert.match(of(0.03, 0.03).findings[0]!, /no better than the untrained network/);
  assert.equal(of(0.03, 0.03).learnt, true);
  assert.equal(of(-0.01, -0.01).learnt, false);
  // One figure that is better by more than the interval is no finding, nor are both.
  assert.deepEqual(of(0.05, 0.01).findings, []);
  assert.deepEqual(of(0.05, 0.05).findings, []);
});

test('where the random network has every image right, there was nothing to gain', () => {
  const full = { knnTop1: 1, randomKnnTop1: 1, linearTop1: 1, randomLinearTop1: 1 };
  const verdict = learningOf(facts({ evaluation: { ...EVALUATION, ...full } }));
  assert.deepEqual(verdict, { learnt: true, findings: [], advice: [] });
});

test('one probe that is better is something learnt, and the other is found wanting', () => {
  const mixed = { ...EVALUATION, knnTop1: 0.39 };
  const { learnt, findings } = learningOf(facts({ evaluation: mixed }));
  assert.equal(learnt, true);
  assert.equal(findings.length, 1);
});

test('a loss of guessing is contradicted by accuracies only beyond their sampling error', () => {
  // Two standard errors of the difference of 0.5 and 0.5 over 400 images: 2 sqrt(0.5 / 400) =
  // 0.0707.
  const better = (gain: number) => ({ ...EVALUATION, knnTop1: 0.4, linearTop1: 0.5 + gain });
  const at = (gain: number) => learningOf(facts({ finalLoss: 3.68, evaluation: better(gain) }));
  assert.equal(at(0.06).learnt, false);
  assert.equal(at(0.08).learnt, true);
});

test('where k is only a bound, empty clusters are none that is missing', () => {
  // ln 10 / ln 40 = 0.624: ten clusters of one size.
  const of = (entropy: number) =>
    learningOf(facts({ isBound: true, clusters: { k: 40, empty: 30, entropy } }));
  assert.deepEqual(of(0.624).findings, []);
  // 0.3 ln 40 / ln 10 = 0.481.
  assert.match(plain(of(0.3).findings), /filled very unevenly \(entropy 0\.481 of 1\)/);
  assert.equal(of(0.09).learnt, false);
  const small = { isBound: true, images: 200, finalLoss: 5, evaluation: null };
  assert.doesNotMatch(plain(learningOf(facts(small)).advice), /clustering\.k/);
});

test('collapsed clusters mean that nothing was learnt, uneven or empty ones are a remark', () => {
  const of = (empty: number, entropy: number) =>
    learningOf(facts({ clusters: { k: 40, empty, entropy } }));
  assert.equal(of(0, 0.05).learnt, false);
  assert.match(plain(of(0, 0.05).findings), /collapsed/);
  assert.equal(of(0, 0.3).learnt, true);
  assert.match(plain(of(0, 0.3).findings), /unevenly/);
  assert.match(plain(of(11, 0.8).findings), /11 of 40 clusters are empty/);
  assert.deepEqual(of(10, 0.8).findings, []);
});

test('clusters that never change, or do not settle, are a remark', () => {
  const of = (toPrevious: (number | null)[]) => learningOf(facts({ nmi: { toPrevious } }));
  assert.match(plain(of([null, 1, 0.9995]).findings), /does not move/);
  assert.match(plain(of([null, 0.5, 0.45, 0.44]).findings), /0\.440 at the end, 0\.500/);
  assert.deepEqual(of([null, 0.5, 0.4]).findings, []);
  assert.deepEqual(of([null, 0.5]).findings, []);
});

test('clusters that an algorithm makes anew of other views need not settle', () => {
  const nmi = { toPrevious: [null, 0.5, 0.3, 0.32] };
  assert.equal(learningOf(facts({ nmi })).findings.length, 1);
  assert.deepEqual(learningOf(facts({ nmi, doSettle: false })).findings, []);
});

test('a short run is told to go on, one of many clusters for its images to have fewer', () => {
  const short = learningOf(facts({ evaluation: null, finalLoss: 3.68, steps: 100, epochs: 2 }));
  assert.match(short.advice[0]!, /--set epochs=10 /);
  const many = learningOf(
    facts({ finalLoss: 9.2, evaluation: null, clusters: { k: 10_000, empty: 0, entropy: 0.9 } }),
  );
  assert.match(many.advice[0]!, /--set clustering\.k=48 /);
  assert.match(plain(many.advice), /0\.1 images to each/);
});

test('every setting and preset that advice names exists, and takes the value it is given', () => {
  const gains = { random: over(-0.5, -0.5), pixels: over(-0.5, -0.5) };
  const bad = { ...EVALUATION, knnTop1: 0, linearTop1: 0, gains };
  const clusters = { k: 10_000, empty: 5000, entropy: 0.05 };
  const advice = [NaN, 3.69, 9.2, 99].flatMap((finalLoss) =>
    [10, 10_000].flatMap((steps) => [
      ...learningOf(facts({ finalLoss, steps, evaluation: bad })).advice,
      ...learningOf(facts({ finalLoss, steps, clusters, evaluation: bad })).advice,
    ]),
  );
  const text = plain(advice);
  for (const [, key = '', value = ''] of text.matchAll(/--set (\S+)=(\S+)/g)) {
    loadRunConfig({ env: {}, settings: [{ key, value, origin: 'advice' }] });
  }
  const named = new Set(text.match(/\b(training|clustering)\.[A-Za-z]+/g));
  assert.deepEqual([...named].sort(), [
    ...['clustering.k', 'training.batchSize'],
    ...['training.headLearningRate', 'training.learningRate'],
  ]);
  const { config } = loadRunConfig({ env: {}, settings: [] });
  for (const key of named) {
    const [part, name] = key.split('.') as ['training', 'learningRate'];
    assert.ok(name in config[part], key);
  }
  const presets = readdirSync(join(packageRoot(), 'presets'));
  for (const [name] of text.matchAll(/\bsmall-[a-z]+/g)) {
    assert.ok(presets.includes(`${name}.yaml`), name);
  }
});
