/**
 * The folder of a run, as a command is given it: a new run needs one without a run, `--resume` one
 * with a run.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  statSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { TrainerError, messageOf } from '../errors.ts';
import type { ConfigSources } from '../config/load.ts';

/** Checkpoints, within a run's folder. */
export const CHECKPOINTS = 'checkpoints';

/** Files for `tensorboard --logdir`, within a run's folder. */
export const BOARD = 'tensorboard';

/** What happened in the run, a JSON object a line. */
export const EVENTS = 'events.jsonl';

/** Who lists the run's images, before anybody has claimed the folder (status/listing-note.ts). */
export const LISTING_NOTE = 'listing.json';

/** The run's id, effective configuration and images: where this file is, there is a run. */
export function configFileOf(folder: string): string {
  return join(folder, 'config.json');
}

export function holdsRun(folder: string): boolean {
  return existsSync(configFileOf(folder));
}

/**
 * @throws TrainerError CONFIG_INVALID for a folder that holds a run already, or holds none to
 *   resume
 */
export function requireRunFolder(folder: string, isResumed: boolean): void {
  if (holdsRun(folder) && !isResumed) {
    const remedy = 'add --resume to go on with it, or name another folder with --out';
    throw folderInvalid(folder, `already holds a run; ${remedy}`);
  }
  if (!holdsRun(folder) && isResumed) {
    throw folderInvalid(folder, 'holds no run to resume; leave --resume out to begin one');
  }
}

/**
 * Makes the folder of a run, or finds it there and fit to be written to.
 * @param inner a folder within it that is made, too
 * @returns the first folder that was made on the way to it, or undefined for none
 * @throws TrainerError CONFIG_INVALID where that cannot be; the file system's error for a full disk
 */
export function makeRunFolder(folder: string, inner = ''): string | undefined {
  try {
    const made = mkdirSync(join(folder, inner), { recursive: true });
    accessSync(join(folder, inner), constants.W_OK | constants.X_OK);
    return made;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // There may be room later: a coordinator waits for it.
    if (code === 'ENOSPC' || code === 'EDQUOT') throw error;
    const remedy = 'name a folder that you may write to with --out';
    throw folderInvalid(folder, `cannot be written to (${messageOf(error)}); ${remedy}`);
  }
}

/**
 * Takes back a {@link makeRunFolder} that nothing has come of: removes the folder and those above
 * it, up to the one that was made first, as long as they are empty.
 */
export function unmakeRunFolder(folder: string, firstMade: string): void {
  removeEmpty(resolve(folder), resolve(firstMade));
}

function removeEmpty(folder: string, last: string): void {
  if (!folder.startsWith(last) || !existsSync(folder) || readdirSync(folder).length > 0) return;
  rmdirSync(folder);
  removeEmpty(dirname(folder), last);
}

/** @returns the error for a folder that a command needs a run in */
export function noRunIn(folder: string): TrainerError {
  return folderInvalid(
    folder,
    'holds no run; name the folder that its launch was given with --out',
  );
}

function folderInvalid(folder: string, problem: string): TrainerError {
  return new TrainerError('CONFIG_INVALID', `run folder ${folder}: ${problem}`, { folder });
}

/** A resumed run that is given no configuration goes on with the one it was started with. */
export function withSavedConfig(
  sources: Omit<ConfigSources, 'env'>,
  folder: string,
  isResumed: boolean,
): Omit<ConfigSources, 'env'> {
  const isGiven = sources.file !== undefined || sources.preset !== undefined;
  return isResumed && !isGiven ? { ...sources, file: configFileOf(folder) } : sources;
}

/** Where runs lie that are given no folder; relative to the working directory. */
export const RUNS = 'runs';

/** `runs/demo-20260131-235959`, in UTC. */
export function defaultRunFolder(name: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replaceAll(/[-:]|\..*$/g, '');
  return join(RUNS, `${name}-${stamp.replace('T', '-')}`);
}

/**
 * The folder below `runs/` whose run, or the process that lists the images of one, has told
 * something last; null where there is none.
 */
export function newestRunFolder(): string | null {
  const folders = existsSync(RUNS) ? readdirSync(RUNS).map((name) => join(RUNS, name)) : [];
  const told = folders.map((folder) => ({ folder, ms: lastWordMs(folder) }));
  const newest = told.sort((a, b) => b.ms - a.ms)[0];
  return newest === undefined || newest.ms === -Infinity ? null : newest.folder;
}

/** By the file system's clock; -Infinity for a folder without a run. */
function lastWordMs(folder: string): number {
  const events = join(folder, EVENTS);
  const ofRun = holdsRun(folder) ? [existsSync(events) ? events : configFileOf(folder)] : [];
  return [...ofRun, join(folder, LISTING_NOTE)].reduce((newest, file) => {
    // A note may be taken back at any moment.
    const found = statSync(file, { throwIfNoEntry: false });
    return found === undefined ? newest : Math.max(newest, found.mtimeMs);
  }, -Infinity);
}
