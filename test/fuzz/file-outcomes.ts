/** Outcomes of decoders of files, and what the cases of all of them share. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../src/errors.ts';
import { requireLine, requireRefusal, type Outcome } from './engine.ts';

export const MEBIBYTE = 2 ** 20;
export const MAX_FILE = 64 * 1024;
export const TAKEN: Outcome = { inputs: 1, accepted: 1 };
export const REFUSED: Outcome = { inputs: 1, accepted: 0 };

/** Runs a decoder; a refusal as decoders promise it is an outcome. */
export function outcomeOf(decode: () => void): Outcome {
  try {
    decode();
    return TAKEN;
  } catch (error) {
    requireRefusal(error);
    return REFUSED;
  }
}

/** The same for decoders whose callers add where the input lies: an Error of one line, and none of JavaScript's own. */
export function requireReason(error: unknown): void {
  if (!(error instanceof Error) || error.constructor !== Error) throw error;
  requireLine(messageOf(error));
}

export function newFolder(): string {
  return fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'fuzz-')));
}
