/** `deepcluster eval` on real runs: the figures that the run itself found, classes or none, and clear words. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { train } from '../../src/api.ts';
import { makeImages } from '../../src/data/made/made-images.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import type { EvaluationReport } from '../../src/run/evaluation/report.ts';
import { ranCli, type Ran } from '../support/runs/cli-run.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';

const CLASSES = 4;
const PER_CLASS = 36;
const IMAGES = CLASSES * PER_CLASS;
const folder = temporaryFolder();
const at = (name: string): string => join(folder.path, name);
const data = at('images');

/** One data shard: its sums are those of a clustering in one piece, to the bit. */
const SETTINGS = {
  ...{ epochs: 2, 'cluster.engine': 'wasm', 'cluster.workers': 1, 'data.shardSize': 1000 },
  ...{ 'data.imageSize': 32, 'data.resizeRatio': 1, 'data.cropArea': '[0.3, 1]' },
  ...{ 'model.architecture': 'small-convnet', 'model.width': 4, 'model.featureDim': 16 },
  ...{ 'clustering.k': 6, 'clustering.pcaDim': 8 },
  ...{ 'training.batchSize': 24, 'training.sliceSize': 24, 'evaluation.repeats': 2 },
};
let summary: RunSummary;

before(async () => {
  await makeImages({ out: data, classes: CLASSES, perClass: PER_CLASS, size: 32, seed: 1 });
  cpSync(join(data, readdirSync(data)[0]!), at('flat'), { recursive: true });
  ({ summary } = await train({ data, out: at('run'), settings: SETTINGS }));
});
after(() => {
  folder.remove();
});

function evalCli(name: string, images: string, ...flags: string[]): Promise<Ran> {
  return ranCli(['eval', '--run', at(name), '--data', images, '--engine', 'wasm', ...flags]);
}

async function evaluated(...args: [string, string, ...string[]]): Promise<EvaluationReport> {
  const ran = await evalCli(...args, '--json');
  assert.equal(ran.code, 0, ran.stderr);
  return JSON.parse(ran.stdout) as EvaluationReport;
}

/** What a call says that ends with 42. */
async function refusal(...args: [string, string, ...string[]]): Promise<string> {
  const ran = await evalCli(...args);
  assert.equal(ran.code, 42, ran.stderr);
  assert.equal(ran.stdout, '');
  assert.match(ran.stderr, /^(features .*\n)?deepcluster: .*\n$/);
  return ran.stderr;
}

test('the accuracies on the images of a run are those that the run ended with', async () => {
  const out = at('report.json');
  const report = await evaluated('run', data, '--layers', 'all', '--out', out);
  assert.deepEqual(JSON.parse(readFileSync(out, 'utf8')), report);
  const { accuracy, images, classes, nmiToPrevious } = report;
  const { knnTop1, linearTop1, trainImages, testImages } = accuracy!;
  const { evaluation } = summary;
  assert.deepEqual([images, classes], [IMAGES, CLASSES]);
  assert.deepEqual(
    { trainImages, testImages, knnTop1: knnTop1.trained, linearTop1: linearTop1.trained },
    {
      ...{ trainImages: evaluation!.trainImages, testImages: evaluation!.testImages },
      ...{ knnTop1: evaluation!.knnTop1, linearTop1: evaluation!.linearTop1 },
    },
  );
  assert.equal(knnTop1.random, evaluation!.randomKnnTop1);
  assert.equal(linearTop1.random, evaluation!.randomLinearTop1);
  assert.equal(knnTop1.pixels, evaluation!.pixelsKnnTop1);
  assert.equal(linearTop1.pixels, evaluation!.pixelsLinearTop1);
  assert.equal(accuracy!.kmeansNmi.trained, evaluation!.kmeansNmi);
  assert.deepEqual(accuracy!.intervals, evaluation!.intervals);
  assert.deepEqual(accuracy!.gains, evaluation!.gains);
  assert.deepEqual(nmiToPrevious, summary.nmi.toPrevious);
  assert.deepEqual(
    accuracy!.layers.map(({ layer, dim }) => [layer, dim]),
    [
      ...[
        ['conv1', 1024],
        ['conv2', 512],
        ['conv3', 256],
        ['conv4', 64],
      ],
    ],
  );
  // A hundredth and a tenth of 96 images, one of each of the classes at least.
  assert.deepEqual(
    accuracy!.lowShot.map(({ labels }) => labels),
    [4, 8],
  );
  const rates = [...accuracy!.layers, ...accuracy!.lowShot].flatMap((row) => [
    row.trained,
    row.random,
  ]);
  assert.ok(rates.every((rate) => 0 <= rate && rate <= 1));
});

test('the images are clustered anew as the next epoch of the run clusters them', async () => {
  cpSync(at('run'), at('longer'), { recursive: true });
  const { clusters, ownClusters } = await evaluated('run', data, '--layers', 'none');
  const next = await train({ data, out: at('longer'), resume: true, settings: { epochs: 3 } });
  const { nmi } = next.summary;
  const found = clusters.trained!.agreement!.nmi;
  assert.ok(Math.abs(found - nmi.toTruth![2]!) < 1e-9, `${found}, the run has ${nmi.toTruth![2]}`);
  assert.ok(ownClusters !== null && ownClusters.agreement!.nmi >= 0);
});

