/** A convolution, batch norm, ReLU and pooling with their gradients, against float64 figures of the reference framework. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { operationsOn } from '../../src/engine/tfjs/operations.ts';
import type { Layer } from '../../src/nn/layers.ts';
import { evaluationPass } from '../../src/nn/evaluation-pass.ts';
import { trainingPass } from '../../src/nn/training-pass.ts';
import { testEngines } from '../support/engines/engines.ts';
import { assertClose, centredValues, channelsLast } from '../support/made/nn-arrays.ts';

const LAYERS: readonly Layer[] = [
  {
    kind: 'conv',
    name: 'conv',
    kernel: 5,
    stride: 2,
    padding: 2,
    inChannels: 2,
    outChannels: 3,
    hasBias: true,
    initialStd: 1,
  },
  { kind: 'batchNorm', name: 'norm', channels: 3, isAffine: true, momentum: null },
  { kind: 'relu' },
  { kind: 'maxPool', window: 3, stride: 2, padding: 0 },
];

/** Sums of some hundred float32 terms. */
const FLOAT32_SUMS = 2e-6;

tf.env().set('IS_TEST', true); // no banner of the JavaScript backend

/** Images [2, 19, 19, 2]: x of the figures, there in the order [B, C, H, W]. */
const images = () =>
  tf.tensor4d(channelsLast(centredValues(1, 2 * 2 * 19 * 19), [2, 2, 19, 19]), [2, 19, 19, 2]);

function variables(): Map<string, tf.Tensor> {
  // [K, C, kh, kw] to [K, kh, kw, C] to [kh, kw, C, K]
  const filter = tf.tensor4d(
    channelsLast(centredValues(2, 3 * 2 * 25), [3, 2, 5, 5]),
    [3, 5, 5, 2],
  );
  return new Map<string, tf.Tensor>([
    ['conv.weight', tf.transpose(filter, [1, 2, 3, 0])],
    ['conv.bias', tf.tensor1d(centredValues(3, 3))],
    ['norm.weight', tf.ones([3])],
    ['norm.bias', tf.zeros([3])],
  ]);
}

const sum = (values: ArrayLike<number>) => Array.from(values).reduce((total, v) => total + v, 0);

/** Every engine, and the plain JavaScript backend. */
const backends = [...(await testEngines()), { name: 'cpu', skip: false }];

for (const { name: backend, skip } of backends) {
  test(
    `convolution, batch norm, ReLU and pooling with gradients on ${backend}`,
    { skip },
    async () => {
      await tf.setBackend(backend);
      const gradients = new Map<string, Float32Array>();
      tf.tidy(() => {
        const pass = trainingPass(images(), {
          layers: LAYERS,
          variables: variables(),
          operations: operationsOn(backend),
          dropoutMask: () => assert.fail('there is no dropout'),
        });
        const pooled = pass.output.dataSync<'float32'>();
        assert.deepEqual(pass.output.shape, [2, 4, 4, 3]);
        assertClose([sum(pooled), pooled[0]!], [156.35166075, 1.354591887], FLOAT32_SUMS, 'pooled');
        const loss = sum(pooled.map((value) => value * value));
        assertClose([loss], [281.734890471], FLOAT32_SUMS, 'loss');
        pass.backward(tf.mul(pass.output, 2), (name, gradient) => {
          gradients.set(name, gradient.dataSync<'float32'>().slice());
          gradient.dispose();
        });
        // The running averages after one step from (0, 1) with momentum 0.1.
        const [measured] = pass.statistics as [(typeof pass.statistics)[0]];
        const [mean, variance] = [measured.mean, measured.variance].map((t) =>
          t.dataSync<'float32'>(),
        ) as [Float32Array, Float32Array];
        const runningMean = mean.map((value) => 0.1 * value);
        assertClose(runningMean, [-0.02322289, -0.00312204, 0.04040416], FLOAT32_SUMS, 'mean');
        const runningVariance = variance.map((value) => 0.9 + 0.1 * value);
        assertClose(
          runningVariance,
          [0.93121688, 0.93257661, 0.92171886],
          FLOAT32_SUMS,
          'variance',
        );
      });
      const dFilter = gradients.get('conv.weight')!;
      const norm = Math.sqrt(sum(dFilter.map((value) => value * value)));
      const figures = [sum(dFilter), dFilter[0]!, norm];
      assertClose(figures, [-89.817507977, 4.27398332, 138.621013892], FLOAT32_SUMS, 'd filter');
      const dGamma = [175.365804, 202.284792, 185.819186];
      assertClose(gradients.get('norm.weight')!, dGamma, FLOAT32_SUMS, 'd gamma');
      const dBeta = [102.892736, 105.440146, 104.370439];
      assertClose(gradients.get('norm.bias')!, dBeta, FLOAT32_SUMS, 'd beta');
      assert.equal(gradients.has('conv.bias'), false, 'the batch norm takes the bias out again');
    },
  );

  test(`evaluation uses the running statistics on ${backend}`, { skip }, async () => {
    await tf.setBackend(backend);
    const total = tf.tidy(() => {
      const all = variables();
      all.set('norm.running_mean', tf.tensor1d([-0.02322289, -0.00312204, 0.04040416]));
      all.set('norm.running_var', tf.tensor1d([0.93121688, 0.93257661, 0.92171886]));
      return tf.sum(evaluationPass(LAYERS, all, operationsOn(backend)).run(images()));
    });
    assertClose(total.dataSync(), [90.350661554], FLOAT32_SUMS);
  });
}
