/**
 * The data ledger: which draws of the epoch's plan had an effect, written in the same decision that
 * commits their step. A draw is a position in the plan, [0, length); a sample that is drawn twice
 * has two positions. Draws of images that were left out have no effect: they are skipped, and
 * counted as such.
 */
import { TrainerError, protocolViolation } from '../errors.ts';

export interface Ledger {
  readonly epoch: number;
  /** Draws in the epoch's plan. */
  readonly length: number;
  /**
   * Draws of this epoch that took effect so far. Steps commit in order: with the skipped ones they
   * are [0, position).
   */
  readonly committed: number;
  /** Draws of this epoch, before the position, whose images were left out. */
  readonly skipped: number;
  /** Both over the whole run. */
  readonly committedTotal: number;
  readonly skippedTotal: number;
  readonly duplicates: number;
  readonly returned: number;
}

export const EMPTY_LEDGER: Ledger = {
  epoch: -1,
  length: 0,
  committed: 0,
  skipped: 0,
  committedTotal: 0,
  skippedTotal: 0,
  duplicates: 0,
  returned: 0,
};

/**
 * Begins an epoch's account.
 * @throws TrainerError PROTOCOL_VIOLATION when the epoch before is not complete
 */
export function openEpoch(ledger: Ledger, epoch: number, length: number): Ledger {
  auditEpoch(ledger);
  return { ...ledger, epoch, length, committed: 0, skipped: 0 };
}

/** Draws of the epoch that have been committed or skipped: the next one has this number. */
export function positionOf({ committed, skipped }: Ledger): number {
  return committed + skipped;
}

/**
 * Commits the draws [begin, end), but for those whose images were left out.
 * @throws TrainerError PROTOCOL_VIOLATION for a gap, an overlap or an overrun, or more skipped
 *   draws than there are
 */
export function commitDraws(ledger: Ledger, begin: number, end: number, skipped: number): Ledger {
  const position = positionOf(ledger);
  const count = end - begin;
  if (begin !== position || count <= 0 || end > ledger.length || skipped < 0 || skipped > count) {
    throw protocolViolation(
      `ledger of epoch ${ledger.epoch}`,
      `draws from ${position} up to ${ledger.length} at most`,
      `[${begin}, ${end}), ${skipped} of them skipped`,
      'each draw takes effect, or is skipped, exactly once',
    );
  }
  const committed = count - skipped;
  return {
    ...ledger,
    committed: ledger.committed + committed,
    skipped: ledger.skipped + skipped,
    committedTotal: ledger.committedTotal + committed,
    skippedTotal: ledger.skippedTotal + skipped,
  };
}

/**
 * @throws TrainerError PROTOCOL_VIOLATION unless every draw of the epoch has been committed or
 * skipped
 */
export function auditEpoch(ledger: Ledger): void {
  if (positionOf(ledger) === ledger.length) return;
  const { epoch, committed, skipped, length } = ledger;
  throw new TrainerError(
    'PROTOCOL_VIOLATION',
    `ledger of epoch ${epoch}: ${committed} of ${length} draws committed and ${skipped} skipped at the epoch's end`,
    { ...ledger },
  );
}
