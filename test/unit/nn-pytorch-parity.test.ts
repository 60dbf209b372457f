/**
 * The small networks against PyTorch in float64, on each engine; the large ones are in
 * test/integration.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decodeSafetensors } from '../../src/arrays/safetensors.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import { fromPytorch, toPytorch, type PytorchArrays } from '../../src/nn/pytorch-names.ts';
import { testEngines, testOnEngines, withEngine } from '../support/engines/engines.ts';
import {
  assertMatchesOracle,
  caseTitle,
  networkCases,
  normOf,
  runCase,
  specOf,
  TOLERANCE,
} from '../support/oracles/network-oracle.ts';
import { ruledImages, ruledLabels, ruledValues } from '../support/oracles/network-rule.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

const small = networkCases.filter(({ architecture }) => architecture === 'small-convnet');

for (const network of small) {
  const spec = specOf(network);
  await testOnEngines(`as PyTorch computes it: ${caseTitle(network)}`, (engine) => {
    assertMatchesOracle(spec, network, runCase(engine, spec, network));
  });
}

/** The last case, with every number of it: weights in float32, results in float64. */
const whole = small.at(-1)!;
const spec = specOf(whole);
const fixture = new URL('../oracle/small-network.safetensors', import.meta.url);
const { arrays } = decodeSafetensors(readFileSync(fixture));

test('weights, images and labels of the rule are those that PyTorch had, to the bit', () => {
  const { parameters, statistics } = ruledValues(spec);
  const carried = fromPytorch(spec, arrays as PytorchArrays);
  assert.deepEqual({ parameters, statistics }, carried);
  assert.deepEqual(ruledImages(whole.seed, whole.batch, whole.size), arrays['images']!.data);
  assert.deepEqual(ruledLabels(whole.seed, whole.batch, whole.classes), arrays['labels']!.data);
});

await testOnEngines('every element of a small network is as PyTorch computes it', (engine) => {
  const { parameters, statistics } = fromPytorch(spec, arrays as PytorchArrays);
  const images = arrays['images']!.data as Uint8Array;
  const labels = arrays['labels']!.data as Int32Array;
  const model = createModel(spec, engine);
  model.load(parameters, statistics);
  const features = model.features(images, whole.batch);
  assertClose(features, arrays['features']!.data, TOLERANCE.forward, 'features');
  const slice = model.lossAndGradient(images, labels, [1]);
  model.dispose();
  assertClose([slice.lossSum], arrays['loss']!.data, TOLERANCE.loss, 'loss');
  const results = toPytorch(spec, slice.gradient, slice.statistics);
  for (const { name } of spec.layout.statistics) {
    const expected = arrays[`statistics.${name}`]!.data;
    assertClose(results[name]!.data, expected, TOLERANCE.statistics, name);
  }
  for (const { name } of spec.layout.variables) {
    const expected = arrays[`gradient.${name}`]!.data;
    // Biases that a batch norm takes out again: PyTorch has rounding for them, here they are zero.
    if (expected.every((value) => Math.abs(value) < 1e-12)) {
      assert.match(name, /^features\.\d+\.bias$/);
      assert.ok(results[name]!.data.every((value) => value === 0));
    } else assertClose(results[name]!.data, expected, TOLERANCE.gradient, name);
  }
});

test('the engines agree with each other', async (context) => {
  const missing = (await testEngines()).find(({ skip }) => skip !== false);
  if (missing !== undefined) return context.skip(`${missing.name}: ${String(missing.skip)}`);
  const network = small[0]!;
  const larger = specOf(network);
  const tensorflow = await withEngine('tensorflow', (engine) => runCase(engine, larger, network));
  const wasm = await withEngine('wasm', (engine) => runCase(engine, larger, network));
  assertClose([wasm.lossSum], [tensorflow.lossSum], TOLERANCE.loss, 'loss');
  assertClose(wasm.features, tensorflow.features, TOLERANCE.forward, 'features');
  for (const { name, offset, size } of larger.layout.statistics) {
    const of = ({ statistics }: typeof wasm) => statistics.subarray(offset, offset + size);
    assertClose(of(wasm), of(tensorflow), TOLERANCE.statistics, name);
  }
  for (const { name, offset, size } of larger.layout.variables) {
    const of = ({ gradient }: typeof wasm) => gradient.subarray(offset, offset + size);
    const [difference, norm] = [
      normOf(of(wasm).map((value, i) => value - of(tensorflow)[i]!)),
      normOf(of(tensorflow)),
    ];
    assert.ok(difference <= TOLERANCE.gradient * norm, `${name}: ${difference} of ${norm}`);
  }
});
