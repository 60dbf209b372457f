/** Waiting that a signal cuts short. */
import { setTimeout as delay } from 'node:timers/promises';

/** Waits, or returns early when the signal is given. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
