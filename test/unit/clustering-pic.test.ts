/**
 * Power iteration clustering beside SciPy's sparse matrices (test/oracle/pic.json), beside sums written
 * out, and by laws: neighbours of all rows whatever the blocks, components that stay apart.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { blocksOf } from '../../coordinator/clustering/shared-rows.ts';
import { FLOAT64_KERNELS } from '../../src/clustering/kernels.ts';
import { affinityGraph, type NeighbourTable } from '../../src/clustering/pic/affinity-graph.ts';
import { boundClusters, distributeSingletons } from '../../src/clustering/pic/cluster-changes.ts';
import { ClusterMeans } from '../../src/clustering/pic/cluster-means.ts';
import { NO_NEIGHBOUR, NeighbourLists } from '../../src/clustering/pic/neighbour-lists.ts';
import { nearestRows, type RowsOfImages } from '../../src/clustering/pic/nearest-rows.ts';
import {
  climb,
  isFixed,
  normalised,
  powerStep,
  uniformVector,
} from '../../src/clustering/pic/power-iteration.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import { onEachEngine } from '../support/engines/on-each-engine.ts';
import { lcgArray } from '../support/made/lcg.ts';

interface Case {
  readonly rows: number[][];
  readonly most: number;
  readonly sigma: number;
  readonly alpha: number;
  readonly neighbours: number[][];
  readonly distances: number[][];
  readonly rowSums: number[];
  readonly entries: number;
  readonly vector: number[];
  readonly labels: number[];
  readonly distributed: number[];
}

const { cases } = JSON.parse(readFileSync('test/oracle/pic.json', 'utf8')) as { cases: Case[] };

/** Rows with ids from `first` on. */
function imagesOf(rows: ArrayLike<number>, dim: number, first = 0): RowsOfImages {
  const count = rows.length / dim;
  const ids = Int32Array.from({ length: count }, (_, i) => first + i);
  return { ids, rows: Float32Array.from(rows) };
}

function part({ ids, rows }: RowsOfImages, dim: number, begin: number, end: number): RowsOfImages {
  return { ids: ids.slice(begin, end), rows: rows.slice(begin * dim, end * dim) };
}

function tableOf({ neighbours, distances, most }: Case): NeighbourTable {
  return {
    most,
    neighbours: Int32Array.from(neighbours.flat()),
    distances: Float32Array.from(distances.flat()),
  };
}

/** A table of lists, nearest first; distances go up by 0.01 from 0.01 on. */
function handMade(lists: readonly (readonly number[])[], most: number): NeighbourTable {
  const padded = lists.map((list) =>
    Array.from({ length: most }, (_, i) => list[i] ?? NO_NEIGHBOUR),
  );
  const distances = padded.map((list) => list.map((_, i) => 0.01 * (i + 1)));
  return {
    most,
    neighbours: Int32Array.from(padded.flat()),
    distances: Float32Array.from(distances.flat()),
  };
}

for (const [i, known] of cases.entries()) {
  test(`case ${i}: neighbours, graph, vector and clusters are those of SciPy`, () => {
    const { most, sigma, alpha } = known;
    const dim = known.rows[0]!.length;
    const images = imagesOf(known.rows.flat(), dim);
    const lists = nearestRows(images, images, dim, most);
    assert.deepEqual([...lists.ids], known.neighbours.flat());
    assert.deepEqual([...lists.distances], known.distances.flat());

    const table = tableOf(known);
    const graph = affinityGraph(table, sigma);
    assert.equal(graph.columns.length, known.entries);
    known.rowSums.forEach((expected, row) => {
      const sum = graph.weights
        .subarray(graph.starts[row], graph.starts[row + 1])
        .reduce((total, weight) => total + weight, 0);
      // Sums of at most some dozens of positive numbers, exponentials within an ulp or two.
      assert.ok(Math.abs(sum - expected) <= 1e-14 * expected, `row ${row}: ${sum}, ${expected}`);
    });

    let vector = uniformVector(graph.count);
    for (let step = 0; step < 200; step += 1) vector = powerStep(graph, vector, alpha);
    vector = normalised(vector);
    known.vector.forEach((expected, row) => {
      // A few roundings of numbers near 1 / N.
      assert.ok(Math.abs(vector[row]! - expected) <= 2e-15, `row ${row}`);
    });
    const labels = climb(graph, vector);
    assert.deepEqual([...labels], known.labels);
    const { labels: distributed, moved } = distributeSingletons(labels, table);
    assert.deepEqual([...distributed], known.distributed);
    const changed = labels.filter((label, row) => {
      const isAlone = known.labels.filter((other) => other === label).length === 1;
      const joined = known.distributed.filter((other) => other === known.distributed[row]);
      return isAlone && joined.length > 1;
    });
    assert.equal(moved, changed.length);
  });
}

