/**
 * Weights of torch.save's own files, of the published networks, in PyTorch and here: the features of a
 * few images are the same. PEERS_PYTHON names the Pythons; the test skips where none has PyTorch.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { decodeSafetensors } from '../../src/arrays/safetensors.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import { describeModel } from '../../src/nn/architectures.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import { vectorOf } from '../../src/rpc/named-vectors.ts';
import { initialWeights } from '../../src/run/initial-weights.ts';
import { withEngine } from '../support/engines/engines.ts';
import { PEERS, pythonWith } from '../support/runs/peers-python.ts';

const folder = mkdtempSync(join(tmpdir(), 'deepcluster-test-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const python = pythonWith('torch', 'safetensors');
const skip = python === null && 'PEERS_PYTHON names no Python with torch and safetensors';

/** Sides that leave the last pooling a pixel, and take seconds. */
const CASES = [
  ...['plain', 'legacy', 'half', 'wrapped', 'moco'].map(
    (form) => ({ architecture: 'resnet18', size: 64, form }) as const,
  ),
  { architecture: 'resnet50', size: 64, form: 'moco' },
  { architecture: 'vgg16-bn', size: 32, form: 'plain' },
  { architecture: 'alexnet-bn', size: 96, form: 'wrapped' },
] as const;

for (const { architecture, size, form } of CASES) {
  test(`a .pth gives PyTorch's features: ${architecture}, ${form}`, { skip }, async () => {
    const [file, sample] = [join(folder, 'weights.pth'), join(folder, 'sample.safetensors')];
    const made = spawnSync(
      python!,
      [
        ...['save_weights.py', '--architecture', architecture, '--size', String(size)],
        ...['--form', form, '--out', file, '--sample', sample],
      ],
      { cwd: PEERS, encoding: 'utf8' },
    );
    assert.equal(made.status, 0, made.stderr);
    const config = runConfigSchema().parse({
      data: { imageSize: size },
      clustering: { k: 3 },
      model: { architecture, sobel: false, initialWeights: file },
    });
    const vectors = (await initialWeights(config))!;
    const { images, features } = decodeSafetensors(readFileSync(sample)).arrays;
    const [count] = images!.shape as [number];
    const got = await withEngine('wasm', (engine) => {
      const model = createModel(describeModel(config.model, size, 3), engine);
      model.load(vectorOf(vectors, 'parameters'), vectorOf(vectors, 'statistics'));
      const made = model.features(images!.data as Uint8Array, count);
      model.dispose();
      return made;
    });
    const expected = features!.data as Float32Array;
    assert.equal(got.length, expected.length);
    const largest = Math.max(...expected.map(Math.abs));
    const worst = Math.max(...expected.map((value, i) => Math.abs(value - got[i]!)));
    // Float32 in another order, through up to fifty layers.
    assert.ok(worst < 1e-4 * largest, `off by ${worst} of ${largest}`);
  });
}
