/**
 * Refused calls in the log: each kind of them at once, then at most once in a while, always with
 * how many there were.
 */
import type { Refusal } from '../security/access.ts';
import type { Logger } from './logger.ts';

/** Between two lines of one reason [ms]. */
const QUIET_MS = 10_000;

/** Reasons that are told apart; an attacker who makes up ever new ones fills no memory. */
const MAX_REASONS = 64;

/**
 * What to hand to a server as `onRefused`; a line holds neither token nor key, for a refusal has
 * none.
 */
export function refusalLog(
  logger: Logger,
  nowMs: () => number = () => performance.now(),
): (refusal: Refusal) => void {
  let total = 0;
  /** By reason: when it was logged last. */
  const lastMs = new Map<string, number>();
  return ({ kind, reason }) => {
    total += 1;
    const now = nowMs();
    if (now - (lastMs.get(reason) ?? -Infinity) < QUIET_MS) return;
    if (lastMs.size >= MAX_REASONS) lastMs.clear();
    lastMs.set(reason, now);
    logger.warn('call.refused', { kind, reason, total });
  };
}
