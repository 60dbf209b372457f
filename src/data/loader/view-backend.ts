/** Where views are made: the seam between the loader and its threads (loader-pool.ts). */
import type { DataConfig } from '../config.ts';
import type { ImageSource } from '../source/source.ts';
import type { MadeViews, ViewRequest } from './view-maker.ts';

export interface ImageLoaderOptions {
  readonly source: ImageSource;
  readonly config: DataConfig;
  /** Of the run. */
  readonly seed: number;
  /** Threads that views are made on, started by the first call; 0 or left out: the caller's own. */
  readonly threads?: number;
  /** Images read and decoded at a time, over all calls and threads; libuv decodes on 4 threads unless told otherwise. */
  readonly concurrency?: number;
  /** Told what each thread did for each call. */
  readonly onMade?: (thread: number, made: MadeViews) => void;
}

/** A block of n views, and what was wrong with images, by sample id. */
export interface ViewBlock extends Pick<MadeViews, 'failures' | 'damages'> {
  readonly pixels: Uint8Array;
}

/** Makes the views of a request: what differs between one thread and several. */
export interface ViewBackend {
  make(request: ViewRequest, signal?: AbortSignal): Promise<ViewBlock>;
  close(): void;
}