test('images without classes are evaluated by their clusters and views alone', async () => {
  const ran = await evalCli('run', at('flat'));
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /view finds its image +\d+\.\d % +\d+\.\d %/);
  assert.match(ran.stdout, /no accuracies: there are no class sub-folders/);
  assert.doesNotMatch(ran.stdout, /kNN|NMI to classes/);
  const report = await evaluated('run', at('flat'), '--max-images', '20');
  assert.deepEqual([report.images, report.classes, report.accuracy], [20, null, null]);
  assert.equal(report.views.images, 20);
});

test('layers without classes are refused, and left out as the message says they are not missed', async () => {
  const said = await refusal('run', at('flat'), '--layers', 'conv1');
  assert.match(said, /has no class sub-folders .*or leave --layers out/);
  await evaluated('run', at('flat'));
});

test('images of each class are drawn as many as were asked for, or what there is too little of is named', async () => {
  const flags = ['--layers', 'none', '--per-class'];
  const { accuracy } = await evaluated('run', data, ...flags, '1, 5');
  assert.deepEqual(
    accuracy!.perClass.map(({ perClass, labels, draws }) => [perClass, labels, draws]),
    [
      [1, CLASSES, 5],
      [5, 5 * CLASSES, 5],
    ],
  );
  for (const { trained, random } of accuracy!.perClass) {
    for (const { mean, spread } of [trained, random]) {
      assert.ok(0 <= mean && mean <= 1 && 0 <= spread && spread < 0.5);
    }
  }
  const ran = await evalCli('run', data, ...flags, '1');
  assert.match(ran.stdout, /^ *1 of each class +\d+\.\d ± \d+\.\d % .* mean and spread of 5/m);

  // A third of 36 is held out.
  const said = await refusal('run', data, ...flags, '1,25');
  assert.match(said, /class \S+ has 24 to learn from, and 25 of each class are asked for/);
  const fewest = /lower --per-class to (\d+)/.exec(said)![1]!;
  const most = await evaluated('run', data, ...flags, fewest);
  assert.equal(most.accuracy!.perClass[0]!.labels, 24 * CLASSES);
  assert.deepEqual((await evaluated('run', data, '--layers', 'none')).accuracy!.perClass, []);
  assert.match(await refusal('run', at('flat'), '--per-class', '1'), /or leave --per-class out/);
  assert.equal((await evalCli('run', data, '--per-class', '1,0')).code, 2);
});

test('a layer that the network has not is refused with those that it has', async () => {
  const said = await refusal('run', data, '--layers', 'conv1,fc7');
  const names = /must be of (.*), got "fc7" \(from --layers\)/.exec(said)![1]!.split(', ');
  assert.deepEqual(names, ['conv1', 'conv2', 'conv3', 'conv4']);
  const { accuracy } = await evaluated('run', data, '--layers', names.at(-1)!);
  assert.equal(accuracy!.layers.length, 1);
});

test('folders without a run, a checkpoint or images are refused in a line', async () => {
  assert.match(await refusal('nowhere', data), /holds no run/);
  cpSync(at('run'), at('fresh'), { recursive: true });
  rmSync(join(at('fresh'), 'checkpoints'), { recursive: true });
  assert.match(await refusal('fresh', data), /has no checkpoint yet/);
  mkdirSync(at('empty'));
  assert.match(await refusal('run', at('empty')), /found none|no image/);
  const beyond = join(at('nowhere'), 'report.json');
  assert.match(
    await refusal('run', data, '--out', beyond),
    /its folder is not there; name a file in a folder/,
  );
});

test('images of which none can be read are refused, and others are evaluated', async () => {
  mkdirSync(at('broken'));
  writeFileSync(join(at('broken'), 'a.png'), 'no image');
  const said = await refusal('run', at('broken'));
  assert.match(said, /no image can be read; name others with --data/);
  cpSync(join(at('flat'), readdirSync(at('flat'))[0]!), join(at('broken'), 'b.png'));
  const { images, unreadable, clusters } = await evaluated('run', at('broken'));
  assert.deepEqual([images, unreadable], [1, 1]);
  // One image has nothing to be told apart from.
  assert.equal(clusters.trained, null);
});

test("a run of ODC is evaluated by what lies before its neck, and clustered by the neck's output", async () => {
  const settings = { ...SETTINGS, algorithm: 'odc', 'model.neck': 'odc', 'model.neckHidden': 16 };
  const odc = await train({
    ...{ data, out: at('odc') },
    settings: { ...settings, 'model.neckDim': 8, 'odc.smallClusterSize': 2 },
  });
  const { accuracy, representation, ownClusters } = await evaluated(
    'odc',
    data,
    '--layers',
    'none',
  );
  assert.equal(representation, 'pooled (16)');
  assert.equal(accuracy!.knnTop1.trained, odc.summary.evaluation!.knnTop1);
  assert.equal(accuracy!.linearTop1.random, odc.summary.evaluation!.randomLinearTop1);
  assert.ok(ownClusters !== null);
});
