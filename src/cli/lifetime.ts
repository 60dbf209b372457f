/**
 * How long a process of the run should go on, and its line to the launcher. It stops on SIGTERM, on
 * Ctrl-C and with its terminal when a person started it, and when the launcher that started it is
 * gone: nothing of a run outlives it.
 */
import { armFailpointsFrom } from '../process/failpoint-setting.ts';
import { EXIT, TrainerError, exitCodeOf, messageOf, needsPerson, unavailable } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Notice } from '../telemetry/notice.ts';
import { outliveReaders, stopsOnHangup } from './hangup.ts';

export interface Lifetime {
  /** Aborted once the process should stop; the reason is a TrainerError UNAVAILABLE. */
  readonly signal: AbortSignal;
  /** Tells the launcher; does nothing where a person started the process. */
  readonly notify: (notice: Notice) => void;
}

/**
 * Time a process has to stop in order after its launcher died, before it is ended: an orphan helps
 * nobody [ms].
 */
const ORPHAN_GRACE_MS = 30_000;

/**
 * Runs the main of a process within its lifetime, and tells the log and the launcher how it ended;
 * closes the log.
 * @throws what `run` throws; UNAVAILABLE where it was stopped, so that the exit code says "try
 *   again"
 */
export async function withLifetime(
  name: string,
  logger: Logger,
  run: (lifetime: Lifetime) => Promise<void>,
): Promise<void> {
  const isLaunched = process.send !== undefined;
  const stop = new AbortController();
  const stopFor = (reason: string): void => {
    stop.abort(unavailable(name, `stopped by ${reason}`));
  };
  const onTerminate = (): void => {
    if (stop.signal.aborted && !isLaunched) process.exit(EXIT.retry);
    stopFor('SIGTERM');
  };
  const onInterrupt = (): void => {
    // A Ctrl-C reaches all processes of the terminal; the launcher decides which of its own stop,
    // and when.
    if (isLaunched) return;
    if (stop.signal.aborted) process.exit(EXIT.retry);
    stopFor('Ctrl-C');
  };
  const onHangup = (): void => {
    // A closed terminal reaches all its processes, too.
    if (!isLaunched && stopsOnHangup()) stopFor('the end of its terminal');
  };
  const onDisconnect = (): void => {
    stopFor('the end of its launcher');
    setTimeout(() => process.exit(EXIT.retry), ORPHAN_GRACE_MS).unref();
  };
  const sender = noticeSender();
  process.on('SIGTERM', onTerminate).on('SIGINT', onInterrupt).on('SIGHUP', onHangup);
  if (isLaunched) {
    process.on('disconnect', onDisconnect);
    // The reader of this pipe may be gone first; that must not end the process in the middle of its
    // checkpoint.
    outliveReaders([process.stderr, process.stdout]);
  }
  try {
    armFailpointsFrom(process.env);
    await run({ signal: stop.signal, notify: sender.notify });
    stop.signal.throwIfAborted();
  } catch (error) {
    const reason: unknown =
      stop.signal.aborted && !(error instanceof TrainerError) ? stop.signal.reason : error;
    const isElsewhere = reason instanceof TrainerError && reason.code === 'FOLDER_HELD';
    const failure = { exitCode: exitCodeOf(reason), message: messageOf(reason) };
    sender.notify({
      ...{ type: 'failed', ...failure },
      ...(isElsewhere ? { isElsewhere } : {}),
      ...(needsPerson(reason) ? { needsPerson: true } : {}),
    });
    // The message of an expected error says it all; of another one, a developer needs the stack.
    if (!(reason instanceof TrainerError)) {
      logger.error('process.crashed', { reason: messageOf(reason), error: reason });
    }
    throw reason;
  } finally {
    await logger.close();
    await sender.drained();
    process.off('SIGTERM', onTerminate).off('SIGINT', onInterrupt).off('SIGHUP', onHangup);
    process.off('disconnect', onDisconnect);
  }
}

/** Sends notices, and knows when the last has left. */
function noticeSender(): { notify: (notice: Notice) => void; drained: () => Promise<void> } {
  const sends = new Set<Promise<void>>();
  return {
    notify(notice) {
      if (process.send === undefined || !process.connected) return;
      const send = new Promise<void>((resolve) => {
        process.send?.(notice, undefined, undefined, () => {
          resolve(); // a launcher that is gone needs no news
        });
      });
      sends.add(send);
      void send.then(() => sends.delete(send));
    },
    async drained() {
      await Promise.all(sends);
    },
  };
}
