/**
 * What an engine reaches on this machine: a large matrix product and a convolution of AlexNet's
 * second layer. One multiply-add counts as two floating-point operations.
 */
import * as tf from '@tensorflow/tfjs';
import type { Engine } from './engine.ts';

export interface ProbeOptions {
  /** Counted repetitions; the median is taken. */
  readonly runs?: number;
}

/**
 * Side of the square matrices: large enough for every blocking to pay, small enough for a second on
 * one core.
 */
const GEMM_SIDE = 1536;
/**
 * So many times as much in each direction, and images, on a GPU: it has a hundred times the speed,
 * and a start to make up for.
 */
const GPU_SCALE = 5;
const GPU_IMAGES = 16;

/** @returns GFLOPS of a product of two square float32 matrices */
export function measureGemm(engine: Engine, { runs = 5 }: ProbeOptions = {}): number {
  return engine.tidy(() => {
    const scale = isOnGpu(engine) ? GPU_SCALE : 1;
    const matrix = () =>
      tf.tile(tf.randomUniform<tf.Rank.R2>([GEMM_SIDE, GEMM_SIDE], -1, 1), [scale, scale]);
    const [a, b] = [matrix(), matrix()];
    return gigaflopsOf(2 * (scale * GEMM_SIDE) ** 3, runs, () => tf.matMul(a, b));
  });
}

/**
 * @returns GFLOPS of a 5 x 5 convolution, 27 x 27 pixels, 96 to 256 channels, 16 images or so many
 *   more on a GPU
 */
export function measureConvolution(engine: Engine, { runs = 5 }: ProbeOptions = {}): number {
  const [few, side, kernel, inChannels, outChannels] = [16, 27, 5, 96, 256] as const;
  const more = isOnGpu(engine) ? GPU_IMAGES : 1;
  const images = few * more;
  const { convolve } = engine.operations;
  return engine.tidy(() => {
    const made = tf.randomUniform<tf.Rank.R4>([few, side, side, inChannels], -1, 1);
    const x = tf.tile(made, [more, 1, 1, 1]);
    const filter = tf.randomUniform<tf.Rank.R4>([kernel, kernel, inChannels, outChannels], -1, 1);
    const bias = tf.zeros<tf.Rank.R1>([outChannels]);
    const flops = 2 * images * side ** 2 * kernel ** 2 * inChannels * outChannels;
    const geometry = { stride: 1, padding: 2 };
    return gigaflopsOf(flops, runs, () => convolve(x, filter, bias, geometry));
  });
}

function isOnGpu({ device }: Engine): boolean {
  return device !== 'CPU';
}

function gigaflopsOf(flops: number, runs: number, work: () => tf.Tensor): number {
  const seconds: number[] = [];
  for (let run = -1; run < runs; run += 1) {
    const startMs = performance.now();
    const result = work();
    // A read of one element waits for the whole, also on a device that works in the background.
    tf.slice(tf.reshape(result, [-1]), 0, 1).dataSync();
    result.dispose();
    if (run >= 0) seconds.push((performance.now() - startMs) / 1000);
  }
  seconds.sort((a, b) => a - b);
  return flops / seconds[Math.floor(runs / 2)]! / 1e9;
}
