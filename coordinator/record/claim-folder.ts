/** The claim of a coordinator on its run's folder: waited for, made, and told of. */
import type { RunLock } from '../../src/run/lock/run-lock.ts';
import { takeRunFolder, type TakenFolder } from '../../src/run/lock/take-folder.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import { onceThereIsRoom } from './disk-room.ts';
import type { RunFolder } from './run-folder.ts';

export interface ClaimOptions {
  /** The run's folder. */
  readonly out: string;
  /** Wait for the end of another process that holds it, instead of failing; left out: no. */
  readonly isWaiting?: boolean;
  /** Take it from another process that holds it; left out: no. */
  readonly takesOver?: boolean;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly notify: (notice: Notice) => void;
}

/**
 * Waits for the folder, and for room on its disk, as far as that is asked for.
 * @param incarnation of this process
 * @throws TrainerError FOLDER_HELD
 */
export async function claimFolder(
  incarnation: string,
  { out, isWaiting = false, takesOver = false, logger, notify, signal }: ClaimOptions,
): Promise<TakenFolder> {
  const take = (): Promise<TakenFolder> =>
    takeRunFolder(out, incarnation, {
      ...{ isWaiting, takesOver, signal },
      onHeld: (reason) => {
        logger.warn('folder.held', { reason });
        notify({ type: 'remark', text: `waiting: ${reason}` });
      },
      onTrouble: (reason) => {
        logger.warn('folder.unreachable', { reason });
      },
    });
  // There is no folder yet to write the event to.
  return onceThereIsRoom('the claim on the run folder', take, {
    ...{ folder: { event: () => undefined }, logger, signal },
  });
}

export function tellOfClaim(
  folder: RunFolder,
  { holder, term, takenFrom }: RunLock,
  logger: Logger,
): void {
  const { host, pid } = holder;
  const from = takenFrom === null || takenFrom === 'unknown' ? '' : ` on ${takenFrom.host}`;
  const earlier = takenFrom === null ? '' : `; the silent process${from} before it is shut out`;
  const reason = `process ${pid} on ${host} holds the folder from term ${term} on${earlier}`;
  folder.event('folder.claimed', reason, { host, pid });
  if (takenFrom !== null) logger.warn('folder.taken-over', { reason });
}
