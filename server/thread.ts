/**
 * A parameter server in a thread of its own, inside the coordinator's process: summing gradients
 * never delays a lease. The thread's entry is this file itself.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, workerData, type Worker } from 'node:worker_threads';
import { receivedError, sentError, type SentError } from '../src/process/thread-error.ts';
import { startThread } from '../src/process/thread.ts';
import { startServer } from '../src/rpc/channel/channel.ts';
import { openCredentials } from '../src/security/credentials.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import { addParametersService } from './parameter-service.ts';
import { refusalLog } from '../src/telemetry/refusal-log.ts';

export interface ParameterThread {
  /** `host:port` where workers push and pull. */
  readonly address: string;
  /** Rejected when the thread died by itself. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

type Started = { readonly address: string } | { readonly error: SentError };

interface ThreadSettings {
  readonly listen: string;
  /** Folder of the coordinator's credentials, which the thread reads for itself; null: none. */
  readonly credentials: string | null;
}

/**
 * Starts the thread and waits until it listens.
 * @throws what the thread threw; CONFIG_INVALID when the address cannot be had
 */
export async function startParameterThread(
  listen: string,
  credentials: string | null,
): Promise<ParameterThread> {
  const settings: ThreadSettings = { listen, credentials };
  const thread: Worker = startThread(new URL(import.meta.url), settings);
  const failed = new Promise<never>((_resolve, reject) => {
    thread.on('error', reject);
  });
  failed.catch(() => undefined);
  const [started] = (await Promise.race([once(thread, 'message'), failed])) as [Started];
  if ('error' in started) {
    await thread.terminate();
    throw receivedError(started.error);
  }
  return {
    address: started.address,
    failed,
    stop: async () => {
      await thread.terminate();
    },
  };
}

async function runThread({ listen, credentials: folder }: ThreadSettings): Promise<void> {
  const logger = createLogger({ component: 'server', level: 'info' });
  try {
    const credentials = folder === null ? null : openCredentials(folder, 'coordinator');
    const { address } = await startServer(listen, addParametersService, {
      credentials,
      onRefused: refusalLog(logger),
    });
    parentPort?.postMessage({ address } satisfies Started);
  } catch (error) {
    parentPort?.postMessage({ error: sentError(error) } satisfies Started);
  }
}

if (!isMainThread && parentPort !== null) {
  void runThread(workerData as ThreadSettings);
}
