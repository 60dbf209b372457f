/** Ctrl-C and its kin for a command that has processes to stop: the first asks for an orderly stop, the second kills. */

export interface StopSignals {
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  /** Gives the signals back their own meaning. */
  release(): void;
}

/** npm and npx pass on a Ctrl-C that the terminal has sent already: so soon, a second one is the same one [ms]. */
const ECHO_MS = 1_000;

export function takeStopSignals(onStop: () => void): StopSignals {
  const stop = new AbortController();
  const kill = new AbortController();
  let firstMs = 0;
  const onSignal = (): void => {
    if (!stop.signal.aborted) {
      firstMs = performance.now();
      onStop();
      stop.abort();
    } else if (performance.now() - firstMs >= ECHO_MS) {
      kill.abort();
    }
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  return {
    stop: stop.signal,
    kill: kill.signal,
    release() {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
