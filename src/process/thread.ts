/**
 * Starts a worker thread from a file of this package, in a checkout as well as in an installed
 * package. A thread does not inherit the TypeScript loader of its process on Node 20, so a thread
 * of a `.ts` file registers it first.
 */
import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Starts a thread; messages sent before its file has loaded wait in its port.
 * @param url the file beside the caller: `new URL('../config/file.ts', import.meta.url)`; in
 *   compiled code the `.js` beside it is taken
 */
export function startThread(url: URL, workerData: unknown, options: WorkerOptions = {}): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL(url.href.replace(/\.ts$/, '.js')), { ...options, workerData });
  }
  const bootstrap = [
    `import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))};`,
    'register();',
    `await import(${JSON.stringify(url.href)});`,
  ].join('\n');
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(bootstrap)}`), {
    ...options,
    workerData,
  });
}
