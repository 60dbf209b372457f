/** The network of this process, and which version of the parameters it holds. */
import type { AlgorithmWork } from '../src/algorithms/work.ts';
import type { RunConfig } from '../src/config/schema.ts';
import { TrainerError } from '../src/errors.ts';
import type { Model } from '../src/nn/model.ts';
import { initialParameters, initialStatistics } from '../src/ps/initial-values.ts';
import type { ParameterLayout } from '../src/ps/layout.ts';
import { vectorOf } from '../src/rpc/named-vectors.ts';
import type { NetworkTools, Times } from '../src/work/tools.ts';
import type { Prefetch } from './prefetch.ts';

export interface LoadedNetworkDeps {
  readonly config: RunConfig;
  readonly layout: ParameterLayout;
  readonly model: Model;
  readonly prefetch: Pick<Prefetch, 'parameters' | 'releaseParameters'>;
  readonly algorithm: Pick<AlgorithmWork, 'headEpoch'>;
}

/** The head's epoch is of the clustering that the head belongs to. */
interface Loaded {
  readonly version: number;
  readonly headEpoch: number;
}

export class LoadedNetwork implements NetworkTools {
  readonly model: Model;
  readonly #deps: LoadedNetworkDeps;
  /** Null: values that belong to no version, or none. */
  #loaded: Loaded | null = null;

  constructor(deps: LoadedNetworkDeps) {
    this.#deps = deps;
    this.model = deps.model;
  }

  headEpoch(epoch: number): number {
    return this.#deps.algorithm.headEpoch(epoch);
  }

  prefetch(version: number, headEpoch: number): void {
    if (this.#holds(version, headEpoch)) return;
    this.#deps.prefetch.parameters(version, headEpoch).catch(() => undefined);
  }

  async load(version: number, headEpoch: number | null, times: Times): Promise<void> {
    if (this.#holds(version, headEpoch)) return;
    const pulled = this.#deps.prefetch.parameters(version, headEpoch);
    const values = await times.span('wait for pull', { version }, () => pulled);
    await times.span('load parameters', { version }, () => {
      this.#loaded = null;
      this.model.load(vectorOf(values, 'parameters'), vectorOf(values, 'statistics'));
    });
    this.#deps.prefetch.releaseParameters();
    if (values.isIntact?.() === false) throw overtaken(version);
    values.release?.();
    this.#loaded = { version, headEpoch: values.headEpoch };
  }

  loadInitial(): void {
    const { layout, config } = this.#deps;
    this.#loaded = null;
    this.model.load(initialParameters(layout, config.seed), initialStatistics(layout));
  }

  /** What it holds is not the servers' any more: they may have gone back to a checkpoint. */
  forget(): void {
    this.#loaded = null;
  }

  #holds(version: number, headEpoch: number | null): boolean {
    const { version: held, headEpoch: heldHead } = this.#loaded ?? {};
    return held === version && (headEpoch === null || heldHead === headEpoch);
  }
}

/** The server wrote later ones to the same memory, as it may two versions later. */
function overtaken(version: number): TrainerError {
  const what = `parameters of version ${version}`;
  return new TrainerError('GENERATION_FENCED', `${what}: replaced while they were loaded`);
}
