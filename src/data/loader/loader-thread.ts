/**
 * A loader thread: makes the views of its share of each call, straight into memory that it shares with the caller.
 * The thread's entry is this file itself; loader-pool.ts is its other end.
 */
import { isMainThread, parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { sentError, type SentError } from '../../process/thread-error.ts';
import { readImage, type ImageLocator } from '../source/image-file.ts';
import {
  ViewMaker,
  type MadeViews,
  type ViewMakerOptions,
  type ViewRequest,
} from './view-maker.ts';

export interface LoaderThreadSettings extends ViewMakerOptions {
  /** What this file was started as: other threads may import it, too. */
  readonly role: 'image loader';
}

export type LoaderMessage =
  | {
      readonly kind: 'make';
      readonly call: number;
      readonly request: ViewRequest;
      /** [n] where each sample's image is. */
      readonly locators: readonly ImageLocator[];
      /** The whole call's pixel block. */
      readonly pixels: SharedArrayBuffer;
    }
  | { readonly kind: 'abort'; readonly call: number };

export type LoaderReply =
  | { readonly kind: 'made'; readonly call: number; readonly made: MadeViews }
  | { readonly kind: 'failed'; readonly call: number; readonly error: SentError };

/** Answers the pool's messages until the pool ends the thread. */
function serve(port: MessagePort, settings: LoaderThreadSettings): void {
  const maker = new ViewMaker(settings);
  /** Of the calls under way. */
  const aborts = new Map<number, AbortController>();

  const make = async (message: LoaderMessage & { kind: 'make' }): Promise<void> => {
    const { call, request, locators, pixels } = message;
    const abort = new AbortController();
    aborts.set(call, abort);
    const read = (index: number): Promise<Buffer> => readImage(locators[index]!);
    try {
      const made = await maker.make(request, read, new Uint8Array(pixels), abort.signal);
      port.postMessage({ kind: 'made', call, made } satisfies LoaderReply);
    } catch (error) {
      port.postMessage({ kind: 'failed', call, error: sentError(error) } satisfies LoaderReply);
    } finally {
      aborts.delete(call);
    }
  };

  port.on('message', (message: LoaderMessage) => {
    if (message.kind === 'make') void make(message);
    else aborts.get(message.call)?.abort();
  });
}

if (!isMainThread && parentPort !== null) {
  const settings = workerData as Partial<LoaderThreadSettings> | null;
  if (settings?.role === 'image loader') serve(parentPort, settings as LoaderThreadSettings);
}
