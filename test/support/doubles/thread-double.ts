/** A worker thread in TypeScript that imports TypeScript: answers each number with the number of settings added to it. */
import { parentPort, workerData } from 'node:worker_threads';
import { configKeys } from '../../../src/config/keys.ts';

interface Started {
  readonly base: number;
}

const { base } = workerData as Started;
parentPort?.on('message', (value: number) => {
  parentPort?.postMessage(base + value + configKeys().size);
});
