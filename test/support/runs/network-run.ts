/** A run in one process with a real network, of the smallest kind, on the wasm engine. */
import { startEngine } from '../../../src/engine/start.ts';
import { describeModel, type ModelSpec } from '../../../src/nn/architectures.ts';
import type { ModelConfig } from '../../../src/nn/config.ts';
import { createModel } from '../../../src/nn/loaded-model.ts';
import type { RunSummary } from '../../../src/report/summary.ts';
import { modelConfig } from '../made/model-config.ts';
import { runPlain, type PlainRun } from './in-process-run.ts';

/** Side of its images [px], and its clusters. */
const [SIZE, K] = [32, 4];

export interface NetworkRun extends Pick<PlainRun, 'data' | 'out' | 'resume' | 'settings'> {
  /** Besides those of a network of 4 channels. */
  readonly model?: Partial<ModelConfig>;
  /** Is given the parameters that the worker takes, each time. */
  readonly onLoad?: (parameters: Float32Array, statistics: Float32Array) => void;
}

const MODEL = { architecture: 'small-convnet', width: 4, featureDim: 8, dropout: 0 } as const;

/** The network of such a run. */
export function networkOf(model: Partial<ModelConfig> = {}): ModelSpec {
  return describeModel(modelConfig({ ...MODEL, ...model }), SIZE, K);
}

export async function runNetwork({ model = {}, ...run }: NetworkRun): Promise<RunSummary> {
  const engine = await startEngine('wasm');
  const spec = networkOf(model);
  const network = createModel(spec, engine);
  const named = Object.entries({ ...MODEL, ...model }).filter(([, value]) => value !== null);
  const settings = Object.fromEntries(
    named.map(([key, value]) => [`model.${key}`, value as string | number | boolean]),
  );
  try {
    return await runPlain({
      ...run,
      workers: 1,
      settings: {
        ...settings,
        ...{ 'data.imageSize': SIZE, 'clustering.k': K, 'clustering.pcaDim': 5 },
        ...run.settings,
      },
      compute: () => ({
        engine: engine.name,
        ...{ layout: spec.layout, clustering: engine.clustering },
        ...{ featureDim: spec.featureDim, featureName: spec.featureName },
        representationDim: spec.representationDim,
        representationName: spec.representationName,
        model: {
          load: (parameters, statistics) => {
            run.onLoad?.(parameters, statistics);
            network.load(parameters, statistics);
          },
          features: network.features.bind(network),
          lossAndGradient: network.lossAndGradient.bind(network),
          lossGradientAndFeatures: network.lossGradientAndFeatures.bind(network),
          prototypeGradient: network.prototypeGradient.bind(network),
          swappedGradient: network.swappedGradient.bind(network),
          trainingFeatures: network.trainingFeatures.bind(network),
          memory: network.memory.bind(network),
          dispose: () => undefined,
        },
      }),
    });
  } finally {
    network.dispose();
  }
}
