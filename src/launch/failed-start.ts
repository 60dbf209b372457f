/**
 * A launch that failed before its run had a checkpoint, by what no retry mends, leaves nothing that
 * stands in the way of the next.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { CHECKPOINTS, configFileOf, holdsRun, unmakeRunFolder } from '../run/folder.ts';
import { takeRunFolder } from '../run/lock/take-folder.ts';

/**
 * Takes back that the folder holds a run. Where nothing had been written but logs, which say no
 * more than the error, these go, and the folders that this launch made.
 * @param made the first folder that was made for `out/logs`; undefined: none
 */
export async function undoFailedStart(out: string, made: string | undefined): Promise<void> {
  if (holdsRun(out)) {
    await forgetRun(out);
  } else if (made !== undefined) {
    rmSync(join(out, 'logs'), { recursive: true, force: true });
    unmakeRunFolder(out, made);
  }
}

/** Only while nobody else has the folder: another process may have begun a run in it by now. */
async function forgetRun(out: string): Promise<void> {
  const { signal } = new AbortController();
  const options = { isWaiting: false, takesOver: false, signal };
  const taken = await takeRunFolder(out, nanoid(10), options).catch(() => null);
  if (taken === null) return;
  try {
    if (!existsSync(join(out, CHECKPOINTS))) rmSync(configFileOf(out), { force: true });
  } finally {
    taken.release();
  }
}
