/** The tables of a run's clusters: what they hold is recomputed here by hand and by naive loops. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { seededRng } from '../../src/math/rng.ts';
import {
  writeClusterSummary,
  writeClustersCsv,
  writeClustersParquet,
  type ClusterTables,
} from '../../src/run/cluster-tables.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';

const folder = temporaryFolder();
after(() => {
  folder.remove();
});
const file = (name: string): string => join(folder.path, name);

/** 7 images on a line and two centroids beside it, at 0 and 10; the third cluster has no image. */
const POSITIONS = [1, -2, 0.5, 9, 12, 10.25, NaN];
const PATHS = ['a.jpg', 'b "c", d.jpg', 'caf\u{DCE9}.jpg', 'x/1.jpg', 'x/2.jpg', 'x/3.jpg', 'bad'];
const CENTROIDS = [0, 10, 30];

function lineTables(): ClusterTables {
  const distanceTo = (centroid: number): Float32Array =>
    Float32Array.from(POSITIONS, (x) => Math.abs(x - centroid));
  const clusters = Int32Array.of(0, 0, 0, 1, 1, 1, -1);
  const [to0, to10] = [distanceTo(0), distanceTo(10)];
  return {
    source: { path: (id) => PATHS[id]! },
    clusters,
    pseudoLabels: Int32Array.of(2, 0, -1, 1, 1, 0, -1),
    k: 3,
    final: {
      details: {
        distances: Float32Array.from(clusters, (c, i) => (c === 0 ? to0[i]! : to10[i]!)),
        seconds: Int32Array.of(1, 1, 1, 0, 0, 0, -1),
        secondDistances: Float32Array.from(clusters, (c, i) => (c === 0 ? to10[i]! : to0[i]!)),
      },
      centroids: { values: Float32Array.from(CENTROIDS), clusters: 3, dim: 1 },
      metric: 'distance',
    },
  };
}

test('clusters.csv has a row for each image that could be read, its path as people are shown it', async () => {
  await writeClustersCsv(file('clusters.csv'), lineTables());
  assert.equal(
    readFileSync(file('clusters.csv'), 'utf8'),
    [
      'path,cluster,distance,second,secondDistance',
      'a.jpg,0,1,1,9',
      '"b ""c"", d.jpg",0,2,1,12',
      'caf\\xe9.jpg,0,0.5,1,9.5',
      'x/1.jpg,1,1,0,9',
      'x/2.jpg,1,2,0,12',
      'x/3.jpg,1,0.25,0,10.25',
      '',
    ].join('\n'),
  );
});

test('clusters.parquet has the same rows, and the pseudo-labels that were trained on', async () => {
  await writeClustersParquet(file('clusters.parquet'), lineTables());
  const rows = await parquetReadObjects({
    file: await asyncBufferFromFile(file('clusters.parquet')),
  });
  assert.deepEqual(rows.slice(1, 4), [
    {
      path: 'b "c", d.jpg',
      cluster: 0,
      distance: 2,
      second: 1,
      secondDistance: 12,
      trainedOn: 0,
    },
    {
      path: 'caf\\xe9.jpg',
      cluster: 0,
      distance: 0.5,
      second: 1,
      secondDistance: 9.5,
      trainedOn: null,
    },
    { path: 'x/1.jpg', cluster: 1, distance: 1, second: 0, secondDistance: 9, trainedOn: 1 },
  ]);
  assert.equal(rows.length, 6);
});

test('a cluster is summed up by its size, its medoid, its mean distance and its neighbour', async () => {
  await writeClusterSummary(file('summary.csv'), lineTables());
  assert.equal(
    readFileSync(file('summary.csv'), 'utf8'),
    [
      'cluster,size,medoid,meanDistance,nearest',
      `0,3,caf\\xe9.jpg,${Math.fround((1 + 2 + 0.5) / 3).toPrecision(8)},1`,
      `1,3,x/3.jpg,${Math.fround((1 + 2 + 0.25) / 3).toPrecision(8)},0`,
      '2,0,,,1',
      '',
    ].join('\n'),
  );
});

