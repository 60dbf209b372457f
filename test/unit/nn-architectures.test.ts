/** Parameter counts of the published networks, names, places and initial rules; no tensor is made. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeModel } from '../../src/nn/architectures.ts';
import { SMALLEST_IMAGE, modelConfigSchema, type ModelConfig } from '../../src/nn/config.ts';
import { modelConfig } from '../support/made/model-config.ts';
import { multiplyAdds, shapedLayers, trainingMultiplyAdds } from '../../src/nn/layers.ts';
import { bodyCount, validateLayout } from '../../src/ps/layout.ts';

const ALEXNET = modelConfig({});
const SMALL: ModelConfig = { ...ALEXNET, architecture: 'small-convnet' };
const VGG16: ModelConfig = { ...ALEXNET, architecture: 'vgg16-bn' };
const RESNET50: ModelConfig = { ...ALEXNET, architecture: 'resnet50', sobel: false };
const ODC: ModelConfig = { ...RESNET50, neck: 'odc' };

test('AlexNet has the published number of parameters, with and without Sobel', () => {
  const count = (sobel: boolean, classes: number) =>
    describeModel({ ...ALEXNET, sobel }, 224, classes).layout;
  assert.equal(bodyCount(count(true, 10_000)), 58_272_480);
  assert.equal(bodyCount(count(false, 10_000)), 58_284_096);
  assert.equal(count(true, 10_000).parameterCount, 99_242_480);
  assert.equal(count(false, 10_000).parameterCount, 99_254_096);
  assert.equal(count(true, 1000).parameterCount, 62_369_480);
  // Running means and variances of five batch norms.
  assert.equal(count(true, 1000).statisticCount, 2 * (96 + 256 + 384 + 384 + 256));
});

test('the layers of AlexNet have the published sizes', () => {
  const { layout, featureDim, featureName } = describeModel(ALEXNET, 224, 10_000);
  const size = (...names: string[]) =>
    layout.variables.filter(({ name }) => names.includes(name)).reduce((n, v) => n + v.size, 0);
  assert.equal(size('features.0.weight', 'features.0.bias'), 23_328);
  assert.equal(size('features.4.weight', 'features.4.bias'), 614_656);
  assert.equal(size('features.8.weight', 'features.8.bias'), 885_120);
  assert.equal(size('features.11.weight', 'features.11.bias'), 1_327_488);
  assert.equal(size('features.14.weight', 'features.14.bias'), 884_992);
  const dense = ['classifier.1', 'classifier.4'].flatMap((n) => [`${n}.weight`, `${n}.bias`]);
  assert.equal(size(...dense), 54_534_144);
  assert.equal(size('top_layer.weight', 'top_layer.bias'), 40_970_000);
  assert.equal(featureDim, 4096);
  assert.equal(featureName, 'fc7 (4096)');
});

test('VGG16 has the published number of parameters, with and without Sobel', () => {
  const sobel = describeModel(VGG16, 224, 10_000);
  const rgb = describeModel({ ...VGG16, sobel: false }, 224, 10_000);
  assert.equal(bodyCount(sobel.layout), 134_268_416);
  assert.equal(sobel.layout.parameterCount, 175_238_416);
  assert.equal(bodyCount(rgb.layout), 14_723_136 + 119_545_856);
  const convolutions = sobel.layers.slice(
    0,
    sobel.layers.findIndex(({ kind }) => kind === 'flatten'),
  );
  assert.equal(Math.round(multiplyAdds(convolutions, sobel.input) / 1e7), 1532);
});

test('ResNet-18 has the published number of parameters, with both stems', () => {
  const describe = (architecture: 'resnet18' | 'small-resnet', size: number, width = 64) =>
    describeModel({ ...RESNET50, architecture, width }, size, 1000);
  const large = describe('resnet18', 224);
  assert.equal(bodyCount(large.layout), 11_176_512);
  assert.equal(large.layout.parameterCount, 11_689_512);
  assert.equal(large.featureName, 'pooled (512)');
  // 1.81 billion multiply-adds at 224 px, of which the head has half a million.
  assert.equal(Math.round(multiplyAdds(large.layers, large.input) / 1e7), 181);
  const small = describe('small-resnet', 32);
  assert.equal(bodyCount(small.layout), 11_176_512 - (7 * 7 - 3 * 3) * 3 * 64);
  assert.equal(describe('small-resnet', 32, 16).representationDim, 128);
  const stages = shapedLayers(small.layers, small.input).map(({ output }) => output.side);
  assert.deepEqual([...new Set(stages)], [32, 16, 8, 4, 1]);
});

test('ResNet-50 has the published number of parameters, alone and with the neck and head of ODC', () => {
  const { layout, featureName } = describeModel(RESNET50, 224, 1000);
  assert.equal(bodyCount(layout), 23_508_032);
  assert.equal(layout.parameterCount, 23_508_032 + 2048 * 1000 + 1000);
  assert.equal(layout.statisticCount, 2 * 26_560);
  assert.equal(featureName, 'pooled (2048)');
  const odc = describeModel(ODC, 224, 10_000);
  const neck = 2048 * 512 + 512 + 512 * 256 + 256;
  assert.equal(bodyCount(odc.layout), 23_508_032 + neck);
  assert.equal(odc.layout.parameterCount, 23_508_032 + neck + 256 * 10_000 + 10_000);
  assert.equal(odc.featureDim, 256);
  const names = odc.layout.variables.map(({ name }) => name);
  assert.ok(names.includes('backbone.layer3.5.conv2.weight'));
  assert.ok(names.includes('backbone.layer4.0.downsample.1.bias'));
  assert.deepEqual(names.slice(-6), [
    ...['neck.fc0.weight', 'neck.fc0.bias', 'neck.fc1.weight', 'neck.fc1.bias'],
    ...['head.fc_cls.weight', 'head.fc_cls.bias'],
  ]);
});

test('multiply-adds of a step: three times the forward pass, less the first layer', () => {
  const { layers, input } = describeModel(ALEXNET, 224, 10_000);
  const forward = multiplyAdds(layers, input);
  // As the spec gives them: convolutions, fully connected layers, head.
  assert.equal(Math.round(forward / 1e6), Math.round(1041.5 + 54.5 + 41.0));
  assert.equal(trainingMultiplyAdds(layers, input), 3 * forward - 55 * 55 * 11 * 11 * 2 * 96);
});

test('the feature is the last fully connected layer before its ReLU and the head', () => {
  for (const config of [ALEXNET, SMALL, VGG16]) {
    const { layers, featureLayer } = describeModel(config, 224, 10);
    const kinds = layers.slice(featureLayer).map(({ kind }) => kind);
    assert.deepEqual(kinds, ['dense', 'relu', 'dense']);
  }
});

test('layouts are packed, with the head last', () => {
  for (const config of [ALEXNET, SMALL, VGG16, RESNET50]) {
    const { layout } = describeModel(config, 224, 10);
    validateLayout(layout);
    assert.deepEqual(
      layout.variables.filter(({ group }) => group === 'head').map(({ name }) => name),
      ['top_layer.weight', 'top_layer.bias'],
    );
  }
});

test('convolutions begin by fan-out, fully connected layers at 0.01, batch norm as identity', () => {
  const { layout } = describeModel(ALEXNET, 224, 1000);
  const rule = (name: string) => layout.variables.find((v) => v.name === name)!.initial;
  const std = (name: string) => {
    const initial = rule(name);
    return initial.kind === 'normal' ? initial.std.toFixed(6) : initial.kind;
  };
  assert.equal(std('features.0.weight'), '0.013122');
  assert.equal(std('features.4.weight'), '0.017678');
  assert.equal(std('features.8.weight'), '0.024056');
  assert.equal(std('features.11.weight'), '0.024056');
  assert.equal(std('features.14.weight'), '0.029463');
  assert.equal(std('classifier.1.weight'), '0.010000');
  assert.equal(std('top_layer.weight'), '0.010000');
  assert.deepEqual(rule('features.1.weight'), { kind: 'constant', value: 1 });
  assert.deepEqual(rule('features.1.bias'), { kind: 'constant', value: 0 });
  const initials = layout.statistics.slice(0, 2).map(({ name, initial }) => [name, initial]);
  assert.deepEqual(initials, [
    ['features.1.running_mean', { kind: 'constant', value: 0 }],
    ['features.1.running_var', { kind: 'constant', value: 1 }],
  ]);
});

test('the small network pools 64 px to 2 x 2 before its fully connected layer', () => {
  const { layout, featureName } = describeModel(SMALL, 64, 50);
  const fc = layout.variables.find(({ name }) => name === 'classifier.1.weight')!;
  assert.deepEqual(fc.shape, [2 * 2 * 4 * 32, 256]);
  assert.equal(featureName, 'fc (256)');
});

test('images that the poolings would use up are a configuration error that names the key', () => {
  const describe = (config: ModelConfig, size: number) => () => describeModel(config, size, 10);
  const error = { code: 'CONFIG_INVALID', message: /data\.imageSize.*at least 31 .*got 24/ };
  assert.throws(describe(SMALL, 24), error);
  assert.throws(describe(VGG16, 31), { message: /at least 32 for vgg16-bn/ });
  assert.throws(describe(ALEXNET, 32), { code: 'CONFIG_INVALID', message: /data\.imageSize/ });
  assert.doesNotThrow(describe(SMALL, 31));
  assert.throws(describe(SMALL, 30), { code: 'CONFIG_INVALID' });
});

test('the smallest image of each network is the first that its poolings leave a pixel of', () => {
  const isRefused = (config: ModelConfig, size: number): boolean => {
    try {
      describeModel(config, size, 10);
      return false;
    } catch {
      return true;
    }
  };
  for (const architecture of modelConfigSchema.shape.architecture.unwrap().options) {
    const config = modelConfigSchema.parse({ architecture });
    let computed = 1;
    while (isRefused(config, computed)) computed += 1;
    assert.equal(SMALLEST_IMAGE[architecture], computed, architecture);
  }
});

test("the statistics of ODC's neck have a momentum of their own", () => {
  const { layout } = describeModel(ODC, 224, 10);
  validateLayout(layout);
  const momenta = new Set(
    layout.statistics.map(({ name, momentum }) => `${name.split('.')[0]} ${momentum}`),
  );
  assert.deepEqual([...momenta], ['backbone undefined', 'neck 0.001']);
});
