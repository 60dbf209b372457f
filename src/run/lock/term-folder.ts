/**
 * The claims on a run's folder as they lie on disk, by operations that a network file system
 * carries out as one, too:
 *
 *     terms/13/owner.json   who claimed the term (run-lock.ts)
 *     terms/13/work/        its staging folder, through which the holder's files pass
 *     terms/13/work/beat    its heartbeat: when it was touched last
 *     terms/13/released     the holder was done
 *
 * A claim is a folder made whole under another name and renamed to its number, which fails where
 * that number is taken. To fence a term is to rename its staging folder. Numbers are never used
 * twice.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { checkpointCorrupt } from '../../errors.ts';
import { hasEnded, holderFrom } from './process-life.ts';
import type { Holder, TermStore } from './run-lock.ts';

const TERMS = 'terms';
const OWNER = 'owner.json';
const WORK = 'work';
const BEAT = 'beat';
const RELEASED = 'released';
/** What an earlier release counted terms in. */
const COUNTER = 'term';
/** Claims that are kept, for people to look at, besides those that can still be open. */
const KEPT = 20;
const PREPARED = 'claim-';
const NUMBER = /^[1-9]\d{0,14}$/;

export class TermFolder implements TermStore {
  readonly name: string;
  readonly #terms: string;
  readonly #nowMs: () => number;

  /** @param name the run's folder, which must be there before a claim is made */
  constructor(name: string, nowMs: () => number) {
    this.name = name;
    this.#terms = join(name, TERMS);
    this.#nowMs = nowMs;
  }

  /** Through which the holder of a term puts its files into the run's folder. */
  staging(term: number): string {
    return join(this.#terms, String(term), WORK);
  }

  newest(): number {
    return Math.max(this.#counted(), ...this.#claimed());
  }

  holderOf(term: number): Holder | null {
    try {
      return holderFrom(JSON.parse(readFileSync(this.#path(term, OWNER), 'utf8')));
    } catch {
      return null; // damaged, or of an earlier release
    }
  }

  claim(term: number, holder: Holder): boolean {
    mkdirSync(this.#terms, { recursive: true });
    const prepared = mkdtempSync(join(this.#terms, PREPARED));
    try {
      mkdirSync(join(prepared, WORK));
      writeFileSync(join(prepared, WORK, BEAT), '');
      writeDurably(join(prepared, OWNER), `${JSON.stringify(holder, null, 2)}\n`);
      renameSync(prepared, this.#path(term));
    } catch (error) {
      rmSync(prepared, { recursive: true, force: true });
      if (isCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
      throw error;
    }
    syncFolder(this.#terms);
    this.#forgetOld(term);
    return true;
  }

  open(): readonly number[] {
    return this.#claimed().filter((term) => this.isOpen(term));
  }

  isOpen(term: number): boolean {
    return existsSync(this.staging(term));
  }

  fence(term: number): void {
    const ended = mkdtempSync(this.#path(term, 'ended-'));
    try {
      // Onto an empty folder, which a rename replaces: the name is of no other fence.
      renameSync(this.staging(term), ended);
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw error;
    }
    try {
      rmSync(ended, { recursive: true, force: true });
    } catch {
      // Its earlier owner may be writing into it, where it harms nobody.
    }
  }

  beat(term: number): boolean {
    const now = this.#nowMs() / 1000;
    try {
      utimesSync(join(this.staging(term), BEAT), now, now);
      return true;
    } catch (error) {
      if (isCode(error, 'ENOENT')) return false;
      throw error;
    }
  }

  lastBeat(term: number): string | null {
    try {
      // Opened, not only looked at: a network file system then asks its server how old the file is.
      const file = openSync(join(this.staging(term), BEAT), 'r');
      try {
        return String(fstatSync(file).mtimeMs);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      if (isCode(error, 'ENOENT')) return null;
      throw error;
    }
  }

  release(term: number): void {
    try {
      writeFileSync(this.#path(term, RELEASED), '');
    } catch (error) {
      // On a full disk the next process finds this one dead, or silent.
      if (!isCode(error, 'ENOSPC', 'EDQUOT')) throw error;
    }
  }

  isReleased(term: number): boolean {
    // A term that an earlier release counted has no claim.
    return existsSync(this.#path(term, RELEASED)) || !existsSync(this.#path(term));
  }

  isDead(holder: Holder): boolean {
    return hasEnded(holder);
  }

  #path(term: number, ...names: string[]): string {
    return join(this.#terms, String(term), ...names);
  }

  #claimed(): number[] {
    try {
      return readdirSync(this.#terms)
        .filter((name) => NUMBER.test(name))
        .map(Number);
    } catch (error) {
      if (isCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  /** @throws TrainerError CHECKPOINT_CORRUPT where the counter of an earlier release is none */
  #counted(): number {
    const file = join(this.name, COUNTER);
    if (!existsSync(file)) return 0;
    const term = Number(readFileSync(file, 'utf8'));
    if (!Number.isSafeInteger(term)) {
      throw checkpointCorrupt(COUNTER, `a whole number was expected, got ${term}; remove it`);
    }
    return term;
  }

  /** Removes claims long over, and what claims left that were never made. */
  #forgetOld(term: number): void {
    for (const old of this.#claimed()) {
      if (old > term - KEPT || this.isOpen(old)) continue;
      rmSync(this.#path(old), { recursive: true, force: true });
    }
    for (const name of readdirSync(this.#terms)) {
      const path = join(this.#terms, name);
      if (!name.startsWith(PREPARED) || !isOld(path, this.#nowMs())) continue;
      rmSync(path, { recursive: true, force: true });
    }
  }
}

/** A claim takes milliseconds [ms]. */
const CLAIM_MS = 3_600_000;

function isOld(path: string, nowMs: number): boolean {
  try {
    return nowMs - statSync(path).mtimeMs > CLAIM_MS;
  } catch {
    return false; // it is a claim by now, or gone
  }
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes(String((error as NodeJS.ErrnoException).code));
}

function writeDurably(path: string, content: string): void {
  const file = openSync(path, 'wx');
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
