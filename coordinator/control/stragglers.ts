/**
 * Which units of slices wait for a straggler, so that a worker with nothing to do should compute
 * them too. A unit may take as long as its slices do.
 */
import type { Work } from '../../src/work/kind.ts';
import type { Lease } from './state.ts';

/** Below this, a unit is never late [ms]: a tick of the clock. */
const LEAST_LATE_MS = 200;
/** Weight of the newest slice in the usual time. */
const NEWEST = 0.1;

/** The usual time of a slice once its work has taken `tookMs`. @param usualMs 0 before the first */
export function usualTime(usualMs: number, work: Work, tookMs: number): number {
  const sliceMs = tookMs / slicesOf(work);
  return usualMs === 0 ? sliceMs : (1 - NEWEST) * usualMs + NEWEST * sliceMs;
}

/** One, unless the work says otherwise. */
function slicesOf({ slices }: Work): number {
  return typeof slices === 'number' ? slices : 1;
}

export interface LateRule {
  readonly nowMs: number;
  /** Of a slice, by the time from leases to results; 0 when it is not known yet [ms]. */
  readonly usualMs: number;
  /** Times the usual that a slice may take; 0: for ever. */
  readonly factor: number;
}

/**
 * Those that are late and that nobody else computes, those first that were given first.
 * @param leases on units
 */
export function lateSlices(leases: Iterable<Lease>, { nowMs, usualMs, factor }: LateRule): Lease[] {
  if (factor === 0 || usualMs === 0) return [];
  const isLate = ({ work, givenMs }: Lease): boolean =>
    nowMs - givenMs >= Math.max(LEAST_LATE_MS, factor * usualMs * slicesOf(work));
  const slices = [...leases];
  const holders = new Map<string, number>();
  for (const { task } of slices) holders.set(task, (holders.get(task) ?? 0) + 1);
  return slices
    .filter((lease) => holders.get(lease.task) === 1 && isLate(lease))
    .toSorted((a, b) => a.givenMs - b.givenMs);
}
