/**
 * The worker's part of SwAV: memory rows of the queue come in and balance the codes of a slice; the
 * unit features of its crops go out with its gradient. Source: Caron et al. 2020
 * (arXiv:2006.09882), section 3.1 and appendix. Shapes: n samples of a slice, V crops, d columns, L
 * images of the queue.
 */
import { stepSizes } from '../../ps/config.ts';
import type { SwappedPrediction } from '../../clustering/swapped-prediction.ts';
import type { MovedRows } from '../../server-clients/sample-shards.ts';
import type { AlgorithmSlice, AlgorithmWork, AlgorithmWorkDeps, SliceLease } from '../work.ts';
import { swavConfigOf, type SwavConfig } from './config.ts';
import { drawsArtifact, drawsFromBundle, queueBefore, stepOf, type EpochDraws } from './queue.ts';

/** What was begun under a name, for all slices that need it. */
interface Begun<Value> {
  readonly key: string;
  readonly value: Promise<Value>;
}

export class SwavWork implements AlgorithmWork {
  readonly crops: number;
  readonly smallCrops = null;
  readonly usesFeatures = true;
  readonly #deps: AlgorithmWorkDeps;
  readonly #config: SwavConfig;
  /** Of the newest epoch. */
  #draws: Begun<EpochDraws> | null = null;
  /** [L, V, d] of the newest step's queue. */
  #rows: Begun<Float32Array> | null = null;

  constructor(deps: AlgorithmWorkDeps) {
    this.#deps = deps;
    this.#config = swavConfigOf(deps.config);
    this.crops = this.#config.crops;
  }

  /** There is no head. */
  headEpoch(): number {
    return -1;
  }

  prepare(order: SliceLease, slice: AlgorithmSlice): void {
    this.#queueOf(order, slice).catch(() => undefined);
  }

  prototypes(): Promise<null> {
    return Promise.resolve(null);
  }

  async swapped(order: SliceLease, slice: AlgorithmSlice): Promise<SwappedPrediction> {
    const { crops, temperature, epsilon, sinkhornIterations: iterations } = this.#config;
    const queue = await this.#queueOf(order, slice);
    const isFrozen = order.epoch < this.#config.freezeEpochs;
    return { crops, temperature, epsilon, iterations, queue, isFrozen };
  }

  forget(): void {
    this.#draws = null;
    this.#rows = null;
  }

  /**
   * The fresh rows take the place of the old ones. The memory tells no clusters apart.
   * @param features [n, V * d] unit features
   */
  moveRows(
    _order: SliceLease,
    { samples: { ids } }: AlgorithmSlice,
    features: Float32Array,
  ): Promise<MovedRows> {
    return Promise.resolve({ ids, rows: features, pseudoLabels: new Int32Array(ids.length) });
  }

  /** Rows as they were before the step. @returns [L, V, d] */
  async #queueOf(
    { epoch, parameterVersion }: SliceLease,
    { samples }: AlgorithmSlice,
  ): Promise<Float32Array> {
    const { config, memory, signal } = this.#deps;
    const { queueLength } = this.#config;
    if (queueLength === 0) return new Float32Array(0);
    const draws = await this.#drawsOf(epoch);
    const begin = stepOf(samples.ids[0]!, draws, stepSizes(config.training).step);
    const key = `${parameterVersion}/${begin}`;
    if (this.#rows?.key === key) return this.#rows.value;
    const ids = queueBefore(draws, begin, queueLength);
    const value =
      ids.length === 0
        ? Promise.resolve(new Float32Array(0))
        : memory.rows(parameterVersion, ids, signal);
    this.#rows = { key, value };
    value.catch(() => {
      // The next one who needs them asks again.
      if (this.#rows?.value === value) this.#rows = null;
    });
    return value;
  }

  #drawsOf(epoch: number): Promise<EpochDraws> {
    const key = drawsArtifact(epoch);
    if (this.#draws?.key === key) return this.#draws.value;
    const value = this.#deps.artifact(key).then(drawsFromBundle);
    this.#draws = { key, value };
    value.catch(() => {
      if (this.#draws?.value === value) this.#draws = null;
    });
    return value;
  }
}
