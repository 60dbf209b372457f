/** The network of this process, and which version of the parameters it holds. */
import type { AlgorithmWork } from '../src/algorithms/work.ts';
import type { RunConfig } from '../src/config/schema.ts';
import { TrainerError } from '../src/errors.ts';
import type { Model } from '../src/nn/model.ts';
import { hasStaleSteps } from '../src/ps/config.ts';
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

/** Values of a version as they came: in mode `local` a slice begins with them again. */
interface Kept extends Loaded {
  /** [P] and [S] */
  readonly parameters: Float32Array;
  readonly statistics: Float32Array;
}

/** Where steps overlap, a version may be replaced while it is loaded; the next one will do. */
const MOST_PULLS = 8;

export class LoadedNetwork implements NetworkTools {
  readonly model: Model;
  readonly #deps: LoadedNetworkDeps;
  /** Null: values that belong to no version, or none. */
  #loaded: Loaded | null = null;
  /** Of the version loaded last; null: none, and always in mode `sync`. */
  #kept: Kept | null = null;
  #version = 0;
  /** Whether values of a later version will do as well. */
  readonly #takesLater: boolean;

  constructor(deps: LoadedNetworkDeps) {
    this.#deps = deps;
    this.model = deps.model;
    this.#takesLater = hasStaleSteps(deps.config.training);
  }

  get version(): number {
    return this.#version;
  }

  headEpoch(epoch: number): number {
    return this.#deps.algorithm.headEpoch(epoch);
  }

  prefetch(version: number, headEpoch: number): void {
    if (this.#holds(version, headEpoch) || this.#keptOf(version, headEpoch) !== null) return;
    this.#deps.prefetch.parameters(version, headEpoch).catch(() => undefined);
  }

  async load(version: number, headEpoch: number | null, times: Times): Promise<void> {
    if (this.#holds(version, headEpoch)) return;
    const kept = this.#keptOf(version, headEpoch);
    if (kept !== null) {
      await times.span('load parameters', { version }, () => {
        this.model.load(kept.parameters, kept.statistics);
      });
      this.#loaded = kept;
      return;
    }
    const pulls = this.#takesLater ? MOST_PULLS : 1;
    for (let i = 0; i < pulls; i += 1) {
      if (await this.#pull(version, headEpoch, times)) return;
    }
    throw overtaken(version);
  }

  /** @returns whether what was loaded is still what was pulled */
  async #pull(version: number, headEpoch: number | null, times: Times): Promise<boolean> {
    const pulled = this.#deps.prefetch.parameters(version, headEpoch);
    const values = await times.span('wait for pull', { version }, () => pulled);
    const vectors = {
      parameters: vectorOf(values, 'parameters'),
      statistics: vectorOf(values, 'statistics'),
    };
    this.forget();
    await times.span('load parameters', { version }, () => {
      this.model.load(vectors.parameters, vectors.statistics);
    });
    this.#deps.prefetch.releaseParameters();
    const loaded = { version: values.version, headEpoch: values.headEpoch };
    const isLocal = this.#deps.config.training.mode === 'local';
    const copies = isLocal ? copiesOf(vectors) : null;
    if (values.isIntact?.() === false) return false;
    values.release?.();
    this.#loaded = loaded;
    this.#version = loaded.version;
    this.#kept = copies === null ? null : { ...loaded, ...copies };
    return true;
  }

  loadedParameters(): Float32Array {
    return this.#requireKept().parameters;
  }

  loadMoved(parameters: Float32Array): void {
    const { statistics } = this.#requireKept();
    this.#loaded = null;
    this.model.load(parameters, statistics);
  }

  loadInitial(): void {
    const { layout, config } = this.#deps;
    this.#loaded = null;
    this.model.load(initialParameters(layout, config.seed), initialStatistics(layout));
  }

  /** What it holds is not the servers' any more: they may have gone back to a checkpoint. */
  forget(): void {
    this.#loaded = null;
    this.#kept = null;
  }

  #requireKept(): Kept {
    if (this.#kept === null) throw new Error('no version is kept: none is loaded, or mode is sync');
    return this.#kept;
  }

  #keptOf(version: number, headEpoch: number | null): Kept | null {
    return isOf(this.#kept, version, headEpoch) ? this.#kept : null;
  }

  #holds(version: number, headEpoch: number | null): boolean {
    const loaded = this.#loaded;
    const asked = this.#takesLater ? Math.max(version, loaded?.version ?? 0) : version;
    return isOf(loaded, asked, headEpoch);
  }
}

function isOf(loaded: Loaded | null, version: number, headEpoch: number | null): boolean {
  return loaded?.version === version && (headEpoch === null || loaded.headEpoch === headEpoch);
}

function copiesOf({ parameters, statistics }: Pick<Kept, 'parameters' | 'statistics'>) {
  return { parameters: parameters.slice(), statistics: statistics.slice() };
}

/** The server wrote later ones to the same memory, as it may two versions later. */
function overtaken(version: number): TrainerError {
  const what = `parameters of version ${version}`;
  return new TrainerError('GENERATION_FENCED', `${what}: replaced while they were loaded`);
}
