/**
 * Power iteration clustering by plain loops over all pairs of rows, with the bound on the number of
 * clusters: the oracle of the distributed one. Matrices are dense. Shapes: N rows, d columns.
 */

export interface PlainPicOptions {
  /** Clusters at most. */
  readonly k: number;
  readonly neighbours: number;
  readonly sigma: number;
  readonly alpha: number;
  readonly iterations: number;
}

export interface PlainPic {
  /** [N] */
  readonly labels: number[];
  /** Before there were too many. */
  readonly found: number;
  readonly count: number;
  /** Images that the graph leads to no cluster which was kept. */
  readonly apart: number;
  /** [count, d] */
  readonly means: number[];
}

export function clusterPlainly(
  rows: Float32Array,
  dim: number,
  { k, neighbours, sigma, alpha, iterations }: PlainPicOptions,
): PlainPic {
  const count = rows.length / dim;
  const all = Array.from({ length: count }, (_, i) => i);
  const rowOf = (i: number): number[] => [...rows.subarray(i * dim, (i + 1) * dim)];
  const square = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, j) => sum + (value - b[j]!) ** 2, 0);
  const far = all.map((i) => all.map((j) => Math.fround(square(rowOf(i), rowOf(j)))));
  const near = all.map((i) =>
    all
      .filter((j) => j !== i)
      .sort((a, b) => far[i]![a]! - far[i]![b]! || a - b)
      .slice(0, neighbours),
  );
  const affinity = all.map((i) =>
    all.map((j) => (near[i]!.includes(j) ? Math.exp(-far[i]![j]! / sigma ** 2) : 0)),
  );
  const graph = all.map((i) => all.map((j) => affinity[i]![j]! + affinity[j]![i]!));
  let vector = all.map(() => 1 / count);
  for (let step = 0; step < iterations; step += 1) {
    vector = graph.map(
      (weights) =>
        alpha * weights.reduce((sum, weight, j) => sum + weight * vector[j]!, 0) +
        (1 - alpha) / count,
    );
  }
  const total = vector.reduce((sum, value) => sum + value, 0);
  const height = vector.map((value) => value / total);
  const topOf = (i: number): number => {
    const gains = all.map((j) => graph[i]![j]! * (height[j]! - height[i]!));
    const best = Math.max(...gains);
    return best > 0 ? topOf(gains.indexOf(best)) : i;
  };
  const tops = all.map(topOf);
  const labels = numbered(distributed(numbered(tops), near));
  const found = new Set(labels).size;
  const bounded = bound(labels, graph, near, k);
  const apart = bounded.filter((label) => label < 0).length;
  let isLate = bounded.map(() => false);
  if (apart > 0) {
    const means = meansOf(bounded, rowOf);
    isLate = bounded.map((label) => label < 0);
    bounded.forEach((label, i) => {
      if (label >= 0) return;
      const distances = means.map((mean) => square(rowOf(i), mean.map(Math.fround)));
      bounded[i] = distances.indexOf(Math.min(...distances));
    });
  }
  const means = meansOf(bounded, rowOf, isLate);
  return { labels: bounded, found, count: means.length, apart, means: means.flat() };
}

/** The same groups, numbered from 0 in their order. */
function numbered(groups: readonly number[]): number[] {
  const order = [...new Set(groups)].sort((a, b) => a - b);
  return groups.map((group) => order.indexOf(group));
}

function sizeOf(labels: readonly number[], label: number): number {
  return labels.filter((other) => other === label).length;
}

function distributed(labels: readonly number[], near: readonly number[][]): number[] {
  return labels.map((label, i) => {
    if (sizeOf(labels, label) > 1) return label;
    const other = near[i]!.find((j) => sizeOf(labels, labels[j]!) > 1);
    return other === undefined ? label : labels[other]!;
  });
}

/** @returns -1 where no path leads to a cluster that is kept */
function bound(
  labels: readonly number[],
  graph: readonly number[][],
  near: readonly number[][],
  k: number,
): number[] {
  const clusters = [...new Set(labels)].sort(
    (a, b) => sizeOf(labels, b) - sizeOf(labels, a) || a - b,
  );
  const kept = clusters.slice(0, k).sort((a, b) => a - b);
  let now = labels.map((label) => kept.indexOf(label));
  const isEdge = (i: number, j: number): boolean => near[i]!.includes(j) || near[j]!.includes(i);
  for (;;) {
    const before = now;
    now = before.map((label, i) => {
      if (label >= 0) return label;
      const others = before.flatMap((other, j) => (other >= 0 && isEdge(i, j) ? [j] : []));
      others.sort((a, b) => graph[i]![b]! - graph[i]![a]! || a - b);
      return others.length === 0 ? -1 : before[others[0]!]!;
    });
    if (now.every((label, i) => label === before[i])) return now;
  }
}

/** @param isLate images that are added up after the others */
function meansOf(
  labels: readonly number[],
  rowOf: (i: number) => number[],
  isLate: readonly boolean[] = labels.map(() => false),
): number[][] {
  const count = Math.max(...labels) + 1;
  const order = [...labels.keys()].sort((a, b) => Number(isLate[a]) - Number(isLate[b]) || a - b);
  return Array.from({ length: count }, (_, cluster) => {
    const members = order.filter((i) => labels[i] === cluster).map(rowOf);
    const sums = members.reduce((sum, row) => sum.map((value, j) => value + row[j]!));
    return sums.map((value) => value / members.length);
  });
}
