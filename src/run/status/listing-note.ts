/**
 * The note that a process lists a run's images. It lies in the run's folder before anybody has
 * claimed that, so it is no claim: nothing is decided by it, and `deepcluster status` shows it.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LISTING_NOTE, makeRunFolder, unmakeRunFolder } from '../folder.ts';
import { holderFrom, ownHolder } from '../lock/process-life.ts';
import type { Holder } from '../lock/run-lock.ts';

/** What is known of a run before its images are. */
export interface ListedRun {
  readonly algorithm: string;
  readonly epochs: number;
  /** Where the images lie, as it was given. */
  readonly source: string;
}

export interface ListingNote extends ListedRun {
  /** Who lists them, since `by.since`. */
  readonly by: Holder;
  /** When that process was last seen at it [ms by the calendar]. */
  readonly atMs: number;
}

/** Between two signs of life of a process that lists [ms]. */
const EVERY_MS = 1_000;

/**
 * Keeps a note in the folder, which is made where it is not there, until it is taken back.
 * @param incarnation of this process
 * @returns takes the note back
 */
export function noteListing(folder: string, run: ListedRun, incarnation: string): () => void {
  const by = ownHolder(incarnation, Date.now());
  const path = join(folder, LISTING_NOTE);
  const partial = `${path}.${incarnation}`;
  let made: string | undefined;
  const write = (): void => {
    try {
      made ??= makeRunFolder(folder);
      writeFileSync(partial, `${JSON.stringify({ ...run, by, atMs: Date.now() }, null, 2)}\n`);
      renameSync(partial, path);
    } catch {
      // Where it matters that the folder cannot be written to, the claim on it says so.
    }
  };
  write();
  const timer = setInterval(write, EVERY_MS);
  return () => {
    clearInterval(timer);
    for (const file of [partial, path]) rmSync(file, { force: true });
    if (made !== undefined) unmakeRunFolder(folder, made);
  };
}

/** @returns null where no process has left one */
export function readListingNote(folder: string): ListingNote | null {
  try {
    const saved = JSON.parse(readFileSync(join(folder, LISTING_NOTE), 'utf8')) as ListingNote;
    const by = holderFrom(saved.by);
    return by === null ? null : { ...saved, by };
  } catch {
    return null;
  }
}