test('a step that changes nothing is followed by none that does', () => {
  const graph = affinityGraph(tableOf(cases[0]!), 0.2);
  let vector = uniformVector(graph.count);
  let steps = 0;
  for (; steps < 200; steps += 1) {
    const next = powerStep(graph, vector, 0.001);
    if (isFixed(vector, next)) break;
    vector = next;
  }
  assert.ok(steps < 20, `${steps} steps: each takes two or three digits`);
  assert.deepEqual(powerStep(graph, vector, 0.001), vector);
});

test('the row itself is told by its id, of equal distances the lower id comes first', () => {
  const images: RowsOfImages = {
    ids: Int32Array.of(7, 3, 9, 1),
    rows: Float32Array.of(1, 0, 1, 0, 0, 1, 1, 0),
  };
  const { ids, distances } = nearestRows(images, images, 2, 4);
  const list = (row: number): number[] => [...ids.subarray(4 * row, 4 * row + 4)];
  assert.deepEqual(list(0), [1, 3, 9, NO_NEIGHBOUR]);
  assert.deepEqual(list(1), [1, 7, 9, NO_NEIGHBOUR]);
  assert.deepEqual(list(2), [1, 3, 7, NO_NEIGHBOUR]);
  assert.deepEqual([...distances.subarray(0, 4)], [0, 0, 2, Infinity]);
});

/** Unit rows among which some are the same. */
function mixedRows(count: number, dim: number, seed: number): RowsOfImages {
  const numbers = lcgArray(seed, count * dim);
  const rows = Array.from({ length: count }, (_, i) => {
    const from = i % 7 === 3 ? i - 3 : i;
    const row = Array.from({ length: dim }, (_, j) => numbers[from * dim + j]! - 0.5);
    const length = Math.hypot(...row);
    return row.map((value) => value / length);
  });
  return imagesOf(rows.flat(), dim, 5);
}

/** All pairs, sorted. */
function bruteForce({ ids, rows }: RowsOfImages, dim: number, most: number): number[] {
  const squareOf = (a: number, b: number): number => {
    let sum = 0;
    for (let j = 0; j < dim; j += 1) sum += (rows[a * dim + j]! - rows[b * dim + j]!) ** 2;
    return Math.fround(sum);
  };
  return [...ids.keys()].flatMap((a) => {
    const others = [...ids.keys()].filter((b) => b !== a);
    others.sort((b, c) => squareOf(a, b) - squareOf(a, c) || ids[b]! - ids[c]!);
    return others.slice(0, most).map((b) => ids[b]!);
  });
}

test('lists of blocks, merged in any order, are those of all pairs', () => {
  const [dim, most] = [9, 4];
  const images = mixedRows(61, dim, 3);
  const expected = bruteForce(images, dim, most);
  for (const cuts of [
    [0, 61],
    [0, 1, 20, 61],
    [0, 30, 31, 32, 61],
  ]) {
    const blocks = cuts.slice(1).map((end, i) => part(images, dim, cuts[i]!, end));
    for (const order of [blocks, blocks.toReversed()]) {
      const merged = new NeighbourLists(61, most);
      for (const block of order) {
        const found = nearestRows(images, block, dim, most);
        images.ids.forEach((_id, row) => {
          merged.merge(row, found, row);
        });
      }
      assert.deepEqual([...merged.ids], expected, cuts.join());
    }
  }
});

