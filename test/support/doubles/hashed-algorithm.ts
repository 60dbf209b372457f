/**
 * A third algorithm, as small as one can be: an image's pseudo-label is a hash of its id, and
 * nothing is ever clustered. With settings, figures and a strategy of its own; the worker does
 * nothing besides gradients.
 */
import { z } from 'zod';
import { labelledIds, planOf, type EpochPlan } from '../../../src/algorithms/epoch-plan.ts';
import { settingsOf, type SettingsSection } from '../../../src/algorithms/settings.ts';
import type { AlgorithmSpec } from '../../../src/algorithms/spec.ts';
import type {
  EpochEnd,
  EpochStart,
  Strategy,
  StrategyDeps,
  StrategyState,
} from '../../../src/algorithms/strategy.ts';
import { GRADIENT_WORK } from '../../../src/algorithms/work.ts';
import { clusterEntropy, clusterSizes } from '../../../src/clustering/agreement.ts';
import { seededRng } from '../../../src/math/rng.ts';

const schema = z.strictObject({
  /** Added to an image's id before it is hashed. */
  salt: z.int().min(0).default(0),
  /** Steps between lines of figures; the one setting that may change. */
  logInterval: z.int().min(1).default(1),
});

const SETTINGS: SettingsSection<z.infer<typeof schema>> = {
  key: 'hashed',
  schema,
  resumable: ['logInterval'],
};

/** [N] */
export function hashedLabels(images: number, k: number, salt: number): Int32Array {
  return Int32Array.from(
    { length: images },
    (_, id) => (Math.imul(id + salt, 2654435761) >>> 8) % k,
  );
}

class HashedStrategy implements Strategy {
  readonly sliceFacts = null;
  readonly #deps: StrategyDeps;
  #pseudoLabels: Int32Array = new Int32Array(0);
  /** Steps that have been applied since the run began. */
  #steps = 0;

  constructor(deps: StrategyDeps) {
    this.#deps = deps;
  }

  get pseudoLabels(): Int32Array {
    return this.#pseudoLabels;
  }

  memoryShape(): null {
    return null;
  }

  restore({ pseudoLabels, counters }: StrategyState): Promise<void> {
    this.#pseudoLabels = pseudoLabels;
    this.#steps = z.object({ steps: z.int() }).parse(counters).steps;
    return Promise.resolve();
  }

  finalClustering(): null {
    return null;
  }

  beginEpoch(): Promise<EpochStart> {
    const { config, imageCount } = this.#deps;
    const previous = this.#pseudoLabels;
    const { salt } = settingsOf(config, SETTINGS);
    this.#pseudoLabels = hashedLabels(imageCount, config.clustering.k, salt);
    const previousLabels = previous.length === 0 ? null : previous;
    return Promise.resolve({ previousLabels, isClustered: true, inertia: null, refilled: 0 });
  }

  plan(epoch: number): EpochPlan {
    const ids = labelledIds(this.#pseudoLabels);
    const rng = seededRng(this.#deps.config.seed, 'hashed', epoch);
    const keys = Array.from(ids, () => rng.float());
    return planOf(
      epoch,
      ids.toSorted((a, b) => keys[a]! - keys[b]!),
      this.#pseudoLabels,
    );
  }

  stepApplied(): Promise<void> {
    this.#steps += 1;
    return Promise.resolve();
  }

  endEpoch(): { end: EpochEnd; remark: string } {
    const sizes = clusterSizes(this.#pseudoLabels, this.#deps.config.clustering.k);
    const largest = Math.max(...sizes);
    const end = {
      nmiToPrevious: 1,
      nmiToTruth: null,
      emptyClusters: sizes.filter((size) => size === 0).length,
      entropy: clusterEntropy(sizes).normalised,
      figures: { hashed: { largest, steps: this.#steps } },
    };
    return { end, remark: `largest bucket ${largest}` };
  }

  snapshot(): Promise<StrategyState> {
    const [pseudoLabels, counters] = [this.#pseudoLabels, { steps: this.#steps }];
    return Promise.resolve({ pseudoLabels, clustering: {}, counters });
  }
}

export const HASHED: AlgorithmSpec = {
  name: 'hashed',
  label: 'Hashed',
  title: 'Hashed Pseudo-labels',
  description: 'gives each image a pseudo-label by a hash of its id',
  settings: SETTINGS,
  neck: null,
  demoPreset: null,
  smallRun: {},
  clustering: { times: 'never', phases: [], doSettle: true },
  metric: () => 'distance',
  crops: () => 1,
  heads: () => 1,
  figures: {
    key: 'hashed',
    columns: [
      {
        name: 'Largest bucket',
        explanation: 'images with the most frequent hash',
        cell: ({ figures }) => figures?.['hashed']?.['largest'] ?? null,
      },
    ],
    charts: [],
    summarise: (epochs) => ({ largest: epochs.map(({ largest }) => largest) }),
    line: (summary) => `largest buckets ${(summary as { largest: number[] }).largest.join(', ')}`,
  },
  requireImages: () => undefined,
  strategy: (deps) => new HashedStrategy(deps),
  work: () => GRADIENT_WORK,
};
