/**
 * The network of a saved run on an engine of this process: features and clusters of any images.
 * Shapes: m images that could be read, D dimensions of the representation, d of the rows that
 * clusters are told apart by.
 */
import type { NearestTwo } from '../clustering/nearest-two.ts';
import { createImageLoader, type ImageLoader } from '../data/loader/loader.ts';
import { openImageSource, type ImageSource } from '../data/source/source.ts';
import type { UnreadableImage } from '../data/source/unreadable.ts';
import type { Engine, EngineFacts } from '../engine/engine.ts';
import type { EngineChoice } from '../engine/registry.ts';
import { startEngine } from '../engine/start.ts';
import { describeModel, type ModelSpec } from '../nn/architectures.ts';
import { createModel, type Model } from '../nn/model.ts';
import { clusteringRows, clustersOfRows } from './clustering-space.ts';
import type { Centroids, OpenedRun } from './open-run.ts';

/** Images that are read, and go through the network, at a time. */
const BATCH_IMAGES = 128;

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
  const { config, parameters, statistics } = run;
  const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
  const model = createModel(spec, engine);
  model.load(parameters, statistics);
  return {
    engine,
    dim: spec.representationDim,
    embed: async (images, options = {}) => {
      const source = await openImageSource(images);
      const loader = createImageLoader({ source, config: config.data, seed: config.seed });
      try {
        return await embedAll({ run, engine, model, spec, source, loader }, options);
      } finally {
        loader.close();
      }
    },
    close: async () => {
      model.dispose();
      await engine.close();
    },
  };
}

export interface Embedding {
  readonly run: OpenedRun;
  readonly engine: Engine;
  readonly model: Model;
  readonly spec: ModelSpec;
  readonly source: ImageSource;
  readonly loader: ImageLoader;
}

async function embedAll(
  embedding: Embedding,
  { signal, onProgress }: EmbedOptions,
): Promise<EmbeddedImages> {
  const { model, spec, source, loader, run } = embedding;
  const { count } = source;
  const { representationDim: dim } = spec;
  const features = new Float32Array(count * dim);
  const clusters = new Int32Array(count);
  const distances = new Float32Array(count);
  const seconds = new Int32Array(count);
  const secondDistances = new Float32Array(count);
  const paths: string[] = [];
  const unreadable: UnreadableImage[] = [];
  for (let begin = 0; begin < count; begin += BATCH_IMAGES) {
    const end = Math.min(count, begin + BATCH_IMAGES);
    const ids = Int32Array.from({ length: end - begin }, (_, i) => begin + i);
    const views = await loader.centre(ids, signal);
    unreadable.push(...views.unreadable);
    const { length: rows } = views.ids;
    if (rows > 0) {
      const { length: from } = paths;
      features.set(model.features(views.pixels, rows, 'representation'), from * dim);
      if (run.centroids !== null) {
        const found = clustersOf(
          model.features(views.pixels, rows),
          rows,
          run.centroids,
          embedding,
        );
        clusters.set(found.first, from);
        distances.set(found.distances, from);
        seconds.set(found.second, from);
        secondDistances.set(found.secondDistances, from);
      }
      for (const id of views.ids) paths.push(source.path(id));
    }
    onProgress?.(end, count);
  }
  const { length: m } = paths;
  const isClustered = run.centroids !== null;
  return {
    paths,
    features: features.slice(0, m * dim),
    dim,
    clusters: isClustered ? clusters.slice(0, m) : null,
    distances: isClustered ? distances.slice(0, m) : null,
    seconds: isClustered ? seconds.slice(0, m) : null,
    secondDistances: isClustered ? secondDistances.slice(0, m) : null,
    unreadable,
  };
}

/** As the run assigns its own images. */
function clustersOf(
  features: Float32Array,
  rows: number,
  centroids: Centroids,
  { run, engine }: Embedding,
): NearestTwo {
  return clustersOfRows(run, clusteringRows(run, engine, features, rows), centroids);
}
