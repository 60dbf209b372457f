/** The largest eigenpairs by subspace iteration, against the dense solver and known spectra. */
import assert from 'node:assert/strict';
import { topEigen } from '../../src/engine/clustering/pca/top-eigen.ts';
import { symmetricEigen } from '../../src/math/symmetric-eigen.ts';
import { onEachEngine } from '../support/engines/on-each-engine.ts';
import { lcgArray } from '../support/made/lcg.ts';

const SIZE = 400;

const SPECTRA: Readonly<Record<string, (i: number) => number>> = {
  flat: () => 1,
  slow: (i) => 1 / (1 + 0.01 * i),
  steep: (i) => Math.exp(-i / 8),
  repeated: (i) => 1 / (1 + Math.floor(i / 8)),
  deficient: (i) => (i < 20 ? 2 - i / 20 : 0),
};

interface Solved {
  readonly name: string;
  readonly matrix: Float64Array;
  readonly exact: ReturnType<typeof symmetricEigen>;
}

let solved: readonly Solved[] | null = null;
/** Each spectrum's matrix with its eigenpairs by the dense solver: the same for every engine. */
function solvedSpectra(): readonly Solved[] {
  return (solved ??= Object.entries(SPECTRA).map(([name, valueOf]) => {
    const matrix = matrixWith(Array.from({ length: SIZE }, (_, i) => valueOf(i)));
    return { name, matrix, exact: symmetricEigen(matrix, SIZE) };
  }));
}

onEachEngine(
  'top eigenpairs are those of the dense solver: flat, slow, steep, repeated and deficient spectra',
  (_kernels, { run, multiply }) => {
    const [n, wanted] = [SIZE, 24];
    for (const { name, matrix, exact: theirs } of solvedSpectra()) {
      const ours = run(() => topEigen(multiply, matrix, n, wanted));
      assert.equal(ours.method, 'subspace', `${name}: ${ours.failure ?? ''}`);
      assert.ok(ours.residual <= 2e-6, name);
      for (let i = 0; i < wanted; i += 1) {
        assert.ok(Math.abs(ours.values[i]! - theirs.values[i]!) < 1e-9, `${name}: value ${i}`);
        for (let j = 0; j <= i; j += 1) {
          let dot = 0;
          for (let c = 0; c < n; c += 1) dot += ours.vectors[i * n + c]! * ours.vectors[j * n + c]!;
          assert.ok(Math.abs(dot - (i === j ? 1 : 0)) < 1e-9, `${name}: vectors ${i} and ${j}`);
        }
      }
    }
  },
);

/** The same matrix for every engine. */
let falling: Float64Array | null = null;

onEachEngine(
  'a spectrum that falls as 1 / i, as that of features does, needs no dense solver',
  (_kernels, { run, multiply }) => {
    const [n, wanted] = [640, 80];
    const matrix = (falling ??= matrixWith(Array.from({ length: n }, (_, i) => 1 / (1 + i))));
    const found = run(() => topEigen(multiply, matrix, n, wanted));
    assert.equal(found.method, 'subspace', found.failure ?? '');
    for (let i = 0; i < wanted; i += 1) {
      assert.ok(Math.abs(found.values[i]! * (1 + i) - 1) < 1e-6, `value ${i}`);
    }
  },
);

onEachEngine(
  'an iteration that does not reach its tolerance gives way to the dense solver, and says so',
  (_kernels, { run, multiply }) => {
    const { matrix } = solvedSpectra().find(({ name }) => name === 'slow')!;
    const found = run(() => topEigen(multiply, matrix, SIZE, 10, { tolerance: 1e-18 }));
    assert.equal(found.method, 'dense');
    assert.match(found.failure ?? '', /residual/);
    assert.ok(Math.abs(found.values[0]! - 1) < 1e-12);
  },
);

/** A symmetric matrix with these eigenvalues: reflected four times. */
function matrixWith(values: readonly number[]): Float64Array {
  const n = values.length;
  const basis = new Float64Array(n * n);
  for (let i = 0; i < n; i += 1) basis[i * n + i] = 1;
  for (let r = 0; r < 4; r += 1) {
    const u = lcgArray(60 + r, n).map((value) => value - 0.5);
    const squares = u.reduce((sum, value) => sum + value * value, 0);
    for (let i = 0; i < n; i += 1) {
      let dot = 0;
      for (let j = 0; j < n; j += 1) dot += basis[i * n + j]! * u[j]!;
      for (let j = 0; j < n; j += 1) basis[i * n + j]! -= ((2 * dot) / squares) * u[j]!;
    }
  }
  const matrix = new Float64Array(n * n);
  values.forEach((value, v) => {
    for (let i = 0; i < n; i += 1) {
      const factor = value * basis[v * n + i]!;
      for (let j = 0; j < n; j += 1) matrix[i * n + j]! += factor * basis[v * n + j]!;
    }
  });
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j < i; j += 1) matrix[i * n + j] = matrix[j * n + i]!;
  }
  return matrix;
}
