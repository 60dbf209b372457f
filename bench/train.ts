/**
 * `deepcluster bench train`: a training step and a feature pass of each network, as a worker does
 * them: uint8 images in, a flat gradient or features out, both in host memory. The peer is PyTorch
 * (bench/peers/torch_networks.py).
 */
import { nonFinite } from '../src/errors.ts';
import { seededRng } from '../src/math/rng.ts';
import { describeModel, type ModelSpec } from '../src/nn/architectures.ts';
import { modelConfigSchema } from '../src/nn/config.ts';
import { multiplyAdds, trainingMultiplyAdds } from '../src/nn/layers.ts';
import { createModel } from '../src/nn/loaded-model.ts';
import type { Model } from '../src/nn/model.ts';
import { initialParameters, initialStatistics } from '../src/ps/initial-values.ts';
import type { EngineCase, Prepared } from './measure.ts';
import type { PeerWork } from './peer.ts';

type Mode = 'step' | 'forward';

interface Network {
  readonly architecture: string;
  readonly imageSize: number;
  /** K, the head's outputs. */
  readonly classes: number;
  readonly sobel: boolean;
  /** Batch sizes of each row. */
  readonly batches: Readonly<Record<Mode, readonly number[]>>;
}

/** What is published of each network, and the demo's for the small one. */
const NETWORKS: readonly Network[] = [
  {
    architecture: 'alexnet-bn',
    imageSize: 224,
    classes: 1000,
    sobel: true,
    batches: { step: [64, 32], forward: [64, 32] },
  },
  {
    architecture: 'resnet50',
    imageSize: 224,
    classes: 1000,
    sobel: false,
    batches: { step: [32], forward: [64, 32] },
  },
  {
    architecture: 'small-convnet',
    imageSize: 64,
    classes: 40,
    sobel: true,
    batches: { step: [32], forward: [32] },
  },
];

/** Enough to go through every kernel. */
const QUICK_BATCH = 4;
const SEED = 1;

export function trainCases(isQuick: boolean): EngineCase[] {
  return NETWORKS.flatMap(({ architecture, sobel, imageSize, classes, batches }) => {
    // A network of the table that this release does not know yet has no rows.
    const config = modelConfigSchema.safeParse({ architecture, sobel });
    if (!config.success) return [];
    const spec = describeModel(config.data, imageSize, classes);
    const { dropout } = config.data;
    const peer = { architecture, sobel, size: imageSize, classes, dropout };
    return (['step', 'forward'] as const).flatMap((mode) =>
      (isQuick ? [QUICK_BATCH] : batches[mode]).map((batch) =>
        caseOf(spec, mode, batch, { ...peer, batch, mode }),
      ),
    );
  });
}

function caseOf(spec: ModelSpec, mode: Mode, batch: number, peerWork: PeerWork): EngineCase {
  const { layers, featureLayer, input } = spec;
  const products =
    mode === 'step'
      ? trainingMultiplyAdds(layers, input)
      : multiplyAdds(layers.slice(0, featureLayer + 1), input);
  return {
    name: `train/${spec.architecture}/${mode}/b${batch}`,
    quantity: { unit: 'images/s', images: batch, flops: 2 * products * batch },
    isGemmLimited: true,
    prepare: (engine) => prepare(createModel(spec, engine), spec, mode, batch, peerWork),
  };
}

function prepare(
  model: Model,
  spec: ModelSpec,
  mode: Mode,
  batch: number,
  peerWork: PeerWork,
): Prepared {
  const { layout, imageSize, classes } = spec;
  model.load(initialParameters(layout, SEED), initialStatistics(layout));
  const rng = seededRng(SEED, 'bench', spec.architecture);
  const images = new Uint8Array(batch * imageSize ** 2 * 3).map(() => rng.integer(256));
  const pseudoLabels = new Int32Array(batch).map(() => rng.integer(classes));
  return {
    run: mode === 'step' ? stepOf(model, images, pseudoLabels) : forwardOf(model, images, batch),
    peerWork: () => peerWork,
    dispose: () => {
      model.dispose();
    },
  };
}

function stepOf(model: Model, images: Uint8Array, pseudoLabels: Int32Array): () => void {
  let step = 0;
  return () => {
    const { lossSum } = model.lossAndGradient(images, pseudoLabels, [SEED, 'dropout', step]);
    step += 1;
    requireFinite('loss', lossSum);
  };
}

function forwardOf(model: Model, images: Uint8Array, batch: number): () => void {
  return () => {
    requireFinite('feature', model.features(images, batch)[0]!);
  };
}

/** A time for work that went wrong is worth nothing. @throws TrainerError NON_FINITE */
function requireFinite(what: string, value: number): void {
  if (!Number.isFinite(value)) throw nonFinite(what, value, 'the engine computes wrongly here');
}
