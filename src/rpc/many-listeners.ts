/** Signals that end calls: every call under way listens to them, so many listeners are no leak. */
import { setMaxListeners } from 'node:events';

/**
 * Has Node take any number of listeners on these signals for granted.
 * @returns the first of them
 */
export function forManyCalls(signal: AbortSignal, ...others: readonly AbortSignal[]): AbortSignal {
  setMaxListeners(0, signal, ...others);
  return signal;
}
