/**
 * What an engine makes of a small network and a small clustering, as hashes: for tests that compare
 * an engine that has company in its process with the same engine alone in another.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { noSums } from '../../../src/clustering/cluster-sums.ts';
import type { RowsToCluster } from '../../../src/clustering/kernels.ts';
import { packageRoot } from '../../../src/process/package-root.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { describeModel } from '../../../src/nn/architectures.ts';
import { createModel } from '../../../src/nn/loaded-model.ts';
import type { Model } from '../../../src/nn/model.ts';
import { initialParameters, initialStatistics } from '../../../src/ps/initial-values.ts';
import { modelConfig } from '../made/model-config.ts';
import { byteImages, centredValues } from '../made/nn-arrays.ts';

const [SIZE, BATCH, CLASSES] = [32, 6, 5];
const [ROWS, DIM, OUT_DIM, K] = [700, 24, 8, 9];
const spec = describeModel(
  modelConfig({ architecture: 'small-convnet', width: 8, featureDim: 16, dropout: 0.5 }),
  SIZE,
  CLASSES,
);

/** Work that is going on, on one engine: a network that is loaded, and rows that are prepared. */
export interface WorkInHand {
  /** A training step and features; the next step each time. */
  step(): string;
  /** Labels and sums of a step of k-means. */
  cluster(): string;
  /** Moments, their whitening and the projection. */
  whiten(): string;
  end(): void;
}

export function begin({ clustering }: Engine, model: Model): WorkInHand {
  const features = centredValues(3, ROWS * DIM);
  const rows: RowsToCluster = clustering.rowsToCluster(features, ROWS, DIM);
  model.load(initialParameters(spec.layout, 7), initialStatistics(spec.layout));
  const images = byteImages(1, BATCH, SIZE);
  const labels = Int32Array.from({ length: BATCH }, (_, i) => i % CLASSES);
  let steps = 0;
  return {
    step: () => {
      steps += 1;
      const slice = model.lossAndGradient(images, labels, ['step', steps]);
      return hashOf([
        Float64Array.of(slice.lossSum),
        slice.gradient,
        slice.statistics,
        model.features(images, BATCH),
      ]);
    },
    cluster: () => {
      const total = noSums(K, DIM, 0);
      rows.sum(features.subarray(0, K * DIM), total);
      return hashOf([
        rows.assign(features.subarray(0, K * DIM), K).labels,
        total.sums,
        total.counts,
      ]);
    },
    whiten: () => {
      const moments = clustering.moments(features, ROWS, DIM);
      const whitening = clustering.solve(moments, { outDim: OUT_DIM, epsilon: 0 });
      return hashOf([moments.outer, clustering.project(whitening, features, ROWS)]);
    },
    end: () => {
      rows.release();
      model.dispose();
    },
  };
}

export function modelOn(engine: Engine): Model {
  return createModel(spec, engine);
}

/** Two steps, a clustering and a whitening. */
export type Digest = readonly [first: string, second: string, cluster: string, whiten: string];

export function digestOf(engine: Engine): Digest {
  const work = begin(engine, modelOn(engine));
  const digest: Digest = [work.step(), work.step(), work.cluster(), work.whiten()];
  work.end();
  return digest;
}

/**
 * The same by an engine that is alone in a process of its own.
 * @param startEngine expression of an engine, for a program that can import files of this
 * repository
 */
export function digestAlone(engine: string, imports: readonly string[]): Digest {
  const program = `
    ${imports.join('\n')}
    import { digestOf } from ${JSON.stringify(import.meta.url)};
    console.log(JSON.stringify(digestOf(${engine})));
  `;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', program],
    { encoding: 'utf8', cwd: packageRoot() },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Digest;
}

function hashOf(arrays: readonly NodeJS.TypedArray[]): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of arrays) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}