test('the medoid has the least sum of squared distances to the members of its cluster', async () => {
  const rng = seededRng('medoids');
  const [n, k, dim] = [240, 7, 3];
  const rows = Float32Array.from({ length: n * dim }, () => rng.float());
  const clusters = Int32Array.from({ length: n }, (_, i) => i % k);
  const row = (i: number): number[] => [...rows.subarray(i * dim, (i + 1) * dim)];
  const square = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, j) => sum + (value - b[j]!) ** 2, 0);
  const members = (c: number): number[] => [...clusters.keys()].filter((i) => clusters[i] === c);
  const means = Array.from({ length: k }, (_, c) => {
    const own = members(c).map(row);
    return Array.from({ length: dim }, (_, j) => own.reduce((s, r) => s + r[j]!, 0) / own.length);
  });
  const tables: ClusterTables = {
    ...{ source: { path: String }, clusters, pseudoLabels: clusters, k },
    final: {
      details: {
        distances: Float32Array.from(clusters, (c, i) => Math.sqrt(square(row(i), means[c]!))),
        seconds: new Int32Array(n),
        secondDistances: new Float32Array(n),
      },
      centroids: { values: Float32Array.from(means.flat()), clusters: k, dim },
      metric: 'distance',
    },
  };
  await writeClusterSummary(file('medoids.csv'), tables);
  const lines: Record<string, string>[] = parse(readFileSync(file('medoids.csv')), {
    columns: true,
  });
  lines.forEach(({ medoid, nearest }, c) => {
    const own = members(c);
    const spread = (i: number): number => own.reduce((sum, j) => sum + square(row(i), row(j)), 0);
    const best = own.reduce((least, i) => (spread(i) < spread(least) ? i : least));
    assert.equal(medoid, String(best));
    const others = [...means.keys()].filter((other) => other !== c);
    const near = others.reduce((least, other) =>
      square(means[c]!, means[other]!) < square(means[c]!, means[least]!) ? other : least,
    );
    assert.equal(nearest, String(near));
  });
});

test('where a run has no final clusters, the tables have those of training and no distances', async () => {
  const tables = { ...lineTables(), final: null };
  await writeClustersCsv(file('none.csv'), tables);
  assert.equal(readFileSync(file('none.csv'), 'utf8').split('\n')[1], 'a.jpg,0,,,');
  await writeClusterSummary(file('none-summary.csv'), tables);
  assert.deepEqual(readFileSync(file('none-summary.csv'), 'utf8').split('\n').slice(1), [
    '0,3,,,',
    '1,3,,,',
    '2,0,,,',
    '',
  ]);
});

test('tables of many images are written in parts, and a stop ends them', async () => {
  const n = 140_000; // more than two row groups
  const clusters = new Int32Array(n);
  const tables: ClusterTables = {
    ...{ source: { path: (id) => `image-${id}.jpg` }, clusters, pseudoLabels: clusters, k: 1 },
    final: null,
  };
  await writeClustersParquet(file('many.parquet'), tables);
  const buffer = await asyncBufferFromFile(file('many.parquet'));
  const rows = await parquetReadObjects({ file: buffer, rowStart: n - 1, rowEnd: n });
  assert.equal(rows[0]!['path'], `image-${n - 1}.jpg`);
  await writeClustersCsv(file('many.csv'), tables);
  const text = readFileSync(file('many.csv'), 'utf8');
  assert.equal(text.split('\n').length, n + 2);
  const stopped = AbortSignal.abort(new Error('stopped'));
  for (const write of [writeClustersCsv, writeClustersParquet, writeClusterSummary]) {
    const isFinal = write === writeClusterSummary ? lineTables() : tables;
    await assert.rejects(write(file('stopped'), isFinal, stopped), { message: /stopped|abort/ });
  }
});
