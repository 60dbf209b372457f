/**
 * What a run must write before it can go on: on a full disk it waits until there is room, and says
 * so.
 */
import { messageOf } from '../../src/errors.ts';
import { isDiskFull } from '../../src/process/disk-full.ts';
import { pause } from '../../src/process/pause.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { RunFolder } from './run-folder.ts';

const RETRY_MS = 1_000;
/** Attempts between two lines in the log. */
const QUIET_ATTEMPTS = 60;

export interface RoomToWrite {
  readonly folder: Pick<RunFolder, 'event'>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Writes, again and again while the disk is full.
 * @param what for messages: `the term`, `the result`
 * @throws the signal's reason; what `write` throws for any other reason
 */
export async function onceThereIsRoom<Result>(
  what: string,
  write: () => Result | Promise<Result>,
  { folder, logger, signal }: RoomToWrite,
): Promise<Result> {
  for (let attempt = 0; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await write();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      const reason = `${what} waits for room: ${messageOf(error)}`;
      if (attempt % QUIET_ATTEMPTS === 0) logger.error('disk.full', { reason });
      if (attempt === 0) folder.event('disk.full', reason);
    }
    await pause(RETRY_MS, signal);
  }
}
