/**
 * `deepcluster export`: each format of a run's network, read back by who loads such files; the card's words in JavaScript;
 * what is refused. The runs are small, with real networks on the wasm engine.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { decodeSafetensors, type NamedArrays } from '../../src/arrays/safetensors.ts';
import { decodeModel } from '../../src/export/onnx/schema.ts';
import type { Exported } from '../../src/export/export-run.ts';
import { fromPytorch, type PytorchArrays } from '../../src/nn/pytorch-names.ts';
import { packageRoot } from '../../src/process/package-root.ts';
import { openRun } from '../../src/run/open-run.ts';
import { ranCli } from '../support/runs/cli-run.ts';
import { placeForRuns } from '../support/runs/in-process-run.ts';
import { runCommand } from '../support/runs/launched-run.ts';
import { networkOf, runNetwork } from '../support/runs/network-run.ts';

const { data, out, folder } = await placeForRuns(30);
const NECK = { neck: 'odc', neckHidden: 12, neckDim: 8, neckBatchNormMomentum: 0.1 } as const;
const [deepcluster, odc] = [out('deepcluster'), out('odc')];

before(async () => {
  await runNetwork({ data, out: deepcluster });
  const settings = { algorithm: 'odc', 'odc.smallClusterSize': 2 };
  await runNetwork({ data, out: odc, model: { ...NECK, sobel: false }, settings });
});

const at = (name: string): string => join(folder, name);

async function exported(run: string, to: string, ...flags: string[]): Promise<Exported> {
  const path = flags.includes('--out') ? [] : ['--out', at(`${run === odc ? 'odc' : 'dc'}.${to}`)];
  const words = ['export', '--run', run, '--to', to, ...path, '--engine', 'wasm', '--json'];
  const ran = await ranCli([...words, ...flags]);
  assert.equal(ran.code, 0, ran.stderr);
  return JSON.parse(ran.stdout) as Exported;
}

async function refused(code: number, ...args: string[]): Promise<string> {
  const ran = await ranCli(['export', '--engine', 'wasm', ...args]);
  assert.equal(ran.code, code, ran.stderr);
  assert.equal(ran.stdout, '');
  return ran.stderr.trimEnd();
}

function arraysIn(path: string): NamedArrays {
  return decodeSafetensors(readFileSync(path)).arrays;
}

test('safetensors has the run arrays by the names of PyTorch, the head and clusters only where asked for', async () => {
  const plain = await exported(deepcluster, 'safetensors');
  const names = Object.keys(arraysIn(plain.out));
  assert.ok(names.includes('features.0.weight') && names.includes('classifier.1.bias'));
  assert.deepEqual(
    names.filter((name) => /^(top_layer|centroids|whitening)/.test(name)),
    [],
  );
  const full = await exported(deepcluster, 'safetensors', '--clusters', '--head', '--force');
  const arrays = arraysIn(full.out);
  const run = await openRun(deepcluster);
  const { layers, layout } = networkOf();
  const { parameters, statistics } = fromPytorch({ layers, layout }, arrays as PytorchArrays);
  assert.deepEqual(parameters, run.parameters);
  assert.deepEqual(statistics, run.statistics);
  assert.deepEqual(arrays['centroids'], { data: run.centroids!.values, shape: [4, 5] });
  assert.deepEqual(arrays['whitening.components']!.data, run.whitening!.components);
  const { metadata } = decodeSafetensors(readFileSync(full.out));
  const { format, runId, architecture, step, imageSize } = metadata;
  assert.deepEqual(
    { format, runId, architecture, step, imageSize },
    {
      ...{ format: 'pt', runId: run.runId, architecture: 'small-convnet' },
      ...{ step: String(run.step), imageSize: '32' },
    },
  );
  assert.equal(full.readBack.difference, null);
});

for (const to of ['onnx', 'savedmodel', 'tfjs']) {
  test(`${to}: features, clusters and logits of both algorithms are those of the engine`, async () => {
    for (const run of [deepcluster, odc]) {
      const { outputs, readBack, card } = await exported(run, to, '--clusters', '--head');
      const dim = run === odc ? 16 : 8;
      assert.deepEqual(
        outputs.map(({ name, shape }) => [name, ...shape]),
        [['features', dim], ['cluster'], ['distance'], ['logits', 4]],
      );
      // Float32's rounding through some ten layers; the command itself refuses more than 1e-4.
      assert.ok(readBack.difference !== null && readBack.difference < 1e-5, readBack.says);
      assert.match(readFileSync(card, 'utf8'), /^## Outputs$/m);
    }
  });
}

test('without flags the features are the only output, and the head and the neck are left out', async () => {
  const { outputs, out: path } = await exported(odc, 'onnx', '--out', at('bare.onnx'));
  assert.deepEqual(
    outputs.map(({ name }) => name),
    ['features'],
  );
  const names = decodeModel(readFileSync(path)).graph.initializer.map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => /^(neck|head|centroids)/.test(name)),
    [],
  );
});

test('a sample has the images and what the engine makes of them', async () => {
  const sample = at('sample.safetensors');
  await exported(deepcluster, 'onnx', '--clusters', '--out', at('s.onnx'), '--sample', sample);
  const arrays = arraysIn(sample);
  const shapes = Object.entries(arrays).map(([name, { shape }]) => [name, ...shape]);
  assert.deepEqual(shapes.sort(), [
    ['cluster', 4],
    ['distance', 4],
    ['features', 4, 8],
    ['images', 4, 32, 32, 3],
  ]);
});

test('without onnxruntime-web the arrays of an ONNX export are compared, and the command says that the graph was not run', async () => {
  const hidden = import.meta.resolve('../support/doubles/without-onnxruntime.mjs');
  const path = at('unseen.onnx');
  const words = ['export', '--run', deepcluster, '--to', 'onnx', '--out', path, '--head'];
  const { code, stdout, stderr } = await runCommand(words, { NODE_OPTIONS: `--import=${hidden}` })
    .ended;
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /bit for bit; onnxruntime-web is not installed, so the graph was not run\n$/,
  );
  assert.ok(existsSync(path));
});

/** The JavaScript of a card, with the export's name replaced. */
function snippet(card: string, from: string, to: string): string {
  const code = /```js\n([^]*?)```/.exec(readFileSync(card, 'utf8'))?.[1] ?? '';
  assert.ok(code.includes(from), code);
  return code.replace(from, to);
}

