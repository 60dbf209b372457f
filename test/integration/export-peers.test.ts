/**
 * Exports in the programs that they are for: PyTorch, ONNX Runtime and TensorFlow in Python compute
 * what the engine does, by bench/peers/load_export.py, and the Python of the cards runs.
 * PEERS_PYTHON names the Pythons that have these, with `:` between them; one that lacks a library
 * skips what needs it, and says so.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';
import type { ModelConfig } from '../../src/nn/config.ts';
import { ranCli } from '../support/runs/cli-run.ts';
import { placeForRuns } from '../support/runs/in-process-run.ts';
import { runNetwork } from '../support/runs/network-run.ts';
import { PEERS, PYTHONS, pythonWith } from '../support/runs/peers-python.ts';

/** What each format is loaded by. */
const LIBRARIES = { safetensors: 'torch', onnx: 'onnxruntime', savedmodel: 'tensorflow' } as const;
type Format = keyof typeof LIBRARIES;

const NECK = { neck: 'odc', neckHidden: 12, neckDim: 8, neckBatchNormMomentum: 0.1 } as const;
const NETWORKS: readonly { name: string; model: Partial<ModelConfig>; algorithm: string }[] = [
  { name: 'small-convnet', model: {}, algorithm: 'deepcluster' },
  { name: 'small-convnet with a neck', model: { ...NECK, sobel: false }, algorithm: 'odc' },
];

const { data, out, folder } = await placeForRuns(30);
const runOf = (index: number): string => out(String(index));

before(async () => {
  if (PYTHONS.length === 0) return;
  for (const [i, { model, algorithm }] of NETWORKS.entries()) {
    const settings = { algorithm, ...(algorithm === 'odc' ? { 'odc.smallClusterSize': 2 } : {}) };
    await runNetwork({ data, out: runOf(i), model, settings });
  }
});

for (const [format, library] of Object.entries(LIBRARIES) as [Format, string][]) {
  const python = pythonWith(library, 'safetensors');
  const skip = python === null && `PEERS_PYTHON names no Python with ${library} and safetensors`;
  for (const [i, { name }] of NETWORKS.entries()) {
    test(
      `${library} makes of an export to ${format} what the engine does: ${name}`,
      { skip },
      async () => {
        const place = join(folder, `net-${i}${format === 'savedmodel' ? '' : `.${format}`}`);
        const sample = join(folder, 'sample.safetensors');
        const ran = await ranCli([
          ...['export', '--run', runOf(i), '--to', format, '--out', place, '--sample', sample],
          ...['--clusters', '--head', '--engine', 'wasm', '--json'],
        ]);
        assert.equal(ran.code, 0, ran.stderr);
        const { card } = JSON.parse(ran.stdout) as { card: string };
        const options = { cwd: PEERS, encoding: 'utf8' } as const;
        const compared = spawnSync(python!, ['load_export.py', '--sample', sample, place], options);
        assert.equal(compared.status, 0, compared.stderr);
        const { difference, sameClusters } = JSON.parse(compared.stdout) as {
          difference: Record<string, number>;
          sameClusters: boolean;
        };
        assert.equal(sameClusters, true);
        assert.deepEqual(Object.keys(difference).sort(), ['distance', 'features', 'logits']);
        // Float32 in another order, through some ten layers.
        for (const value of Object.values(difference)) assert.ok(value < 1e-5, compared.stdout);

        const code = /```python\n([^]*?)```/.exec(readFileSync(card, 'utf8'))![1]!;
        const env = { ...process.env, PYTHONPATH: PEERS };
        const snippet = spawnSync(python!, ['-c', code], {
          cwd: dirname(place),
          encoding: 'utf8',
          env,
        });
        assert.equal(snippet.status, 0, snippet.stderr);
      },
    );
  }
}

const tuner = pythonWith('torch', 'safetensors', 'PIL');
test(
  'an export and a few labels make a classifier, by the script that its card names',
  { skip: tuner === null && 'PEERS_PYTHON names no Python with torch, safetensors and pillow' },
  async () => {
    const place = join(folder, 'tuned.safetensors');
    const ran = await ranCli([
      ...['export', '--run', runOf(1), '--to', 'safetensors', '--out', place, '--engine', 'wasm'],
    ]);
    assert.equal(ran.code, 0, ran.stderr);
    const args = [
      '--train',
      data,
      '--test',
      data,
      '--labels',
      '6',
      '--epochs',
      '2',
      '--draws',
      '2',
    ];
    const kept = join(folder, 'classifier.pt');
    const tuned = spawnSync(tuner!, ['fine_tune.py', place, ...args, '--out', kept], {
      cwd: PEERS,
      encoding: 'utf8',
    });
    assert.equal(tuned.status, 0, tuned.stderr);
    const { accuracy, classes, testImages } = JSON.parse(tuned.stdout) as {
      accuracy: Record<string, { mean: number; least: number; most: number }>;
      classes: number;
      testImages: number;
    };
    assert.deepEqual([classes, testImages], [2, 30]);
    assert.deepEqual(Object.keys(accuracy), ['frozen', 'fine-tuned', 'scratch']);
    // Dark and light images, told apart by any features but those of a wrong file or label.
    assert.ok(accuracy['frozen']!.least > 0.8, tuned.stdout);
    assert.ok(existsSync(kept));
  },
);
