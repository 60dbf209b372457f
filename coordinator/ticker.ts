/** The ticks by which leases and heartbeats run out, and backup slices are given out. */
import type { RunConfig } from '../src/config/schema.ts';
import type { Clock } from './outside.ts';

/** Ticks are at most this far apart [ms]: backup slices are given out by them. */
const LONGEST_TICK_MS = 500;

type TickTimes = Pick<RunConfig['cluster'], 'leaseTtlMs' | 'heartbeatTimeoutMs'>;

/** @returns time between two ticks [ms] */
export function tickInterval({ leaseTtlMs, heartbeatTimeoutMs }: TickTimes): number {
  return Math.min(leaseTtlMs / 4, heartbeatTimeoutMs / 4, LONGEST_TICK_MS);
}

/**
 * Whether a tick counts. Not after a pause of this process itself (SIGSTOP, a laptop's sleep): what
 * came meanwhile waits to be read, and nobody must be held silent before.
 * @param lateMs how much later than due it comes
 */
export function tickCounts(lateMs: number, times: TickTimes): boolean {
  return lateMs < Math.max(2 * tickInterval(times), times.heartbeatTimeoutMs / 4);
}

/** Calls `tick` often enough, until it is stopped. */
export function startTicker(
  times: TickTimes,
  clock: Pick<Clock, 'nowMs' | 'every'>,
  tick: () => void,
): { stop(): void } {
  const intervalMs = tickInterval(times);
  let dueMs = clock.nowMs() + intervalMs;
  return clock.every(intervalMs, () => {
    const lateMs = clock.nowMs() - dueMs;
    dueMs = clock.nowMs() + intervalMs;
    if (tickCounts(lateMs, times)) tick();
  });
}
