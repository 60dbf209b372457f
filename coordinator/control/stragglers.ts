/**
 * Which slices wait for a straggler, so that a worker with nothing to do should compute them too.
 */
import type { Lease } from './state.ts';

/** Below this, a slice is never late [ms]: a tick of the clock. */
const LEAST_LATE_MS = 200;
/** Weight of the newest slice in the usual time. */
const NEWEST = 0.1;

/** The usual time of a slice once one more has taken `tookMs`. @param usualMs 0 before the first */
export function usualTime(usualMs: number, tookMs: number): number {
  return usualMs === 0 ? tookMs : (1 - NEWEST) * usualMs + NEWEST * tookMs;
}

export interface LateRule {
  readonly nowMs: number;
  /** Of a slice, from its lease to its result; 0 when it is not known yet [ms]. */
  readonly usualMs: number;
  /** Times the usual that a slice may take; 0: for ever. */
  readonly factor: number;
}

/**
 * Those that are late and that nobody else computes, those first that were given first.
 * @param leases on slices
 */
export function lateSlices(leases: Iterable<Lease>, { nowMs, usualMs, factor }: LateRule): Lease[] {
  if (factor === 0 || usualMs === 0) return [];
  const lateMs = Math.max(LEAST_LATE_MS, factor * usualMs);
  const slices = [...leases];
  const holders = new Map<string, number>();
  for (const { task } of slices) holders.set(task, (holders.get(task) ?? 0) + 1);
  return slices
    .filter(({ task, givenMs }) => holders.get(task) === 1 && nowMs - givenMs >= lateMs)
    .toSorted((a, b) => a.givenMs - b.givenMs);
}
