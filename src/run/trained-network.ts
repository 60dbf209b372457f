/**
 * The network of a saved run on an engine of this process: features and clusters of any images.
 * Shapes: m images that could be read, D dimensions of the representation, d of the rows that
 * clusters are told apart by.
 */
import { CentreBatches, idRange } from '../data/loader/centre-batches.ts';
import { createImageLoader, type ImageLoader } from '../data/loader/loader.ts';
import { openImageSource, type ImageSource } from '../data/source/source.ts';
import type { UnreadableImage } from '../data/source/unreadable.ts';
import { embedBatches } from '../embedding/embed-batches.ts';
import { networkOn, type RunNetwork } from '../embedding/network.ts';
import type { EngineFacts } from '../engine/engine.ts';
import type { EngineChoice } from '../engine/registry.ts';
import { startEngine } from '../engine/start.ts';
import { ownLoaderThreads } from '../launch/machine.ts';
import type { OpenedRun } from './open-run.ts';

export interface EmbedOptions {
  readonly signal?: AbortSignal;
  /** Told after each batch how many images are done, those that cannot be read among them. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What a network makes of some images; rows are in the order of the source. */
export interface EmbeddedImages {
  /** [m] of each row, relative to the folder, or as the list has it. */
  readonly paths: readonly string[];
  /** [m, D] float32: the representation, which is what the run was for. */
  readonly features: Float32Array;
  /** D */
  readonly dim: number;
  /** [m] int32 cluster of each row; null where the run has not clustered yet. */
  readonly clusters: Int32Array | null;
  /** [m] float32 Euclidean distance of each row to the centroid of its cluster; null likewise. */
  readonly distances: Float32Array | null;
  /** [m] int32 the cluster that comes next; null likewise. */
  readonly seconds: Int32Array | null;
  /** [m] float32 distance to its centroid; null likewise. */
  readonly secondDistances: Float32Array | null;
  /** Images without a row, and why. */
  readonly unreadable: readonly UnreadableImage[];
}

export interface TrainedNetwork {
  readonly engine: EngineFacts;
  /** D */
  readonly dim: number;
  /**
   * Features and clusters of all images of a folder or a list.
   * @throws TrainerError DATA_UNREADABLE where there are none; the signal's reason
   */
  embed(images: string, options?: EmbedOptions): Promise<EmbeddedImages>;
  /** Ends the engine. */
  close(): Promise<void>;
}

export interface NetworkOptions {
  /** Left out: `auto`, the fastest that loads. */
  readonly engine?: EngineChoice;
  /** Compute threads; left out: as the engine has it. */
  readonly threads?: number;
}

/** @throws TrainerError ENGINE_UNAVAILABLE for a named engine that does not load */
export async function loadNetwork(
  run: OpenedRun,
  { engine: choice = 'auto', threads }: NetworkOptions = {},
): Promise<TrainedNetwork> {
  const engine = await startEngine(choice, threads === undefined ? {} : { threads });
  const network = networkOn(engine, run);
  return {
    engine,
    dim: network.spec.representationDim,
    embed: async (images, options = {}) => {
      const source = await openImageSource(images);
      const { data: config, seed } = run.config;
      const loaderThreads = config.loaderThreads ?? ownLoaderThreads(process.env);
      const loader = createImageLoader({ source, config, seed, threads: loaderThreads });
      try {
        return await embedAll(network, source, loader, options);
      } finally {
        loader.close();
      }
    },
    close: async () => {
      network.model.dispose();
      await engine.close();
    },
  };
}

async function embedAll(
  network: RunNetwork,
  source: ImageSource,
  loader: ImageLoader,
  { signal, onProgress }: EmbedOptions,
): Promise<EmbeddedImages> {
  const { count } = source;
  const { imageSize } = network.values.config.data;
  const batches = new CentreBatches(loader, idRange(0, count), { imageSize, signal });
  let done = 0;
  const onImages = (images: number): void => {
    done += images;
    onProgress?.(done, count);
  };
  const options = { layer: 'representation', withSeconds: true, onImages } as const;
  const { rows } = await embedBatches(network, batches, count, options);
  const { ids, features, clusters, details, unreadable } = rows;
  return {
    paths: Array.from(ids, (id) => source.path(id)),
    features: features!,
    dim: network.spec.representationDim,
    clusters,
    distances: details?.distances ?? null,
    seconds: details?.seconds ?? null,
    secondDistances: details?.secondDistances ?? null,
    unreadable,
  };
}
