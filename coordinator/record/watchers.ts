/** Several watchers as one. */
import type { RunWatcher } from '../outside.ts';

/** Each is told of everything, in the order of the list. */
export function watchers(all: readonly RunWatcher[]): RunWatcher {
  return {
    begun: (run) => {
      for (const watcher of all) watcher.begun(run);
    },
    resumed: (step) => {
      for (const watcher of all) watcher.resumed(step);
    },
    stepCommitted: (step) => {
      for (const watcher of all) watcher.stepCommitted(step);
    },
    epochClosed: (epoch, step) => {
      for (const watcher of all) watcher.epochClosed(epoch, step);
    },
    parameters: (step, layout, values) => {
      for (const watcher of all) watcher.parameters(step, layout, values);
    },
    finished: (step, final, evaluation, sizes) => {
      for (const watcher of all) watcher.finished(step, final, evaluation, sizes);
    },
    resultsWritten: async (step, results, signal) => {
      for (const watcher of all) await watcher.resultsWritten(step, results, signal);
    },
    close: async () => {
      for (const watcher of all) await watcher.close();
    },
  };
}
