/**
 * What a worker fetches or decodes before its turn comes: parameters, artifacts, random views. Each
 * is begun once, shared by the orders that need it, and let go soon after: what is wanted again is
 * simply fetched again.
 */
import type { NamedArrays } from '../src/arrays/safetensors.ts';
import { idRange } from '../src/data/loader/centre-batches.ts';
import type { ImageLoader, LoadedViews } from '../src/data/loader/loader.ts';
import type { NamedVectors } from '../src/rpc/named-vectors.ts';
import type { ParameterServers } from '../src/server-clients/parameter-servers.ts';
import { traceNowUs, type Trace } from '../src/telemetry/trace.ts';
import type { Draws, SmallCrop } from '../src/data/loader/drawn-views.ts';
import type { ShardRange, SliceName } from '../src/work/tools.ts';
import { ShardBatches } from './image-batches.ts';
import type { CoordinatorClient } from './service.ts';

export interface PrefetchDeps {
  /** Of views [px]. */
  readonly imageSize: number;
  readonly coordinator: Pick<CoordinatorClient, 'artifact'>;
  readonly parameters: Pick<ParameterServers, 'pull'>;
  readonly loader: ImageLoader;
  readonly trace?: Trace;
  readonly signal: AbortSignal;
}

/** A clustering refers to its whitening and to two versions of centroids at a time. */
const ARTIFACTS_KEPT = 3;
/** Data shards whose first batches are made before their order's turn. */
const SHARDS_AHEAD = 2;
/**
 * Slices whose views are decoded or being decoded: of two units in flight the next slice and those
 * that follow it (src/work/train-slice.ts).
 */
const SLICES_AHEAD = 6;

export class Prefetch {
  readonly #deps: PrefetchDeps;
  /** Pulls by version and head, oldest first. */
  readonly #pulls = new Map<string, Promise<NamedVectors>>();
  /** By name, oldest first. */
  readonly #artifacts = new Map<string, Promise<NamedArrays>>();
  /** By slice, oldest first. */
  readonly #views = new Map<string, Promise<LoadedViews>>();
  /** Likewise. */
  readonly #smallViews = new Map<string, Promise<LoadedViews>>();
  /** By lease: at most SHARDS_AHEAD, those that come first. */
  readonly #shards = new Map<string, ShardBatches>();

  constructor(deps: PrefetchDeps) {
    this.#deps = deps;
  }

  /** @param headEpoch null where the head does not matter */
  parameters(version: number, headEpoch: number | null): Promise<NamedVectors> {
    const { parameters, signal } = this.#deps;
    const key = `${version}/${headEpoch ?? 'any'}`;
    return begun(this.#pulls, key, 1, async () => {
      const beginUs = traceNowUs();
      const values = await parameters.pull(version, signal);
      this.#deps.trace?.beside('pull', beginUs, traceNowUs(), { version });
      return values;
    });
  }

  /** Frees the vectors once the model has taken them. */
  releaseParameters(): void {
    this.#pulls.clear();
  }

  artifact(name: string): Promise<NamedArrays> {
    const { coordinator, signal } = this.#deps;
    return begun(this.#artifacts, name, ARTIFACTS_KEPT, () => coordinator.artifact(name, signal));
  }

  views(name: SliceName, draws: Draws): Promise<LoadedViews> {
    const { loader, signal } = this.#deps;
    const { ids, occurrences } = draws;
    return this.#begunViews(this.#views, name, draws, () =>
      loader.random(ids, occurrences, name.epoch, signal),
    );
  }

  smallViews(name: SliceName, draws: Draws, crop: SmallCrop): Promise<LoadedViews> {
    const { loader, signal } = this.#deps;
    return this.#begunViews(this.#smallViews, name, draws, () =>
      loader.small(draws, name.epoch, crop, signal),
    );
  }

  #begunViews(
    known: Map<string, Promise<LoadedViews>>,
    name: SliceName,
    { ids }: Draws,
    make: () => Promise<LoadedViews>,
  ): Promise<LoadedViews> {
    const key = `${keyOf(name)}${ids.join()}`;
    return begun(known, key, SLICES_AHEAD, async () => {
      const views = await make();
      // The next one who asks reads again: an image that was missing may be back.
      if (views.unreadable.length > 0) known.delete(key);
      return views;
    });
  }

  /** Lets go of a slice's views, so that those of others have room. */
  releaseViews(name: SliceName): void {
    const begin = keyOf(name);
    for (const known of [this.#views, this.#smallViews]) {
      for (const key of known.keys()) if (key.startsWith(begin)) known.delete(key);
    }
  }

  /** Begins the deterministic views of a leased data shard, unless enough are begun already. */
  beginShard(leaseId: string, shard: ShardRange): void {
    if (this.#shards.size < SHARDS_AHEAD) this.#shards.set(leaseId, this.#batchesOf(shard));
  }

  /**
   * The deterministic views of a leased data shard, begun before or now; the caller's from then on.
   */
  takeShard(leaseId: string, shard: ShardRange): ShardBatches {
    const batches = this.#shards.get(leaseId) ?? this.#batchesOf(shard);
    this.#shards.delete(leaseId);
    return batches;
  }

  /** Lets go of the data shards that were begun: their leases belong to others now. */
  releaseShards(): void {
    this.#shards.clear();
  }

  /**
   * Lets go of what belongs to a term that is over: parameters and artifacts of its names may be
   * others now.
   */
  forgetTerm(): void {
    this.#pulls.clear();
    this.#artifacts.clear();
  }

  #batchesOf({ begin, end, leftOut }: ShardRange): ShardBatches {
    const { loader, imageSize, signal } = this.#deps;
    const isLeftOut = new Set(leftOut);
    const ids = idRange(begin, end).filter((id) => !isLeftOut.has(id));
    return new ShardBatches(loader, ids, imageSize, signal);
  }
}

/** Begins the keys of all views of a batch. */
function keyOf({ epoch, step, slice, batch }: SliceName): string {
  return `${epoch}/${step}/${slice}/${batch}/`;
}

/**
 * What was begun under this key, or is now; a failure is forgotten, so that the next one who asks
 * tries again.
 */
function begun<Value>(
  begun: Map<string, Promise<Value>>,
  key: string,
  limit: number,
  begin: () => Promise<Value>,
): Promise<Value> {
  const known = begun.get(key);
  if (known !== undefined) return known;
  const value = begin();
  begun.set(key, value);
  value.catch(() => {
    if (begun.get(key) === value) begun.delete(key);
  });
  for (const oldest of begun.keys()) {
    if (begun.size <= limit) break;
    begun.delete(oldest);
  }
  return value;
}
