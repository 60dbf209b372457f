/**
 * The data ledger: which draws of the epoch's plan had an effect, written in the same decision that commits their step.
 * A draw is a position in the plan, [0, length); a sample that is drawn twice has two positions.
 */
import { TrainerError, protocolViolation } from '../src/errors.ts';

export interface Ledger {
  readonly epoch: number;
  /** Draws in the epoch's plan. */
  readonly length: number;
  /** Draws committed so far in this epoch: exactly [0, committed), since steps commit in order. */
  readonly committed: number;
  /** Over the whole run. */
  readonly committedTotal: number;
  readonly duplicates: number;
  readonly returned: number;
}

export const EMPTY_LEDGER: Ledger = {
  epoch: -1,
  length: 0,
  committed: 0,
  committedTotal: 0,
  duplicates: 0,
  returned: 0,
};

/** Begins an epoch's account. @throws TrainerError PROTOCOL_VIOLATION when the epoch before is not complete */
export function openEpoch(ledger: Ledger, epoch: number, length: number): Ledger {
  auditEpoch(ledger);
  return { ...ledger, epoch, length, committed: 0 };
}

/** Commits the draws [begin, end). @throws TrainerError PROTOCOL_VIOLATION for a gap, an overlap or an overrun */
export function commitDraws(ledger: Ledger, begin: number, end: number): Ledger {
  if (begin !== ledger.committed || end <= begin || end > ledger.length) {
    throw protocolViolation(
      `ledger of epoch ${ledger.epoch}`,
      `draws from ${ledger.committed} up to ${ledger.length} at most`,
      `[${begin}, ${end})`,
      'each draw takes effect exactly once',
    );
  }
  const count = end - begin;
  return {
    ...ledger,
    committed: end,
    committedTotal: ledger.committedTotal + count,
  };
}

/** @throws TrainerError PROTOCOL_VIOLATION unless every draw of the epoch has been committed */
export function auditEpoch(ledger: Ledger): void {
  if (ledger.committed !== ledger.length) {
    throw new TrainerError(
      'PROTOCOL_VIOLATION',
      `ledger of epoch ${ledger.epoch}: ${ledger.committed} of ${ledger.length} draws committed at the epoch's end`,
      { ...ledger },
    );
  }
}
