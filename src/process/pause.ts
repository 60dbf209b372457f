/** Waiting that a signal cuts short. */
// By the module's own property, so that the faked clock of a test is the one that is asked.
import timers from 'node:timers/promises';

/** Waits, or returns early when the signal is given. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await timers.setTimeout(ms, undefined, { signal }).catch(() => undefined);
}
