/**
 * Heartbeats from a thread of their own: a long tensor operation blocks the worker's event loop, and must not look like
 * death. The beat carries a counter that the main thread raises with every piece of work, so that a worker that lives but
 * is stuck is told apart. The thread's entry is this file itself.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { startThread } from '../src/config/thread.ts';
import { messageOf } from '../src/errors.ts';
import { callUnary, pause } from '../src/rpc/calls.ts';
import { channelTo } from '../src/rpc/channel.ts';
import { wire } from '../src/rpc/definitions.ts';
import { openCredentials } from '../src/security/credentials.ts';

interface HeartbeatSettings {
  readonly coordinator: string;
  readonly workerId: string;
  readonly incarnation: string;
  readonly intervalMs: number;
  /** Folder of the worker's credentials, which the thread reads for itself; null: none. */
  readonly credentials: string | null;
  /** One counter, raised by the main thread. */
  readonly progress: SharedArrayBuffer;
}

export interface Heartbeat {
  /** Tells the coordinator, with the next beat, that something got done. */
  advance(): void;
  stop(): Promise<void>;
}

export function startHeartbeat(
  settings: Omit<HeartbeatSettings, 'progress'>,
  onFailure: (reason: string) => void,
): Heartbeat {
  const progress = new SharedArrayBuffer(Uint32Array.BYTES_PER_ELEMENT);
  const counter = new Uint32Array(progress);
  const thread = startThread(new URL(import.meta.url), { ...settings, progress });
  thread.on('error', (error) => {
    onFailure(messageOf(error));
  });
  thread.unref();
  return {
    advance: () => {
      Atomics.add(counter, 0, 1);
    },
    stop: async () => {
      await thread.terminate();
    },
  };
}

async function beat(settings: HeartbeatSettings): Promise<never> {
  const { coordinator, workerId, incarnation, intervalMs } = settings;
  const counter = new Uint32Array(settings.progress);
  const { credentials: folder } = settings;
  const credentials = folder === null ? null : openCredentials(folder, 'worker');
  const client = new wire.Coordinator(...channelTo(coordinator, 'coordinator', credentials));
  const { signal } = new AbortController();
  for (;;) {
    const request = { workerId, incarnation, progress: Atomics.load(counter, 0) };
    const limits = { what: 'heartbeat', deadlineMs: 2 * intervalMs, signal };
    // A beat that is not answered is not repeated: the next one says the same and more.
    await callUnary(client.heartbeat.bind(client), request, limits).catch(() => undefined);
    await pause(intervalMs, signal);
  }
}

if (!isMainThread && parentPort !== null) {
  void beat(workerData as HeartbeatSettings);
}