function runModule(code: string): string {
  const words = ['--input-type=module', '-e', code];
  return execFileSync(process.execPath, words, { cwd: packageRoot(), encoding: 'utf8' });
}

test("the card's JavaScript runs an ONNX export and a TensorFlow.js one", async () => {
  const onnx = await exported(deepcluster, 'onnx', '--out', at('card.onnx'));
  assert.match(
    runModule(snippet(onnx.card, "'card.onnx'", JSON.stringify(onnx.out))),
    /\[ 1, 8 \]/,
  );
  const tfjs = await exported(deepcluster, 'tfjs', '--out', at('card-tfjs'));
  const files = `import { createServer } from 'node:http'; import { readFileSync } from 'node:fs';
    const server = createServer((request, response) =>
      response.end(readFileSync(${JSON.stringify(at(''))} + request.url)));
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    const origin = 'http://127.0.0.1:' + server.address().port;`;
  const code = snippet(tfjs.card, "'https://example.org/", "origin + '/");
  assert.match(
    runModule(`${files}\n${code}\nserver.close(); server.closeAllConnections();`),
    /\[ 1, 8 \]/,
  );
});

test('what is there stays unless --force is given, and never where it is no export', async () => {
  const path = at('kept.onnx');
  writeFileSync(path, 'mine');
  const common = ['--run', deepcluster, '--to', 'onnx', '--out', path];
  const message = await refused(42, ...common);
  assert.match(
    message,
    /is there already; add --force to replace it, or name another place with --out/,
  );
  assert.equal(readFileSync(path, 'utf8'), 'mine');
  await exported(deepcluster, 'onnx', '--out', path, '--force');
  assert.ok(statSync(path).size > 1000);
  await exported(deepcluster, 'onnx', '--out', at('another.onnx'));

  const own = at('own-folder');
  mkdirSync(own);
  writeFileSync(join(own, 'thesis.tex'), 'years');
  const toFolder = ['--run', deepcluster, '--to', 'tfjs', '--force'];
  assert.match(
    await refused(42, ...toFolder, '--out', own),
    /holds thesis.tex, which is no part of an export/,
  );
  assert.deepEqual(readdirSync(own), ['thesis.tex']);
  assert.match(
    await refused(42, ...toFolder, '--out', path),
    /is a file, where this format needs a folder/,
  );
  assert.match(
    await refused(42, ...common, '--force', '--out', own),
    /is a folder, where this format needs a file/,
  );
  const tfjs = await exported(deepcluster, 'tfjs', '--out', at('twice'));
  await exported(deepcluster, 'tfjs', '--out', tfjs.out, '--force');
});

test('a place that cannot be written, and a run that is none, are one line, and leave nothing', async () => {
  writeFileSync(at('file'), '');
  const inFile = join(at('file'), 'x.onnx');
  const message = await refused(42, '--run', deepcluster, '--to', 'onnx', '--out', inFile);
  assert.match(
    message,
    /^deepcluster: export .*: cannot be written \(.*\); name another place with --out$/,
  );
  const none = await refused(42, '--run', at('none'), '--to', 'onnx', '--out', at('none.onnx'));
  assert.match(none, /holds no run/);
  assert.equal(existsSync(at('none.onnx')), false);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.partial')),
    [],
  );
  const format = await refused(2, '--run', deepcluster, '--to', 'keras', '--out', at('k'));
  assert.match(format, /Allowed choices are safetensors, onnx, savedmodel, tfjs/);
});

test('a damaged newest checkpoint is told of, and the one before is exported', async () => {
  const copy = out('damaged');
  await runNetwork({ data, out: copy });
  const { checkpoint } = await openRun(copy);
  rmSync(join(copy, 'checkpoints', checkpoint, 'parameters.safetensors'));
  const ran = await ranCli([
    ...[
      'export',
      '--run',
      copy,
      '--to',
      'safetensors',
      '--out',
      at('before.safetensors'),
      '--json',
    ],
  ]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(
    ran.stderr,
    new RegExp(`checkpoint ${checkpoint} is damaged, the one before is taken`),
  );
  assert.notEqual((JSON.parse(ran.stdout) as Exported).checkpoint, checkpoint);
});
