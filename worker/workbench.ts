/**
 * What this worker computes with, put together from its engine, its images and its servers, as the
 * kinds of work want it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { algorithmNamed } from '../src/algorithms/registry.ts';
import type { AlgorithmWork } from '../src/algorithms/work.ts';
import type { ClusteringKernels } from '../src/clustering/kernels.ts';
import type { RunConfig } from '../src/config/schema.ts';
import type { ImageLoader } from '../src/data/loader/loader.ts';
import type { ImageSource } from '../src/data/source/source.ts';
import { TrainerError } from '../src/errors.ts';
import type { Model } from '../src/nn/model.ts';
import { exchangeCodings, type VectorCoding } from '../src/ps/codec/vector-coding.ts';
import type { ParameterLayout } from '../src/ps/layout.ts';
import { LocalReplica } from '../src/ps/local-replica.ts';
import type { MemoryServers } from '../src/server-clients/memory-servers.ts';
import type { ParameterServers } from '../src/server-clients/parameter-servers.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import type { Trace } from '../src/telemetry/trace.ts';
import type { Times, ViewTools, WorkTools } from '../src/work/tools.ts';
import { FeatureStore } from './held-features.ts';
import { ShardBatches } from './image-batches.ts';
import { LoadedNetwork } from './loaded-network.ts';
import { Prefetch } from './prefetch.ts';
import type { CoordinatorClient, WorkerIdentity } from './service.ts';

export interface WorkbenchDeps {
  readonly identity: WorkerIdentity;
  readonly config: RunConfig;
  readonly source: ImageSource;
  readonly loader: ImageLoader;
  readonly layout: ParameterLayout;
  readonly featureDim: number;
  readonly representationDim: number;
  readonly model: Model;
  readonly clustering: ClusteringKernels;
  /** Left out: there is none. */
  readonly wideProducts?: NonNullable<WorkTools['wideProducts']>;
  readonly coordinator: Pick<CoordinatorClient, 'artifact'>;
  readonly parameters: Pick<ParameterServers, 'pull' | 'push'>;
  /** Left out: none is used again. */
  readonly gradients?: WorkTools['gradients'];
  readonly memory: Pick<MemoryServers, 'fill' | 'rows'>;
  /** Tells the heartbeat that something got done. */
  readonly advance: () => void;
  /** Tells a person how far a long order is; left out: nobody. */
  readonly tell?: WorkTools['tell'];
  /** Lets messages and timers of this thread through; left out: those that wait. */
  readonly nextTurn?: WorkTools['nextTurn'];
  readonly logger: Logger;
  /** Left out: none is taken. */
  readonly trace?: Trace;
  readonly signal: AbortSignal;
}

const NO_GRADIENTS: WorkTools['gradients'] = {
  begin: () => undefined,
  giveBack: () => undefined,
};

export class Workbench {
  readonly features: FeatureStore;
  readonly #deps: WorkbenchDeps;
  readonly #prefetch: Prefetch;
  readonly #views: ViewTools;
  readonly #network: LoadedNetwork;
  readonly #replica: LocalReplica;
  readonly #algorithm: AlgorithmWork;
  readonly #gradientCoding: VectorCoding | null;
  /** The coordinator's; what was ordered in an earlier one changes nothing any more. */
  #term = 0;
  /** Sessions that have ended: orders of theirs count no more. */
  #sessions = 0;

  constructor(deps: WorkbenchDeps) {
    const { config, layout, loader, signal } = deps;
    const { imageSize } = config.data;
    this.#deps = deps;
    const prefetch = new Prefetch({ ...deps, imageSize });
    const artifact = prefetch.artifact.bind(prefetch);
    this.#prefetch = prefetch;
    this.#views = {
      beginShard: prefetch.beginShard.bind(prefetch),
      takeShard: prefetch.takeShard.bind(prefetch),
      ofSlice: prefetch.views.bind(prefetch),
      smallOfSlice: prefetch.smallViews.bind(prefetch),
      letGo: prefetch.releaseViews.bind(prefetch),
      centre: (ids) => new ShardBatches(loader, ids, imageSize, signal),
    };
    this.features = new FeatureStore(deps.clustering);
    this.#algorithm = algorithmNamed(config.algorithm).work({ ...deps, artifact });
    this.#gradientCoding = exchangeCodings(layout, config.training.codec)?.gradients ?? null;
    this.#network = new LoadedNetwork({ ...deps, prefetch, algorithm: this.#algorithm });
    this.#replica = new LocalReplica(deps.layout, config.training);
  }

  get term(): number {
    return this.#term;
  }

  /**
   * Begins a term: the servers may have gone back to a checkpoint, and what was loaded from them is
   * not theirs any more.
   */
  beginTerm(term: number): void {
    if (term === this.#term) return;
    this.#term = term;
    this.#network.forget();
    this.#prefetch.forgetTerm();
    // Its clustering begins with the features of all data shards, of the images that can be read
    // then.
    this.features.letGo();
    this.#algorithm.forget();
  }

  /** Forgets what was begun for orders of a session that has ended; the features stay. */
  abandonOrders(): void {
    this.#sessions += 1;
    this.#prefetch.releaseShards();
    this.#algorithm.forget();
  }

  /** For one order, of the session under way. @param term that it came in */
  toolsFor(term: number, times: Times): WorkTools {
    const { config, source, featureDim, representationDim, clustering } = this.#deps;
    const { wideProducts = null } = this.#deps;
    const { identity, parameters, memory, logger, advance, signal } = this.#deps;
    const { tell = () => undefined } = this.#deps;
    const session = this.#sessions;
    return {
      ...{
        config,
        source,
        featureDim,
        representationDim,
        clustering,
        wideProducts,
        times,
        logger,
        advance,
        tell,
      },
      network: this.#network,
      replica: this.#replica,
      views: this.#views,
      held: this.features,
      algorithm: this.#algorithm,
      fillMemory: (shard, generation, rows) => memory.fill(shard, generation, rows, signal),
      memoryRows: (step, ids) => memory.rows(step, ids, signal),
      artifact: (name) => this.#prefetch.artifact(name),
      gradients: this.#deps.gradients ?? NO_GRADIENTS,
      gradientCoding: this.#gradientCoding,
      push: (push) => parameters.push({ ...push, ...identity }, signal),
      requireTerm: () => {
        this.#requireTerm(term);
      },
      requireOrder: () => {
        this.#requireTerm(term);
        if (session !== this.#sessions) throw sessionOver();
      },
      nextTurn: this.#deps.nextTurn ?? (() => nextTurn()),
    };
  }

  #requireTerm(term: number): void {
    if (term === this.#term) return;
    throw new TrainerError(
      'GENERATION_FENCED',
      `ordered in term ${term} of the coordinator, which is over; ${this.#term} is current`,
    );
  }
}

function sessionOver(): TrainerError {
  const problem = 'ordered in a session with the coordinator that is over; another has it now';
  return new TrainerError('GENERATION_FENCED', problem);
}
