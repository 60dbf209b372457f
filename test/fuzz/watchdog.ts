/**
 * Ends the process when a case hangs: a thread of its own sees that the main one has stopped moving, says which case it was in,
 * and kills. Nothing less gets through to a loop without end.
 */
import { Worker } from 'node:worker_threads';

export interface Watchdog {
  /** Tells what runs from now on; the time begins anew. */
  watch(what: string): void;
  stop(): void;
}

const LABEL_BYTES = 1024;

/** Plain JavaScript: the thread loads no TypeScript. */
const THREAD = `
const { workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const { counter, label, limitMs } = workerData;
const beats = new Int32Array(counter);
let seen = -1;
let since = Date.now();
setInterval(() => {
  const beat = Atomics.load(beats, 0);
  if (beat !== seen) {
    seen = beat;
    since = Date.now();
  } else if (Date.now() - since > limitMs) {
    const text = Buffer.from(new Uint8Array(label)).toString('utf8').replace(/\\0+$/, '');
    writeSync(2, 'no end after ' + limitMs + ' ms: ' + text + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }
}, Math.min(1000, limitMs / 4));
`;

export function startWatchdog(limitMs: number): Watchdog {
  const counter = new SharedArrayBuffer(4);
  const label = new SharedArrayBuffer(LABEL_BYTES);
  const beats = new Int32Array(counter);
  const text = new Uint8Array(label);
  // Without the process's own preloads: they would wait for the main thread, which may be the one that hangs.
  const options = { eval: true, execArgv: [], workerData: { counter, label, limitMs } };
  const thread = new Worker(THREAD, options);
  thread.unref();
  return {
    watch: (what) => {
      text.fill(0);
      // Shared memory is not encoded into directly.
      text.set(Buffer.from(what).subarray(0, LABEL_BYTES));
      Atomics.add(beats, 0, 1);
    },
    stop: () => {
      void thread.terminate();
    },
  };
}
