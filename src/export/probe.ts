/**
 * A few images that no run has seen, and what the engine makes of them: an export that is read
 * back must make the same. Shapes: n images of S px, D dimensions of the representation, K
 * classes.
 */
import type { Engine } from '../engine/engine.ts';
import { TrainerError } from '../errors.ts';
import { seededRng } from '../math/rng.ts';
import { createModel } from '../nn/loaded-model.ts';
import { clusteringRows, clustersOfRows } from '../run/clustering-space.ts';
import type { ExportContent } from './content.ts';

/** Numbers of an output, image by image. */
export type Outputs = ReadonlyMap<string, ArrayLike<number>>;

export interface Probe {
  /** n */
  readonly count: number;
  /** S */
  readonly size: number;
  /** [n, S, S, 3] RGB */
  readonly pixels: Uint8Array;
  /** By the name that a graph gives them. */
  readonly outputs: Outputs;
}

const COUNT = 4;
/** Side of an even patch [px]. */
const PATCH = 8;

/** Largest difference that is rounding, as a fraction of an output's largest number. */
export const TOLERANCE = 1e-4;

export function probeEngine(content: ExportContent, engine: Engine): Probe {
  const { run, spec, clusters, hasHead } = content;
  const { imageSize: size } = spec;
  const pixels = probeImages(COUNT, size);
  const model = createModel(spec, engine);
  try {
    model.load(run.parameters, run.statistics);
    const outputs = new Map<string, ArrayLike<number>>();
    outputs.set('features', model.features(pixels, COUNT, 'representation'));
    if (clusters !== null) {
      const rows = clusteringRows(run, engine, model.features(pixels, COUNT), COUNT);
      const found = clustersOfRows(run, rows, clusters.centroids);
      outputs.set('cluster', found.first);
      outputs.set('distance', found.distances);
    }
    if (hasHead) outputs.set('logits', model.features(pixels, COUNT, 'logits'));
    return { count: COUNT, size, pixels, outputs };
  } finally {
    model.dispose();
  }
}

/**
 * Patches of colour with noise over them: some edges, and no two images alike.
 * @returns [count, size, size, 3]
 */
export function probeImages(count: number, size: number): Uint8Array {
  const rng = seededRng('export probe', size);
  const patches = Math.ceil(size / PATCH);
  const pixels = new Uint8Array(count * size * size * 3);
  for (let image = 0, at = 0; image < count; image += 1) {
    const colours = Float64Array.from({ length: patches * patches * 3 }, () => 200 * rng.float());
    for (let y = 0; y < size; y += 1) {
      for (let x = 0; x < size; x += 1) {
        const patch = 3 * (Math.floor(y / PATCH) * patches + Math.floor(x / PATCH));
        for (let c = 0; c < 3; c += 1, at += 1) pixels[at] = colours[patch + c]! + 55 * rng.float();
      }
    }
  }
  return pixels;
}

/** The probe's images as a graph takes them: 0 .. 1, with the axes of its format. */
export function scaledImages(
  { pixels, size }: Probe,
  axes: 'NCHW' | 'NHWC',
): Float32Array<ArrayBuffer> {
  if (axes === 'NHWC') return Float32Array.from(pixels, (byte) => byte / 255);
  const plane = size * size;
  const images = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i += 1) {
    const pixel = Math.floor(i / 3);
    const image = Math.floor(pixel / plane);
    images[(image * 3 + (i % 3)) * plane + (pixel % plane)] = pixels[i]! / 255;
  }
  return images;
}

/**
 * Compares outputs with those of the engine.
 * @param reader what made them, for the error
 * @returns the largest difference, each by the largest number of its output
 * @throws TrainerError INTERNAL where they differ by more than rounding
 */
export function requireSame(got: Outputs, { outputs }: Probe, reader: string): number {
  let worst = 0;
  for (const [name, expected] of outputs) {
    const values = got.get(name);
    if (values?.length !== expected.length) {
      throw differs(
        reader,
        `${name} has ${values?.length ?? 0} numbers, expected ${expected.length}`,
      );
    }
    if (name === 'cluster') continue;
    const difference = relativeDifference(values, expected);
    if (!(difference <= TOLERANCE)) {
      throw differs(
        reader,
        `${name} is off by ${difference.toExponential(1)} of its largest number`,
      );
    }
    worst = Math.max(worst, difference);
  }
  requireSameClusters(got, outputs, reader);
  return worst;
}

/** Distances agree by now: another cluster at the same distance is a tie that rounding decided. */
function requireSameClusters(got: Outputs, expected: Outputs, reader: string): void {
  const clusters = expected.get('cluster');
  if (clusters === undefined) return;
  const other = Array.from(clusters).findIndex((cluster, i) => got.get('cluster')![i] !== cluster);
  if (other >= 0) throw differs(reader, `image ${other} has another cluster`);
}

function relativeDifference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, largest] = [0, 0];
  for (let i = 0; i < expected.length; i += 1) {
    // Not by Math.max alone, which a NaN on one side would have to pass.
    const off = Math.abs(got[i]! - expected[i]!);
    if (Number.isNaN(off)) return NaN;
    difference = Math.max(difference, off);
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return difference === 0 ? 0 : difference / largest;
}

export function differs(reader: string, how: string): TrainerError {
  return new TrainerError('INTERNAL', `export: read back by ${reader}, ${how}; nothing was kept`, {
    reader,
  });
}
