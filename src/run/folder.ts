/** The folder of a run, as a command is given it: a new run needs one without a run, `--resume` one with a run. */
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TrainerError, messageOf } from '../errors.ts';
import type { ConfigSources } from '../config/load.ts';

/** Checkpoints, within a run's folder. */
export const CHECKPOINTS = 'checkpoints';

/** The run's id, effective configuration and images: where this file is, there is a run. */
export function configFileOf(folder: string): string {
  return join(folder, 'config.json');
}

export function holdsRun(folder: string): boolean {
  return existsSync(configFileOf(folder));
}

/** @throws TrainerError CONFIG_INVALID for a folder that holds a run already, or holds none to resume */
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

/** `runs/demo-20260131-235959`, in UTC. */
export function defaultRunFolder(name: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replaceAll(/[-:]|\..*$/g, '');
  return join('runs', `${name}-${stamp.replace('T', '-')}`);
}
