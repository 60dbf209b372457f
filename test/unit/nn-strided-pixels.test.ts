/**
 * The gradient of a filter of single pixels at a stride, of few channels, in odd batches: oneDNN
 * writes beyond its memory there. The oracle is the plain sum.
 */
import * as tf from '@tensorflow/tfjs';
import { seededRng } from '../../src/math/rng.ts';
import { testOnEngines } from '../support/engines/engines.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

await testOnEngines('the filter of a strided convolution of pixels', (engine) => {
  const rng = seededRng('pixels');
  const drawn = (length: number) => Float32Array.from({ length }, () => rng.normal());
  for (const [images, side, inChannels, outChannels, stride] of [
    [7, 32, 4, 8, 2],
    [3, 15, 8, 16, 2],
    [5, 10, 15, 3, 3],
    [3, 8, 16, 4, 2],
  ] as const) {
    const out = Math.ceil(side / stride);
    const x = drawn(images * side * side * inChannels);
    const dy = drawn(images * out * out * outChannels);
    const expected = new Float32Array(inChannels * outChannels);
    for (let at = 0; at < images * out * out; at += 1) {
      const [image, row, column] = [
        Math.floor(at / out / out),
        Math.floor(at / out) % out,
        at % out,
      ];
      const pixel = (image * side + row * stride) * side + column * stride;
      for (let i = 0; i < inChannels * outChannels; i += 1) {
        const [c, k] = [Math.floor(i / outChannels), i % outChannels];
        expected[i]! += x[pixel * inChannels + c]! * dy[at * outChannels + k]!;
      }
    }
    for (let trial = 0; trial < 5; trial += 1) {
      const got = tf.tidy(() =>
        engine.operations
          .convFilterGradient(
            tf.tensor4d(x, [images, side, side, inChannels]),
            tf.tensor4d(dy, [images, out, out, outChannels]),
            [1, 1, inChannels, outChannels],
            { stride, padding: 0 },
          )
          .dataSync<'float32'>(),
      );
      assertClose(got, expected, 1e-4, `${inChannels} channels at stride ${stride}`);
    }
  }
});
