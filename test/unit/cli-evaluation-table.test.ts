/** The evaluation of a run in lines for a person. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluationTable } from '../../src/cli/evaluation-table.ts';
import type { ClusterFigures, EvaluationReport } from '../../src/run/evaluation/report.ts';

const AGREEMENT = {
  ...{ nmi: 0.5, nmiArithmetic: 0.49, ari: 0.3, accuracy: 0.6, purity: 0.7 },
  ...{ homogeneity: 0.55, completeness: 0.45 },
};
const CLUSTERS: ClusterFigures = {
  ...{ empty: 2, entropy: 0.9, silhouette: 0.25 },
  agreement: AGREEMENT,
};
const REPORT: EvaluationReport = {
  ...{ runId: 'abc', algorithm: 'deepcluster', architecture: 'small-convnet' },
  ...{ checkpoint: 'step-12', step: 12, engine: 'wasm', data: 'pets', images: 100, unreadable: 3 },
  ...{ classes: 4, representation: 'fc (16)', k: 20, nmiToPrevious: [null, 0.2, 0.3, 0.4] },
  clusters: { trained: CLUSTERS, random: null },
  ownClusters: { ...CLUSTERS, empty: 11 },
  views: {
    ...{ images: 100, sameImage: { trained: 0.5, random: 0.25 } },
    sameCluster: { trained: 0.75, random: null },
    sameClusterByChance: { trained: 0.06, random: null },
  },
  accuracy: {
    ...{ trainImages: 67, testImages: 33 },
    knnTop1: { trained: 0.8125, random: 0.5, pixels: 0.4 },
    linearTop1: { trained: 0.9, random: 0.6, pixels: 0.89 },
    kmeansNmi: { trained: 0.5, random: 0.25, pixels: 0.125 },
    intervals: {
      from: 'test images',
      knnTop1: { trained: 0.13, random: 0.17, pixels: 0.16 },
      linearTop1: { trained: 0.1, random: 0.16, pixels: 0.11 },
      kmeansNmi: { trained: 0.05, random: 0.06, pixels: 0.07 },
    },
    gains: {
      random: {
        knnTop1: { value: 0.3125, interval: 0.2 },
        linearTop1: { value: 0.3, interval: 0.18 },
      },
      pixels: {
        knnTop1: { value: 0.4125, interval: 0.2 },
        linearTop1: { value: 0.01, interval: 0.14 },
      },
    },
    lowShot: [{ fraction: 0.01, labels: 4, trained: 0.4, random: 0.3 }],
    perClass: [
      {
        ...{ perClass: 5, labels: 20, draws: 5 },
        trained: { mean: 0.5, spread: 0.0625 },
        random: { mean: 0.25, spread: 0 },
      },
    ],
    layers: [{ layer: 'conv1', map: [16, 32], dim: 8192, trained: 0.45, random: 0.44 }],
  },
};

/** Cells of the line that begins with a name. */
function lineOf(name: string, report = REPORT): string[] {
  const line = evaluationTable(report).find((text) => text.trim().startsWith(name));
  return (line ?? assert.fail(`no line of ${name}`)).trim().split(/ {2,}/);
}

test('each figure stands beside that of the random network, with what it means', () => {
  const [, trained, random, pixels, meaning] = lineOf('kNN top-1');
  assert.deepEqual([trained, random, pixels], ['81.3 ± 13.0 %', '50.0 ± 17.0 %', '40.0 ± 16.0 %']);
  assert.match(meaning!, /majority/);
  assert.deepEqual(lineOf('conv1').slice(1), [
    ...['45.0 %', '44.0 %', '-'],
    'of its maps, 16 x 16 x 32 averaged to 8192',
  ]);
  assert.deepEqual(lineOf('1 % of labels').slice(1), [
    ...['40.0 %', '30.0 %', '-', 'the same with 4 labels'],
  ]);
  assert.deepEqual(lineOf('5 of each class').slice(1), [
    ...['50.0 ± 6.3 %', '25.0 ± 0.0 %', '-', 'the same with 20 labels, mean and spread of 5 draws'],
  ]);
});

test('the verdict over the untrained network and over raw pixels stands in words below', () => {
  assert.deepEqual(evaluationTable(REPORT).slice(-3), [
    'The trained features are better than the untrained network: kNN +31.3 ± 20.0 points, linear probe +30.0 ± 18.0 points.',
    'The trained features are better than raw pixels by kNN alone: kNN +41.3 ± 20.0 points, linear probe +1.0 ± 14.0 points.',
    '±: intervals of 95 %, from the test images.',
  ]);
  assert.deepEqual(lineOf('k-means NMI').slice(1, 4), [
    ...['0.500 ± 0.050', '0.250 ± 0.060', '0.125 ± 0.070'],
  ]);
});

test('a figure that there is none of is a dash', () => {
  assert.deepEqual(lineOf('ARI').slice(0, 3), ['ARI', '0.300', '-']);
  assert.deepEqual(lineOf('empty clusters').slice(0, 3), ['empty clusters', '2', '-']);
  const none = { trained: null, random: null };
  const unclustered = { ...REPORT, clusters: none, ownClusters: null, nmiToPrevious: [null] };
  assert.deepEqual(lineOf('silhouette', unclustered).slice(0, 3), ['silhouette', '-', '-']);
  assert.equal(lineOf('NMI to epoch before', unclustered)[1], '-');
});

test('the figures stand below each other', () => {
  const lines = evaluationTable(REPORT);
  const first = lines.findIndex((line) => line.startsWith('figure'));
  const table = lines.slice(first, lines.indexOf('', first));
  const width = table[0]!.indexOf('trained') + 'trained'.length;
  for (const line of table) assert.match(line.slice(0, width), /[\d%-]$|trained$/, line);
});

test('the head says which images, and how many of them could not be read', () => {
  const head = evaluationTable(REPORT).slice(0, 3).join('\n');
  assert.match(head, /100 of pets, 3 unreadable, 4 classes, 67 to learn from, 33 to test on/);
  assert.match(head, /abc: deepcluster, small-convnet, step-12 on wasm/);
});

test('without classes there is nothing of classes but a line that says so', () => {
  const bare: ClusterFigures = { ...CLUSTERS, agreement: null };
  const text = evaluationTable({
    ...{ ...REPORT, classes: null, accuracy: null, ownClusters: bare },
    clusters: { trained: bare, random: bare },
  }).join('\n');
  assert.doesNotMatch(text, /kNN|ARI|purity|NMI to classes/);
  assert.match(text, /\nno accuracies: /);
});