onEachEngine('nearest rows are those of float64, bit for bit, over shapes', (kernels) => {
  // Rows around a block of 1024, with repeated ones, so that ties and distances of 0 are among them.
  const shapes = [
    [1, 3, 5],
    [30, 1, 3],
    [500, 17, 5],
    [1025, 5, 6],
  ] as const;
  for (const [count, dim, most] of shapes) {
    const images = mixedRows(count, dim, 100 + count);
    const own = part(images, dim, Math.floor(count / 3), count);
    const ours = kernels.nearestRows(own, images, dim, most);
    const theirs = FLOAT64_KERNELS.nearestRows(own, images, dim, most);
    assert.deepEqual(ours.ids, theirs.ids, `${count} x ${dim}`);
    assert.deepEqual(ours.distances, theirs.distances, `${count} x ${dim}`);
  }
  const far = imagesOf(
    Float32Array.from(lcgArray(9, 300 * 8), (value) => 4000 + value),
    8,
  );
  assert.deepEqual(kernels.nearestRows(far, far, 8, 5), nearestRows(far, far, 8, 5));
});

test('mutual neighbours have twice the weight, and the graph is symmetric', () => {
  const { starts, columns, weights } = affinityGraph(handMade([[1], [0, 2], []], 2), 0.1);
  const [one, two] = [0.01, 0.02].map((d) => Math.exp(-Math.fround(d) / 0.1 ** 2));
  assert.deepEqual([...starts], [0, 1, 3, 4]);
  assert.deepEqual([...columns], [1, 0, 2, 1]);
  assert.deepEqual([...weights], [2 * one!, 2 * one!, two!, two!]);
});

test('an image climbs to the neighbour with the most gain, of equal ones the lower', () => {
  const graph = affinityGraph(handMade([[1], [], [], [1, 2], [], [4]], 2), 1);
  // 3 has equal gains to 1 and 2 but for the weights; 5 and 4 are as high as each other.
  assert.deepEqual([...climb(graph, Float64Array.of(1, 3, 3, 1, 2, 2))], [0, 0, 1, 0, 2, 3]);
  const even = { ...graph, weights: graph.weights.map(() => 1) };
  assert.deepEqual([...climb(even, Float64Array.of(1, 3, 3, 1, 2, 2))], [0, 0, 1, 0, 2, 3]);
});

test('singletons join the first neighbour whose cluster had more images', () => {
  const lists = [[1], [0], [3, 0], [2, 4], [5, 3], [4], [7], [6]];
  const labels = Int32Array.of(0, 0, 1, 2, 3, 3, 4, 5);
  const { labels: joined, count, moved } = distributeSingletons(labels, handMade(lists, 2));
  // 2 has 3, a singleton, first, and 0; 3 has 2, a singleton, and 4; 6 and 7 have each other.
  assert.deepEqual([...joined], [0, 0, 0, 1, 1, 1, 2, 3]);
  assert.deepEqual([count, moved], [4, 2]);
});

test('no cluster has images of two components of the graph', () => {
  for (const known of cases) {
    const table = tableOf(known);
    const graph = affinityGraph(table, known.sigma);
    const component = Int32Array.from({ length: graph.count }, (_, i) => i);
    for (let hasChanged = true; hasChanged;) {
      hasChanged = false;
      for (let row = 0; row < graph.count; row += 1) {
        for (let at = graph.starts[row]!; at < graph.starts[row + 1]!; at += 1) {
          const other = component[graph.columns[at]!]!;
          if (other >= component[row]!) continue;
          component[row] = other;
          hasChanged = true;
        }
      }
    }
    const labels = climb(graph, Float64Array.from(known.vector));
    const { labels: joined, count } = distributeSingletons(labels, table);
    for (let k = 1; k <= count; k += 1) {
      const bounded = boundClusters(graph, { labels: joined, count }, k);
      const found = new Map<number, number>();
      bounded.labels.forEach((label, i) => {
        if (label < 0) return;
        assert.equal(found.get(label) ?? component[i], component[i], `${k}: cluster ${label}`);
        found.set(label, component[i]!);
      });
    }
  }
});

