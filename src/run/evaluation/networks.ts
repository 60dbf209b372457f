/**
 * The networks that an evaluation compares, and their outputs for the same images: that of the
 * run, and the same one with the initial values of the run's seed.
 */
import { createImageLoader, type ImageLoader, type LoadedViews } from '../../data/loader/loader.ts';
import type { ImageSource } from '../../data/source/source.ts';
import type { UnreadableImage } from '../../data/source/unreadable.ts';
import type { Engine } from '../../engine/engine.ts';
import { pixelFeatures } from '../../evaluation/pixels.ts';
import type { ModelSpec } from '../../nn/architectures.ts';
import { createModel } from '../../nn/loaded-model.ts';
import type { Model, NetworkOutput } from '../../nn/model.ts';
import { initialParameters, initialStatistics } from '../../ps/initial-values.ts';
import type { OpenedRun } from '../open-run.ts';
import type { Compared } from './report.ts';

/** Images that are read, and go through a network, at a time. */
const BATCH_IMAGES = 128;
/** Of maps before any pooling, which are up to a megabyte an image. */
const BATCH_MAPS = 32;

export interface NetworksOptions {
  readonly run: OpenedRun;
  /** Of the run's network. */
  readonly spec: ModelSpec;
  readonly engine: Engine;
  readonly source: ImageSource;
  /** Threads that make views. */
  readonly threads: number;
  readonly signal?: AbortSignal;
  /** Told of each pass over the images. */
  readonly onImages: (pass: string, done: number, total: number) => void;
}

/**
 * Which views of images: the deterministic ones, or random ones as the run's first epoch draws
 * them.
 */
type View = 'centre' | 'random';

/** A pass over images. */
export interface Pass {
  /** For people. */
  readonly name: string;
  readonly view: View;
  readonly ids: Int32Array;
  /** Whether maps are read, which are large. */
  readonly isOfMaps?: boolean;
}

/** The views themselves, whichever network it is. */
export type PixelsOutput = 'pixels';

/** An output that a pass is to give. */
export interface Wanted {
  readonly network: keyof Compared<unknown>;
  readonly output: NetworkOutput | PixelsOutput;
  /** Numbers of a row. */
  readonly width: number;
  /** Of a batch, in place of what the network gives: [count, width]. */
  readonly shrink?: (values: Float32Array, count: number) => Float32Array;
}

export interface Outputs {
  /** [m] images with rows, in the order of the pass. */
  readonly ids: Int32Array;
  /** [m, width] of each wanted output. */
  readonly rows: readonly Float32Array[];
  readonly unreadable: readonly UnreadableImage[];
}

export class Networks {
  readonly #options: NetworksOptions;
  readonly #models: Compared<Model>;
  readonly #loader: ImageLoader;

  constructor(options: NetworksOptions) {
    const { run, spec, engine, source, threads } = options;
    const { config, layout, parameters, statistics } = run;
    this.#options = options;
    const [trained, random] = [createModel(spec, engine), createModel(spec, engine)];
    trained.load(parameters, statistics);
    random.load(initialParameters(layout, config.seed), initialStatistics(layout));
    this.#models = { trained, random };
    this.#loader = createImageLoader({ source, config: config.data, seed: config.seed, threads });
  }

  /** @throws the signal's reason */
  async outputs(pass: Pass, wanted: readonly Wanted[]): Promise<Outputs> {
    const rows = wanted.map(({ width }) => new Float32Array(pass.ids.length * width));
    const read: number[] = [];
    const unreadable: UnreadableImage[] = [];
    await this.#eachBatch(pass, ({ pixels, ids, unreadable: failed }) => {
      unreadable.push(...failed);
      const { length: count } = ids;
      if (count === 0) return;
      wanted.forEach(({ network, output, width, shrink }, i) => {
        const values =
          output === 'pixels'
            ? pixelFeatures(pixels, count, this.#options.run.config.data.imageSize)
            : this.#models[network].features(pixels, count, output);
        rows[i]!.set(shrink?.(values, count) ?? values, read.length * width);
      });
      read.push(...ids);
    });
    return {
      ids: Int32Array.from(read),
      rows: rows.map((all, i) => all.subarray(0, read.length * wanted[i]!.width)),
      unreadable,
    };
  }

  close(): void {
    this.#loader.close();
    this.#models.trained.dispose();
    this.#models.random.dispose();
  }

  /** The next batch is read while one is computed. */
  async #eachBatch(
    { name, view, ids, isOfMaps = false }: Pass,
    take: (views: LoadedViews) => void,
  ): Promise<void> {
    const { onImages, signal } = this.#options;
    const size = isOfMaps ? BATCH_MAPS : BATCH_IMAGES;
    const load = (begin: number): Promise<LoadedViews> => {
      const batch = ids.subarray(begin, begin + size);
      return view === 'centre'
        ? this.#loader.centre(batch, signal)
        : this.#loader.random(batch, null, 0, signal);
    };
    let next: Promise<LoadedViews> | null = load(0);
    for (let begin = 0; begin < ids.length; begin += size) {
      const views: LoadedViews = await next!;
      const after = begin + size;
      next = after < ids.length ? load(after) : null;
      // A failure is thrown where it is awaited, if it comes to that.
      next?.catch(() => undefined);
      take(views);
      onImages(name, Math.min(ids.length, after), ids.length);
    }
  }
}
