/**
 * Ctrl-C and its kin for a command that has processes to stop: the first asks for an orderly stop,
 * the second kills. A terminal that closes asks for an orderly stop, however often it says so.
 */
import { stopsOnHangup } from './hangup.ts';

export interface StopSignals {
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  /** Gives the signals back their own meaning. */
  release(): void;
}

/**
 * npm and npx pass on a Ctrl-C that the terminal has sent already: so soon, a second one is the
 * same one [ms].
 */
const ECHO_MS = 1_000;

export function takeStopSignals(onStop: () => void): StopSignals {
  const stop = new AbortController();
  const kill = new AbortController();
  let firstMs = 0;
  const askToStop = (): void => {
    if (stop.signal.aborted) return;
    firstMs = performance.now();
    onStop();
    stop.abort();
  };
  const onSignal = (): void => {
    if (stop.signal.aborted && performance.now() - firstMs >= ECHO_MS) kill.abort();
    askToStop();
  };
  const names = ['SIGINT', 'SIGTERM'] as const;
  for (const name of names) process.on(name, onSignal);
  if (stopsOnHangup()) process.on('SIGHUP', askToStop);
  return {
    stop: stop.signal,
    kill: kill.signal,
    release() {
      for (const name of names) process.off(name, onSignal);
      process.off('SIGHUP', askToStop);
    },
  };
}
