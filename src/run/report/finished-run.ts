/**
 * A finished run as its folder has it: what its report is made of, and what it is compared by.
 * Images are not needed, and no network is loaded.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigOrigins } from '../../config/load.ts';
import { TrainerError, messageOf } from '../../errors.ts';
import type { RunSummary } from '../../report/summary.ts';
import { configFileOf } from '../folder.ts';
import { openRun, type OpenedRun } from '../open-run.ts';
import { epochOfLine, type EpochRecord } from '../record-state.ts';

export const SUMMARY_FILE = 'summary.json';

export interface FinishedRun {
  readonly run: OpenedRun;
  readonly summary: RunSummary;
  readonly origins: ConfigOrigins;
  readonly record: { readonly losses: readonly number[]; readonly epochs: readonly EpochRecord[] };
}

/**
 * @throws TrainerError CONFIG_INVALID for a folder without a run, or whose run has not finished;
 *   CHECKPOINT_CORRUPT where no checkpoint is sound
 */
export async function openFinishedRun(folder: string): Promise<FinishedRun> {
  const run = await openRun(folder);
  const summary = await readSummary(folder);
  const saved = JSON.parse(await readFile(configFileOf(folder), 'utf8')) as {
    readonly origins?: ConfigOrigins;
  };
  const losses = await readLosses(join(folder, summary.lossByStep));
  const epochs = run.record.epochs.map(epochOfLine);
  return { run, summary, origins: saved.origins ?? {}, record: { losses, epochs } };
}

async function readSummary(folder: string): Promise<RunSummary> {
  try {
    return JSON.parse(await readFile(join(folder, SUMMARY_FILE), 'utf8')) as RunSummary;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const problem = isMissing
      ? 'has no summary.json: its run has not finished; wait for its end'
      : `its summary.json cannot be read (${messageOf(error)})`;
    throw new TrainerError('CONFIG_INVALID', `run folder ${folder}: ${problem}`, { folder });
  }
}

/** One JSON number a line; a line that is none has no place on a curve. */
async function readLosses(file: string): Promise<number[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [Number(line)]));
}
