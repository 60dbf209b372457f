/**
 * Opens the images of a run that has begun, and waits for those that are missing: a share that is
 * not mounted, or only half of it, comes back by itself more often than not. Time and the opening
 * itself are handed in.
 */
import { stat } from 'node:fs/promises';
import { TrainerError, unavailable } from '../../errors.ts';
import type { ImageSource } from './source.ts';

export interface AwaitedImages {
  /** Opens them as they are now. */
  readonly open: () => Promise<ImageSource>;
  /** What is missing, in words that begin a sentence; null: nothing, or what no waiting mends. */
  readonly missing: (source: ImageSource) => Promise<string | null> | string | null;
  /** What a person can do, for the end of the message. */
  readonly remedy: string;
  /** Time to wait (data.waitMs); 0 looks once. */
  readonly waitMs: number;
  readonly nowMs: () => number;
  /** Waits so long, or until the signal is given. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  /** Called once, when the wait begins. */
  readonly onMissing: (reason: string) => void;
}

/** Between two looks; longer where a look takes longer [ms]. */
const LOOK_MS = 1_000;

/**
 * The images, as soon as none is missing.
 * @throws the signal's reason; TrainerError UNAVAILABLE once the time is over; what `open` throws
 *   for another reason than absence
 */
export async function awaitImages(awaited: AwaitedImages): Promise<ImageSource> {
  const { waitMs, nowMs, pause, signal, onMissing, remedy } = awaited;
  const seconds = `${waitMs / 1000} s (data.waitMs)`;
  const endMs = nowMs() + waitMs;
  for (let isTold = false; ; isTold = true) {
    signal.throwIfAborted();
    const startMs = nowMs();
    const found = await look(awaited);
    if (typeof found !== 'string') return found;
    const nextMs = Math.max(LOOK_MS, nowMs() - startMs);
    const leftMs = endMs - nowMs();
    if (leftMs <= 0) {
      throw unavailable('images of the run', `${found}; waited for ${seconds}; ${remedy}`);
    }
    if (!isTold) onMissing(`${found}; looking again for ${seconds}`);
    await pause(Math.min(nextMs, leftMs), signal);
  }
}

/** The images, or what is missing. */
async function look({ open, missing }: AwaitedImages): Promise<ImageSource | string> {
  try {
    const source = await open();
    return (await missing(source)) ?? source;
  } catch (error) {
    const { details = {} } = error instanceof TrainerError ? error : {};
    if (details['isAbsent'] !== true) throw error;
    return `data ${String(details['where'])}: ${String(details['problem'])}`;
  }
}

/** The first of some places that is there; the first of all where none is. */
export async function firstThere(places: readonly [string, ...string[]]): Promise<string> {
  for (const place of places) {
    const isThere = await stat(place).then(
      () => true,
      () => false,
    );
    if (isThere) return place;
  }
  return places[0];
}
