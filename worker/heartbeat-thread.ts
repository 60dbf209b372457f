/**
 * Heartbeats from a thread of their own: a long tensor operation blocks the worker's event loop,
 * and must not look like death. A heartbeat carries a counter that the main thread raises with
 * every piece of work, so that a worker that lives but is stuck is told apart. The answers tell a
 * worker that was held lost, whose session may live on this side alone. The thread's entry is this
 * file itself.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { pause } from '../src/process/pause.ts';
import { startThread } from '../src/process/thread.ts';
import { messageOf } from '../src/errors.ts';
import { callUnary } from '../src/rpc/calls.ts';
import { channelTo } from '../src/rpc/channel/channel.ts';
import { wire } from '../src/rpc/definitions.ts';
import type { HeartbeatReply__Output } from '../src/rpc/generated/deepcluster/v1/HeartbeatReply.ts';
import type { HeartbeatRequest } from '../src/rpc/generated/deepcluster/v1/HeartbeatRequest.ts';
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
  /** Tells the coordinator, with the next heartbeat, that something got done. */
  advance(): void;
  stop(): Promise<void>;
}

/**
 * Heartbeats in a row without an answer, or with the answer that nobody knows this worker, before
 * something is done about it.
 */
const PATIENCE_BEATS = 2;
/**
 * Twice as many for each connection that has given no answer, up to this: where all is slow, one
 * must have time to come about.
 */
const MOST_PATIENCE_BEATS = 16;

export interface HeartbeatEvents {
  readonly onFailure: (reason: string) => void;
  /** The coordinator does not count on this worker, with every further heartbeat that says so. */
  readonly onUnknown: () => void;
}

export function startHeartbeat(
  settings: Omit<HeartbeatSettings, 'progress'>,
  { onFailure, onUnknown }: HeartbeatEvents,
): Heartbeat {
  const progress = new SharedArrayBuffer(Uint32Array.BYTES_PER_ELEMENT);
  const counter = new Uint32Array(progress);
  const thread = startThread(new URL(import.meta.url), { ...settings, progress });
  thread.on('error', (error) => {
    onFailure(messageOf(error));
  });
  thread.on('message', onUnknown);
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

async function sendHeartbeats(settings: HeartbeatSettings, onUnknown: () => void): Promise<never> {
  const { coordinator, workerId, incarnation, intervalMs, credentials: folder } = settings;
  const counter = new Uint32Array(settings.progress);
  const credentials = folder === null ? null : openCredentials(folder, 'worker');
  const connect = (): InstanceType<typeof wire.Coordinator> =>
    new wire.Coordinator(...channelTo(coordinator, 'coordinator', credentials));
  const { signal } = new AbortController();
  let client = connect();
  let unanswered = 0;
  let patience = PATIENCE_BEATS;
  let unknown = 0;
  for (;;) {
    const request = { workerId, incarnation, progress: Atomics.load(counter, 0) };
    const limits = { what: 'heartbeat', deadlineMs: 2 * intervalMs, signal };
    // A heartbeat that is not answered is not repeated: the next one says the same and more.
    const answer = await callUnary<HeartbeatRequest, HeartbeatReply__Output>(
      client.heartbeat.bind(client),
      request,
      limits,
    ).catch(() => null);
    unanswered = answer === null ? unanswered + 1 : 0;
    if (answer !== null) patience = PATIENCE_BEATS;
    unknown = answer?.known === false ? unknown + 1 : 0;
    if (unanswered === patience) {
      // The connection may be one that nothing comes through any more.
      client.close();
      client = connect();
      unanswered = 0;
      patience = Math.min(2 * patience, MOST_PATIENCE_BEATS);
    }
    if (unknown >= PATIENCE_BEATS) onUnknown();
    await pause(intervalMs, signal);
  }
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  void sendHeartbeats(workerData as HeartbeatSettings, () => {
    port.postMessage('unknown');
  });
}
