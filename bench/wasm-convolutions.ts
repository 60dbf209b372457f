/**
 * The wasm engine's convolutions and their gradients, shape by shape: GFLOPS of a plain sum's multiply-adds, two each, so that
 * tiles, which take fewer, may show more than a matrix product. The best of some runs.
 *
 *   node --import tsx bench/wasm-convolutions.ts [--threads 1] [--runs 5]
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../src/engine/start.ts';

interface Shape {
  readonly name: string;
  readonly images: number;
  readonly side: number;
  readonly channels: number;
  readonly taps: number;
  readonly stride: number;
  readonly filters: number;
}

const SHAPES: readonly Shape[] = [
  shape('AlexNet 11x11 s4, 2 channels', 8, 224, 2, 11, 4, 96),
  shape('AlexNet 5x5', 8, 27, 96, 5, 1, 256),
  shape('AlexNet 3x3, 384 to 384', 16, 13, 384, 3, 1, 384),
  shape('VGG 3x3, 2 to 64, 224 px', 2, 224, 2, 3, 1, 64),
  shape('VGG 3x3, 64 to 64, 224 px', 2, 224, 64, 3, 1, 64),
  shape('VGG 3x3, 512, 14 px', 8, 14, 512, 3, 1, 512),
  shape('ResNet 7x7 s2, 3 channels', 8, 224, 3, 7, 2, 64),
  shape('ResNet 1x1, 64 to 256', 8, 56, 64, 1, 1, 256),
  shape('ResNet 1x1, 256 to 64', 8, 56, 256, 1, 1, 64),
  shape('ResNet 3x3, 64, 56 px', 8, 56, 64, 3, 1, 64),
  shape('ResNet 3x3, 128, 28 px', 8, 28, 128, 3, 1, 128),
  shape('ResNet 3x3 s2, 128', 8, 56, 128, 3, 2, 128),
  shape('ResNet 1x1 s2, 1024 to 2048', 16, 14, 1024, 1, 2, 2048),
  shape('ResNet 3x3, 512, 7 px', 16, 7, 512, 3, 1, 512),
];

const { values } = parseArgs({
  options: { threads: { type: 'string', default: '1' }, runs: { type: 'string', default: '5' } },
});
const runs = Number(values.runs);
const engine = await startEngine('wasm', { threads: Number(values.threads) });
const { convFilterGradient, convInputGradient, convolve } = engine.operations;
for (const what of SHAPES) console.log(JSON.stringify(engine.tidy(() => measure(what))));
process.exit(0);

function shape(
  name: string,
  images: number,
  side: number,
  channels: number,
  taps: number,
  stride: number,
  filters: number,
): Shape {
  return { name, images, side, channels, taps, stride, filters };
}

function measure({ name, images, side, channels, taps, stride, filters }: Shape) {
  const geometry = { stride, padding: Math.floor(taps / 2) };
  const x = tf.randomNormal<tf.Rank.R4>([images, side, side, channels]);
  const filter = tf.randomNormal<tf.Rank.R4>([taps, taps, channels, filters]);
  const bias = tf.zeros<tf.Rank.R1>([filters]);
  const forward = () => convolve(x, filter, bias, geometry, 'relu');
  const y = forward();
  const dy = tf.randomNormal<tf.Rank.R4>(y.shape);
  const operations = (2 * y.size * taps * taps * channels) / 1e9;
  const speedOf = (run: () => tf.Tensor): number => {
    let best = Infinity;
    for (let i = 0; i <= runs; i += 1) {
      const startMs = performance.now();
      run().dispose();
      if (i > 0) best = Math.min(best, performance.now() - startMs);
    }
    return Math.round(operations / (best / 1000));
  };
  return {
    name,
    forward: speedOf(forward),
    filterGradient: speedOf(() => convFilterGradient(x, dy, filter.shape, geometry)),
    inputGradient: speedOf(() => convInputGradient(dy, filter, x.shape, geometry)),
  };
}
