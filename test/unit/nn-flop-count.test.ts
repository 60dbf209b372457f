import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeModel } from '../../src/nn/architectures.ts';
import { modelConfigSchema } from '../../src/nn/config.ts';
import { countFlops } from '../../src/nn/flop-count.ts';

test('the small network, layer by layer', () => {
  const config = modelConfigSchema.parse({
    architecture: 'small-convnet',
    width: 8,
    featureDim: 16,
  });
  // Maps of 32, 8, 4 wide pixels after the stride and the poolings: 64 px go 32 | 16 | 8 | 4 | 2.
  const first = 2 * 32 ** 2 * 5 ** 2 * 2 * 8;
  const others = 2 * 3 ** 2 * (16 ** 2 * 8 * 16 + 8 ** 2 * 16 * 32 + 4 ** 2 * 32 * 32);
  const feature = 2 * (2 * 2 * 32) * 16;
  const head = 2 * 16 * 10;
  const { features, step } = countFlops(describeModel(config, 64, 10));
  assert.equal(features, first + others + feature);
  // Forward, then two gradients of each product, but for that of the images.
  assert.equal(step, 2 * first + 3 * (others + feature + head));
});

test('AlexNet with batch norm: 1.04 G multiply-adds of convolutions, 55 M of dense layers', () => {
  const spec = describeModel(modelConfigSchema.parse({ architecture: 'alexnet-bn' }), 224, 1000);
  const convolutions =
    55 ** 2 * 11 ** 2 * 2 * 96 +
    27 ** 2 * 5 ** 2 * 96 * 256 +
    13 ** 2 * 3 ** 2 * (256 * 384 + 384 * 384 + 384 * 256);
  const dense = 6 * 6 * 256 * 4096 + 4096 * 4096;
  assert.equal(countFlops(spec).features, 2 * (convolutions + dense));
});
