import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knnTop1, type KnnSet } from '../../src/evaluation/knn.ts';
import { multiplyTransposed } from '../../src/math/matrix.ts';
import { seededRng } from '../../src/math/rng.ts';

/** Share of right answers by sorting all similarities of each test row. */
function knnBruteForce({ train, trainLabels, test: rows, testLabels, dim, k }: KnnSet): number {
  const rowOf = (features: Float32Array, i: number): number[] => [
    ...features.subarray(i * dim, (i + 1) * dim),
  ];
  const dot = (x: number[], y: number[]): number => x.reduce((sum, v, j) => sum + v * y[j]!, 0);
  let right = 0;
  testLabels.forEach((label, i) => {
    const x = rowOf(rows, i);
    const neighbours = [...trainLabels]
      .map((own, row) => {
        const y = rowOf(train, row);
        return { own, row, similarity: dot(x, y) / (Math.sqrt(dot(x, x) * dot(y, y)) || 1) };
      })
      .sort((a, b) => b.similarity - a.similarity || a.row - b.row)
      .slice(0, k);
    const votesFor = (own: number): number => neighbours.filter((n) => n.own === own).length;
    // A stable sort: between equal votes the nearest neighbour's class stays in front.
    const winner = neighbours.map(({ own }) => own).sort((a, b) => votesFor(b) - votesFor(a))[0]!;
    if (winner === label) right += 1;
  });
  return right / testLabels.length;
}

/** Gaussian classes around random centres. */
function madeSet(n: number, m: number, dim: number, classes: number, noise: number): KnnSet {
  const rng = seededRng('knn', n, m, dim);
  const centres = Float64Array.from({ length: classes * dim }, () => rng.normal());
  const labelsOf = (count: number): Int32Array =>
    Int32Array.from({ length: count }, () => rng.integer(classes));
  const featuresOf = (labels: Int32Array): Float32Array =>
    Float32Array.from(
      { length: labels.length * dim },
      (_, i) => centres[labels[Math.floor(i / dim)]! * dim + (i % dim)]! + noise * rng.normal(),
    );
  const trainLabels = labelsOf(n);
  const testLabels = labelsOf(m);
  const [train, held] = [featuresOf(trainLabels), featuresOf(testLabels)];
  return { train, trainLabels, test: held, testLabels, dim, classes, k: 5 };
}

/** One test row at angle 0 among training rows at these angles, in degrees. */
function atAngles(angles: readonly number[], labels: readonly number[], k: number): KnnSet {
  const train = angles.flatMap((angle, i) => {
    // Lengths differ: the cosine ignores them.
    const length = 1 + i;
    const radians = (angle * Math.PI) / 180;
    return [length * Math.cos(radians), length * Math.sin(radians)];
  });
  return {
    train: Float32Array.from(train),
    trainLabels: Int32Array.from(labels),
    test: Float32Array.of(3, 0),
    testLabels: Int32Array.of(1),
    dim: 2,
    classes: 3,
    k,
  };
}

test('kNN agrees with sorting all similarities, at sizes that fill blocks and tiles and ones that do not', () => {
  for (const [n, m, dim, k] of [
    [192, 128, 8, 5],
    [131, 67, 9, 20],
    [3, 1, 1, 2],
    [65, 130, 3, 1],
  ] as const) {
    const set = { ...madeSet(n, m, dim, 6, 1.2), k };
    assert.equal(knnTop1(set), knnBruteForce(set));
  }
});

test('separable classes are all right, shuffled labels about chance', () => {
  const set = madeSet(300, 1500, 16, 5, 0.2);
  assert.equal(knnTop1(set), 1);
  const rng = seededRng('shuffled');
  const trainLabels = set.trainLabels.map(() => rng.integer(5));
  const testLabels = set.testLabels.map(() => rng.integer(5));
  // 5 standard errors of 1,500 independent answers.
  const error = 5 * Math.sqrt((0.2 * 0.8) / 1500);
  assert.ok(Math.abs(knnTop1({ ...set, trainLabels, testLabels }) - 0.2) < error);
});

test('two farther neighbours outvote a nearer one; one against one, the nearer wins', () => {
  assert.equal(knnTop1(atAngles([0, 30, -40], [1, 0, 0], 3)), 0);
  assert.equal(knnTop1(atAngles([0, 30, -40], [1, 0, 0], 2)), 1);
  assert.equal(knnTop1(atAngles([10, 20, 30, 40], [0, 1, 1, 0], 4)), 0);
});

test('only the k nearest vote, and k is lowered to what there is', () => {
  const set = atAngles([5, 6, 40, 41], [1, 1, 2, 2], 2);
  assert.equal(knnTop1({ ...set, trainLabels: Int32Array.of(0, 1, 1, 1), k: 1 }), 0);
  assert.equal(knnTop1({ ...set, k: 1000 }), 1);
});

test('equal similarities go to the lower row', () => {
  assert.equal(knnTop1(atAngles([0, 0], [2, 1], 2)), 0);
  assert.equal(knnTop1(atAngles([0, 0], [1, 0], 2)), 1);
  assert.equal(knnTop1(atAngles([0, 0, 0], [1, 2, 2], 1)), 1, 'the first of three equals');
  // Two at 45 degrees come first, two at 0 after them: of the former, the third neighbour is the one of the lower row.
  const pairs = Float32Array.of(1, 1, 1, 1, 1, 0, 1, 0);
  const vote = (...labels: number[]): number =>
    knnTop1({ ...atAngles([0, 0, 0, 0], labels, 3), train: pairs });
  assert.equal(vote(1, 0, 1, 0), 1);
  assert.equal(vote(0, 1, 0, 1), 0);
});

test('a row of zeros is similar to nothing, and not a number that breaks the vote', () => {
  const set = atAngles([170, 0, 10], [0, 1, 1], 3);
  assert.equal(knnTop1({ ...set, test: new Float32Array(2) }), 1, 'two of three votes at 0');
  const train = set.train.slice();
  train.fill(0, 0, 2);
  assert.equal(knnTop1({ ...set, train, k: 1 }), 1);
});

test('nothing to learn from or to test on scores 0; wrong shapes and broken features are refused', () => {
  const set = madeSet(10, 4, 2, 2, 1);
  const none = { features: new Float32Array(0), labels: new Int32Array(0) };
  assert.equal(knnTop1({ ...set, train: none.features, trainLabels: none.labels }), 0);
  assert.equal(knnTop1({ ...set, test: none.features, testLabels: none.labels }), 0);
  assert.throws(() => knnTop1({ ...set, dim: 3 }), /training features: expected shape \[10, 3\]/);
  const train = set.train.slice();
  train[7] = NaN;
  assert.throws(() => knnTop1({ ...set, train }), /training features, row 3: .* got NaN/);
});

test('row products are the plain sums, whatever the tile they fall in', () => {
  const rng = seededRng('products');
  for (const [aRows, bRows, width] of [
    [1, 1, 1],
    [2, 4, 3],
    [5, 7, 6],
    [4, 3, 0],
  ] as const) {
    const a = Float64Array.from({ length: aRows * width }, () => rng.normal());
    const b = Float64Array.from({ length: bRows * width }, () => rng.normal());
    const out = new Float64Array(aRows * bRows).fill(NaN);
    multiplyTransposed(a, aRows, b, bRows, width, out);
    out.forEach((value, at) => {
      const [i, j] = [Math.floor(at / bRows), at % bRows];
      let sum = 0;
      for (let t = 0; t < width; t += 1) sum += a[i * width + t]! * b[j * width + t]!;
      assert.equal(value, sum, 'the same order of summation: the same bits');
    });
  }
});
