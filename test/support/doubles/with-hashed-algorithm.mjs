/**
 * Preloaded into each process of a run (`NODE_OPTIONS=--import …`), so that all of them know the algorithm; threads, which
 * preload it too, have no need of it.
 */
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  (await import('tsx/esm/api')).register();
  const { registerAlgorithm } = await import('../../../src/algorithms/registry.ts');
  registerAlgorithm((await import('./hashed-algorithm.ts')).HASHED);
}
