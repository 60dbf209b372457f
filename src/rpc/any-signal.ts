/** One signal for several, for as long as something runs. */
import { forManyCalls } from './many-listeners.ts';

/**
 * Runs with a signal that is aborted as soon as one of these is, for its reason, and leaves nothing
 * on them afterwards. When the run fails, the signal is aborted as well: calls beside the one that
 * failed end with it. AbortSignal.any leaves an entry on each of its sources for as long as they
 * live, which for a process' own is as long as it runs.
 */
export async function withAnySignal<Result>(
  signals: readonly AbortSignal[],
  run: (any: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const any = new AbortController();
  forManyCalls(any.signal, ...signals);
  const abort = (): void => {
    any.abort(signals.find(({ aborted }) => aborted)?.reason);
  };
  for (const signal of signals) signal.addEventListener('abort', abort, { once: true });
  try {
    if (signals.some(({ aborted }) => aborted)) abort();
    return await run(any.signal);
  } catch (error) {
    any.abort(error);
    throw error;
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', abort);
  }
}
