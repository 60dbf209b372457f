/** Weights of PyTorch's own files: where in them the network is found, and what their messages advise. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runConfigSchema } from '../../src/config/schema.ts';
import { messageOf } from '../../src/errors.ts';
import { describeModel } from '../../src/nn/architectures.ts';
import { toPytorch } from '../../src/nn/pytorch-names.ts';
import { bodyCount } from '../../src/ps/layout.ts';
import { initialWeights } from '../../src/run/initial-weights.ts';
import { chooseWeights } from '../../src/run/weights/chosen-weights.ts';
import type { GivenArray } from '../../src/run/weights/weights-file.ts';
import { torchFile } from '../support/oracles/torch-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'deepcluster-test-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const file = join(folder, 'weights.pth');

type Model = Record<string, unknown>;

const configOf = (model: Model, imageSize = 32) =>
  runConfigSchema().parse({
    data: { imageSize },
    clustering: { k: 3 },
    model: { ...model, initialWeights: file },
  });
const SMALL = { architecture: 'small-convnet', width: 4, featureDim: 8, sobel: false };

const specOf = (model: Model, imageSize?: number) => {
  const config = configOf(model, imageSize);
  return describeModel(config.model, config.data.imageSize, 3);
};
const RESNET = specOf({ architecture: 'resnet18', sobel: false });

/** Names of a network in PyTorch, with shapes and without numbers. */
function arraysOf(spec: typeof RESNET, rename: (name: string) => string): Map<string, GivenArray> {
  const { layout } = spec;
  const given = (shape: readonly number[]): GivenArray => ({
    shape,
    read: () => assert.fail('read before it was chosen'),
  });
  return new Map(
    [...layout.variables, ...layout.statistics].map(({ name, shape }) => [
      rename(name),
      given(shape),
    ]),
  );
}

const bare = (name: string): string => name.replace('backbone.', '');

test("a checkpoint of PyTorch's, wrapped and with other things in it, gives its numbers to a run", async () => {
  writeFileSync(file, torchFile('network').bytes);
  const config = configOf(SMALL);
  let reason = '';
  const { vectors } = (await initialWeights(config, undefined, (text) => {
    reason = text;
  }))!;
  const spec = specOf(SMALL);
  const parameters = vectors.get('parameters')!;
  const body = bodyCount(spec.layout);
  const arrays = toPytorch(spec, parameters, vectors.get('statistics')!);
  for (const { name, offset, size } of [...spec.layout.variables, ...spec.layout.statistics]) {
    if (offset >= body && name.startsWith('top_layer')) continue;
    assert.deepEqual(
      arrays[name]!.data,
      Float32Array.from({ length: size }, (_, i) => i / 8),
      name,
    );
  }
  assert.equal(
    reason,
    // Four convolutions of six arrays each, and a fully connected layer of two.
    '26 arrays of state_dict under module.; left out: module.top_layer.weight, module.top_layer.bias',
  );
});

test('the network is found behind what trainings put before its names', () => {
  for (const prefix of ['', 'module.', 'backbone.', 'module.encoder_q.', 'model.backbone.']) {
    const arrays = arraysOf(RESNET, (name) => prefix + bare(name));
    arrays.set('fc.weight', { shape: [10, 512], read: () => assert.fail('a head') });
    const chosen = chooseWeights('w.pth', RESNET, [
      {
        path: 'optimizer',
        arrays: new Map([['conv1.weight', { shape: [1], read: () => assert.fail() }]]),
      },
      { path: 'state_dict', arrays },
    ]);
    assert.equal(chosen.arrays.get('backbone.conv1.weight'), arrays.get(`${prefix}conv1.weight`));
    assert.equal(chosen.arrays.size, arrays.size - 3, 'all but the heads');
    const under = prefix === '' ? '' : ` under ${prefix}`;
    assert.ok(chosen.reason.startsWith(`${chosen.arrays.size} arrays of state_dict${under}; left`));
  }
  const plain = specOf(SMALL);
  const wrapped = arraysOf(plain, (name) => name.replace('features.', 'features.module.'));
  assert.equal(
    chooseWeights('w.pth', plain, [{ path: '', arrays: wrapped }]).arrays.get('features.0.weight'),
    wrapped.get('features.module.0.weight'),
  );
});

test('a neck beside a wrapped backbone is taken, too', () => {
  const model = { architecture: 'resnet18', sobel: false, neck: 'odc', neckHidden: 8, neckDim: 8 };
  const spec = specOf(model);
  const given = [{ path: '', arrays: arraysOf(spec, (name) => `module.${name}`) }];
  const { arrays, hasNeck } = chooseWeights('w.pth', spec, given);
  assert.equal(hasNeck, true);
  assert.equal(arrays.get('neck.fc0.weight'), given[0]!.arrays.get('module.neck.fc0.weight'));
  const without = [{ path: '', arrays: arraysOf(RESNET, bare) }];
  assert.equal(chooseWeights('w.pth', spec, without).hasNeck, false);
});

test('where several places have the whole network, the file is refused with their names', () => {
  const arrays = new Map([
    ...arraysOf(RESNET, (name) => `module.encoder_q.${bare(name)}`),
    ...arraysOf(RESNET, (name) => `module.encoder_k.${bare(name)}`),
  ]);
  assert.throws(
    () => chooseWeights('w.pth', RESNET, [{ path: 'state_dict', arrays }]),
    /^TrainerError: weights w\.pth: has the network 2 times \(state_dict under module\.encoder_q\., state_dict under module\.encoder_k\.\); save one of them alone, in Python: torch\.save/,
  );
});

test('a file that would be of the network with another setting is refused with that setting, and taken with it', async () => {
  writeFileSync(file, torchFile('network').bytes);
  const refusal = async (model: Model, imageSize?: number): Promise<string> =>
    initialWeights(configOf(model, imageSize)).then(
      () => assert.fail('taken'),
      (error: unknown) => messageOf(error),
    );
  assert.match(
    await refusal({ ...SMALL, sobel: true }),
    /array features\.0\.weight: expected shape \[4, 2, 5, 5\], got \[4, 3, 5, 5\]; .*: it sees colours, add --set model\.sobel=false$/,
  );
  assert.match(
    await refusal(SMALL, 64),
    /array classifier\.1\.weight: expected shape \[8, 64\], got \[8, 16\]; .*: its images had another size, add --set data\.imageSize=32$/,
  );
  assert.notEqual(await initialWeights(configOf(SMALL, 32)), null);
  assert.match(await refusal({ ...SMALL, width: 8 }), /model\.sobel false\)$/);
  assert.match(
    await refusal({ architecture: 'resnet18', sobel: false }),
    /array backbone\.conv1\.weight: .*got \[no such array\]; .*model\.sobel false\)$/,
  );
});
