/**
 * Takes a run's folder for a coordinator, and gives heartbeats from then on; or looks whether a
 * run could take it.
 */
import { makeRunFolder } from '../folder.ts';
import { messageOf } from '../../errors.ts';
import { pause } from '../../process/pause.ts';
import { ownHolder } from './process-life.ts';
import { RunLock, untilFree, type AcquireOptions, type LockTimes } from './run-lock.ts';
import { TermFolder } from './term-folder.ts';

export interface TakeOptions {
  /** Wait for the end of a holder that lives. */
  readonly isWaiting: boolean;
  /** Take it from whoever holds it. */
  readonly takesOver: boolean;
  readonly signal: AbortSignal;
  /** Told once when the folder is found held, with a sentence for people. */
  readonly onHeld?: (reason: string) => void;
  /** Left out: those of a real run. */
  readonly times?: LockTimes;
}

/**
 * A coordinator's main thread can stand still for seconds while it plans an epoch of millions of
 * images. To lose the folder costs the work since the last checkpoint, and only where another
 * process asks for it.
 */
export const LOCK_TIMES: LockTimes = { beatMs: 1_000, leaseMs: 10_000 };

export interface TakenFolder {
  readonly lock: RunLock;
  /** Where the files of the newest term pass through. */
  readonly staging: () => string;
  /** Gives it up. */
  readonly release: () => void;
}

/**
 * Takes the folder once it is free; makes it if it is not there.
 * @param incarnation of this process
 * @param onTrouble told when a heartbeat could not be given, at most once in a row
 * @throws TrainerError FOLDER_HELD; CONFIG_INVALID where it cannot be written to; the signal's
 *   reason
 */
export async function takeRunFolder(
  path: string,
  incarnation: string,
  options: TakeOptions & { readonly onTrouble?: (reason: string) => void },
): Promise<TakenFolder> {
  makeRunFolder(path);
  const store = new TermFolder(path, Date.now);
  const { times = LOCK_TIMES } = options;
  const holder = ownHolder(incarnation, Date.now());
  const lock = await RunLock.acquire(store, holder, acquireOptions(options));
  let isTroubled = false;
  const timer = setInterval(() => {
    try {
      lock.beat();
      isTroubled = false;
    } catch (error) {
      // A share that is away for a while: nothing can be written meanwhile, and who has the folder
      // then will show.
      if (!isTroubled) options.onTrouble?.(messageOf(error));
      isTroubled = true;
    }
  }, times.beatMs);
  // It must not keep a process alive that is done.
  timer.unref();
  return {
    lock,
    staging: () => store.staging(lock.term),
    release: () => {
      clearInterval(timer);
      lock.release();
    },
  };
}

/**
 * Waits until a run's folder could be taken, and takes nothing.
 * @throws TrainerError FOLDER_HELD; the signal's reason
 */
export async function requireFreeFolder(path: string, options: TakeOptions): Promise<void> {
  await untilFree(new TermFolder(path, Date.now), acquireOptions(options));
}

function acquireOptions({ times = LOCK_TIMES, ...options }: TakeOptions): AcquireOptions {
  return {
    ...options,
    times,
    pause,
  };
}
