import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawEpochSamples, type EpochDraw } from '../../src/clustering/sampler.ts';
import { seededRng } from '../../src/math/rng.ts';

/** Pseudo-labels of images that lie cluster by cluster: sizes [2, 1] are 0, 0, 1. */
function labelsOfSizes(sizes: readonly number[]): Int32Array {
  return Int32Array.from(sizes.flatMap((size, c) => new Array<number>(size).fill(c)));
}

function draw(options: Partial<EpochDraw> & Pick<EpochDraw, 'labels' | 'k'>): Int32Array {
  const { length } = options.labels;
  return drawEpochSamples({ length, rng: seededRng('draw'), mode: 'uniform', ...options });
}

/** Share of each label among `rounds` epochs of draws. */
function shares(rounds: number, options: Parameters<typeof draw>[0]): number[] {
  const rng = seededRng('shares');
  const counts = new Array<number>(options.k).fill(0);
  for (let i = 0; i < rounds; i += 1) {
    for (const id of draw({ ...options, rng })) counts[options.labels[id]!]! += 1;
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}

/** Within 5 standard errors of a share's estimate from independent draws. */
function assertShares(actual: readonly number[], expected: readonly number[], draws: number): void {
  expected.forEach((share, c) => {
    const error = 5 * Math.sqrt((share * (1 - share)) / draws);
    assert.ok(
      Math.abs(actual[c]! - share) <= error,
      `cluster ${c}: ${actual[c]}, expected ${share} +- ${error}`,
    );
  });
}

test('T8: clusters of 50, 30, 20 and 0 images are drawn equally often, with the expected variety', () => {
  const labels = labelsOfSizes([50, 30, 20, 0]);
  const rng = seededRng('T8');
  const trials = 2000;
  const drawn = [0, 0, 0, 0];
  const distinct = [0, 0, 0, 0];
  for (let trial = 0; trial < trials; trial += 1) {
    const ids = draw({ labels, k: 4, rng });
    assert.equal(ids.length, 100);
    for (const id of ids) drawn[labels[id]!]! += 1;
    for (const id of new Set(ids)) distinct[labels[id]!]! += 1;
  }
  // Of 3 * 34 = 102 draws, two are cut off: the count of a cluster is 34 less a hypergeometric of variance below 2 * 2 / 9.
  const error = 5 * Math.sqrt(4 / 9 / trials);
  for (const c of [0, 1, 2]) assert.ok(Math.abs(drawn[c]! / trials - 100 / 3) < error);
  assert.equal(drawn[3], 0);
  // 100 draws of the 102 leave each draw out with probability 2 / 102; the spec's figures have two decimals.
  [33.31, 20.3, 16.4].forEach((expected, c) => {
    assert.ok(Math.abs(distinct[c]! / trials - expected) < 0.25, `${distinct[c]! / trials}`);
  });
  assert.equal(distinct[0], drawn[0], 'no image of the large cluster comes twice in an epoch');
});

test('T16: an epoch of ImageNet takes 129 images of each of 10,000 clusters, 1,282 of each of 1,000', () => {
  // s = floor(1,281,167 / K) + 1; with so many clusters, one of them keeps all of its s when the surplus is cut off.
  for (const [k, share] of [
    [10_000, 129],
    [1000, 1282],
  ] as const) {
    const labels = Int32Array.from({ length: 1_281_167 }, (_, id) => id % k);
    const counts = new Int32Array(k);
    for (const id of draw({ labels, k })) counts[labels[id]!]! += 1;
    assert.equal(Math.max(...counts), share);
  }
});

test('a cluster is drawn with replacement exactly where it holds no more than its share', () => {
  // Two clusters, 8 draws: s = 8 / 2 + 1 = 5.
  const repeats = (size: number): boolean => {
    const labels = labelsOfSizes([size, 50]);
    const rng = seededRng('repeats', size);
    return Array.from({ length: 200 }, () => draw({ labels, k: 2, length: 8, rng })).some((ids) => {
      const own = ids.filter((id) => id < size);
      return new Set(own).size < own.length;
    });
  };
  assert.equal(repeats(5), true);
  assert.equal(repeats(6), false);
});

test('every image of a cluster is drawn equally often', () => {
  const labels = labelsOfSizes([12, 3]);
  const rng = seededRng('members');
  const counts = new Array<number>(15).fill(0);
  const rounds = 3000;
  for (let i = 0; i < rounds; i += 1) {
    for (const id of draw({ labels, k: 2, length: 10, rng })) counts[id]! += 1;
  }
  assertShares(
    counts.map((count) => count / (10 * rounds)),
    [...new Array<number>(12).fill(1 / 24), ...new Array<number>(3).fill(1 / 6)],
    10 * rounds,
  );
});

test('every position of the epoch sees every cluster alike', () => {
  const labels = labelsOfSizes([5, 5]);
  const rng = seededRng('positions');
  const rounds = 2000;
  const zeros = new Array<number>(10).fill(0);
  for (let i = 0; i < rounds; i += 1) {
    draw({ labels, k: 2, rng }).forEach((id, at) => (zeros[at]! += labels[id] === 0 ? 1 : 0));
  }
  for (const count of zeros) assertShares([count / rounds], [1 / 2], rounds);
});

test('images without a feature are never drawn, in either mode', () => {
  const labels = Int32Array.of(-1, 0, 1, -1, 1, 2, -1);
  for (const mode of ['uniform', 'reference'] as const) {
    const ids = draw({ labels, k: 3, length: 300, mode });
    assert.equal(ids.length, 300);
    assert.deepEqual(new Set(ids), new Set([1, 2, 4, 5]));
  }
});

test('the same randomness gives the same epoch', () => {
  const labels = labelsOfSizes([7, 2, 4]);
  const epoch = (seed: number): number[] => [...draw({ labels, k: 3, rng: seededRng(seed) })];
  assert.deepEqual(epoch(1), epoch(1));
  assert.notDeepEqual(epoch(1), epoch(2));
});

test('the longest and shortest epochs have the length that was asked for', () => {
  const labels = labelsOfSizes([3, 1]);
  for (const length of [0, 1, 2, 401]) assert.equal(draw({ labels, k: 2, length }).length, length);
  const few = draw({ labels: labelsOfSizes(new Array<number>(10).fill(3)), k: 10, length: 4 });
  assert.equal(new Set(few.map((id) => Math.floor(id / 3))).size, 4, 'one image of each of four');
  assert.equal(draw({ labels: Int32Array.of(-1, -1), k: 2 }).length, 0, 'nothing to draw from');
});

/** T8: lists {1, 3, 5, 7, 9}, {0}, {2, 4, 6, 8}. */
const ODD_AND_EVEN = Int32Array.of(1, 0, 2, 0, 2, 0, 2, 0, 2, 0);

test('T8: in reference mode, labels come in the released code’s proportions', () => {
  // Sorted by cluster the images are 1 3 5 7 9 | 0 | 2 4 6 8. Rank 0, drawn with 1/3, is position 0: label 0. Ranks 1 3 5 7 9,
  // with 1/15 each, have labels 0 0 1 2 2; ranks 2 4 6 8, with 1/12 each, have labels 0 0 2 2.
  const expected = [1 / 3 + 2 / 15 + 2 / 12, 1 / 15, 2 / 15 + 2 / 12];
  [0.63333, 0.06667, 0.3].forEach((oracle, c) => {
    assert.ok(Math.abs(expected[c]! - oracle) < 1e-5);
  });
  const options = { labels: ODD_AND_EVEN, k: 3 };
  const rounds = 6000;
  assertShares(shares(rounds, { ...options, mode: 'reference' }), expected, 10 * rounds);
  assertShares(shares(rounds, options), [1 / 3, 1 / 3, 1 / 3], 10 * rounds);
});

test('in reference mode, positions are ranks among the labelled images', () => {
  // Images 1, 4, 7, ... are those of the odd-and-even example; the others cannot be read.
  const labels = Int32Array.from([...ODD_AND_EVEN].flatMap((label) => [-1, label, -1]));
  const options = { k: 3, length: 50, mode: 'reference' } as const;
  assert.deepEqual(
    draw({ labels, ...options }),
    draw({ labels: ODD_AND_EVEN, ...options }).map((id) => 3 * id + 1),
  );
});

test('in reference mode, clusters that ids tell nothing about are drawn by their size', () => {
  const rng = seededRng('sizes');
  const labels = Int32Array.from({ length: 4000 }, () => Math.min(rng.integer(20), 9));
  const actual = shares(5, { labels, k: 10, mode: 'reference' });
  // Cluster 9 holds 11 of 20: uniform draws would give it a tenth.
  assert.ok(Math.abs(actual[9]! - 11 / 20) < 0.05, `${actual[9]}`);
});