test('of too many clusters the largest stay, and the others follow the graph', () => {
  // A chain 0-1-2-3-4-5-6-7, and the pair 8-9 apart; 3 has 4 nearer than 2.
  const lists = [[1], [2], [1], [4, 2], [5], [6], [7], [6], [9], [8]];
  const graph = affinityGraph(handMade(lists, 2), 0.2);
  const labels = Int32Array.of(0, 1, 2, 3, 4, 4, 4, 4, 5, 5);
  const three = boundClusters(graph, { labels, count: 6 }, 3);
  // Of those of one image 0 is the first. 1 joins it, 3 joins 4; then 2, which with 1 has the
  // weight 2 exp(-0.25), and with 3 exp(-0.5), joins 1.
  assert.deepEqual([...three.labels], [0, 0, 0, 1, 1, 1, 1, 1, 2, 2]);
  assert.deepEqual([three.count, three.dissolved, three.moved], [3, 3, 3]);
  const one = boundClusters(graph, { labels, count: 6 }, 1);
  assert.deepEqual([...one.labels], [0, 0, 0, 0, 0, 0, 0, 0, -1, -1]);
  const all = boundClusters(graph, { labels, count: 6 }, 6);
  assert.deepEqual([all.labels, all.dissolved], [labels, 0]);
});

test('means and inertia are those of the rows, whatever the blocks', () => {
  const dim = 3;
  const images = mixedRows(40, dim, 8);
  const labelOf = (id: number): number => (id === 11 ? -1 : id % 4);
  const whole = new ClusterMeans(4);
  whole.add(images, labelOf);
  const cut = new ClusterMeans(4);
  for (const [begin, end] of [
    [0, 13],
    [13, 13],
    [13, 40],
  ] as const) {
    cut.add(part(images, dim, begin, end), labelOf);
  }
  const means = whole.means();
  assert.deepEqual(cut.means(), means);
  let inertia = 0;
  for (let c = 0; c < 4; c += 1) {
    const members = [...images.ids.keys()].filter((i) => labelOf(images.ids[i]!) === c);
    for (let j = 0; j < dim; j += 1) {
      const values = members.map((i) => images.rows[i * dim + j]!);
      const mean = values.reduce((sum, value) => sum + value, 0) / members.length;
      assert.equal(means[c * dim + j], Math.fround(mean));
      inertia += values.reduce((sum, value) => sum + (value - means[c * dim + j]!) ** 2, 0);
    }
  }
  assert.ok(Math.abs(whole.inertia(means) - inertia) < 1e-12);
});

test('blocks have data shards in order, as many rows as fit, and at least one shard', () => {
  const rows = [1_000, 0, 3_000, 4_097, 9_000, 10, 20];
  // 2 ** 25 bytes are 4,096 rows of 2,048 float32.
  const blocks = blocksOf([0, 1, 2, 3, 4, 5, 6], (shard) => rows[shard]!, 2_048);
  assert.deepEqual(blocks, [[0, 1, 2], [3], [4], [5, 6]]);
});

test('deepcluster alone takes pic', () => {
  const clustering = { method: 'pic' };
  assert.equal(runConfigSchema().parse({ clustering }).clustering.pic.neighbours, 5);
  const refused = runConfigSchema().safeParse({
    algorithm: 'odc',
    model: { neck: 'odc' },
    clustering,
  });
  assert.deepEqual(
    refused.error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`),
    ['clustering.method must be kmeans for algorithm odc'],
  );
});
