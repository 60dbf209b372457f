/**
 * One call at a time makes a file: it says so in `FILE.claim`, beside it. A claim whose process
 * has ended counts no more. It keeps people from a mistake, and nothing rests on it: blocks are
 * whole or not there, whoever writes them.
 */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { nanoid } from 'nanoid';
import { TrainerError, messageOf, unavailable } from '../errors.ts';
import { hasEnded, holderFrom, ownHolder } from '../run/lock/process-life.ts';

/**
 * @returns gives the claim up
 * @throws TrainerError CONFIG_INVALID for a file that cannot be made there, UNAVAILABLE where
 *   another call makes it
 */
export function claimFile(out: string): () => void {
  requireNoFolder(out);
  const claim = `${out}.claim`;
  // The second time the claim of a process that has ended is gone.
  for (const isLast of [false, true]) {
    try {
      const descriptor = openSync(claim, 'wx');
      writeSync(descriptor, `${JSON.stringify(ownHolder(nanoid(), Date.now()))}\n`);
      closeSync(descriptor);
      return () => {
        rmSync(claim, { force: true });
      };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') throw invalid(out, 'its folder is not there; make it');
      if (code === 'EACCES' || code === 'EROFS') {
        throw invalid(out, `its folder cannot be written to (${messageOf(error)})`);
      }
      if (code !== 'EEXIST') throw error;
      requireEnded(out, claim, isLast);
      rmSync(claim, { force: true });
    }
  }
  throw new TypeError('a claim was neither made nor refused');
}

function requireNoFolder(out: string): void {
  const found = statSync(out, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) throw invalid(out, 'is a folder');
}

function requireEnded(out: string, claim: string, isLast: boolean): void {
  let saved: unknown = null;
  try {
    saved = JSON.parse(readFileSync(claim, 'utf8'));
  } catch {
    // Gone by now, or of a process that died while it wrote it.
  }
  const holder = holderFrom(saved);
  if (!isLast && (holder === null || hasEnded(holder))) return;
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  const remedy = `wait for its end; if it has ended, remove ${claim}`;
  throw unavailable(`file ${out}`, `${who} is making it; ${remedy}`);
}

function invalid(out: string, problem: string): TrainerError {
  const remedy = 'or name a file in another folder';
  return new TrainerError('CONFIG_INVALID', `file ${out}: ${problem}, ${remedy}`, { out });
}
