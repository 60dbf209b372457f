/** Labels and features that test/oracle/evaluation.json has the figures of, by the generator of evaluation.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../src/process/package-root.ts';
import { lcgArray } from '../made/lcg.ts';

interface Oracle {
  readonly quality: readonly ({
    readonly count: number;
    readonly k: number;
    readonly c: number;
    readonly agreement: number;
  } & Readonly<Record<string, number>>)[];
  readonly silhouette: readonly (Blobs & { readonly silhouette: number })[];
  readonly classified: readonly (Blobs & {
    readonly test: number;
    readonly neighbours: number;
    readonly knn: number;
    readonly logistic: number;
  })[];
}

interface Blobs {
  readonly count: number;
  readonly dim: number;
  readonly c: number;
  readonly noise: number;
}

export function evaluationOracle(): Oracle {
  const path = join(packageRoot(), 'test', 'oracle', 'evaluation.json');
  return JSON.parse(readFileSync(path, 'utf8')) as Oracle;
}

function labels(seed: number, count: number, groups: number): Int32Array {
  return Int32Array.from(lcgArray(seed, count), (value) => Math.floor(value * groups));
}

/** Clusters that follow the class with some probability. */
export function partitions(made: {
  readonly count: number;
  readonly k: number;
  readonly c: number;
  readonly agreement: number;
}): { clusters: Int32Array; classes: Int32Array } {
  const { count, k, c, agreement } = made;
  const classes = labels(1, count, c);
  const free = labels(2, count, k);
  const follows = lcgArray(3, count);
  return {
    clusters: free.map((own, i) => (follows[i]! < agreement ? classes[i]! % k : own)),
    classes,
  };
}

/** Classes by turns around made centres. */
export function blobs(
  seed: number,
  { count, dim, c, noise }: Blobs,
): { rows: Float32Array; classes: Int32Array } {
  const classes = Int32Array.from({ length: count }, (_, i) => i % c);
  const centres = lcgArray(seed, c * dim);
  const own = lcgArray(seed + 1, count * dim);
  const rows = Float32Array.from(own, (value, i) => {
    const centre = centres[classes[Math.floor(i / dim)]! * dim + (i % dim)]!;
    return centre + noise * value;
  });
  return { rows, classes };
}
