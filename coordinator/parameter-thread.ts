/**
 * A parameter server in a thread of its own, inside the coordinator's process: summing gradients never delays a lease.
 * The thread's entry is this file itself.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, workerData, type Worker } from 'node:worker_threads';
import { TrainerError, messageOf } from '../src/errors.ts';
import { startThread } from '../src/config/thread.ts';
import { startServer } from '../src/rpc/channel.ts';
import { addParametersService } from './parameter-service.ts';

export interface ParameterThread {
  /** `host:port` where workers push and pull. */
  readonly address: string;
  /** Aborted when the thread died by itself. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

type Started = { readonly address: string } | { readonly error: { code: string; message: string } };

/** Starts the thread and waits until it listens. @throws TrainerError CONFIG_INVALID when the address cannot be had */
export async function startParameterThread(listen: string): Promise<ParameterThread> {
  const thread: Worker = startThread(new URL(import.meta.url), { listen });
  const failed = new Promise<never>((_resolve, reject) => {
    thread.on('error', reject);
  });
  failed.catch(() => undefined);
  const [started] = (await Promise.race([once(thread, 'message'), failed])) as [Started];
  if ('error' in started) {
    await thread.terminate();
    throw new TrainerError('CONFIG_INVALID', started.error.message);
  }
  return {
    address: started.address,
    failed,
    stop: async () => {
      await thread.terminate();
    },
  };
}

async function runThread(listen: string): Promise<void> {
  try {
    const { address } = await startServer(listen, addParametersService);
    parentPort?.postMessage({ address });
  } catch (error) {
    parentPort?.postMessage({ error: { message: messageOf(error) } });
  }
}

if (!isMainThread && parentPort !== null) {
  void runThread((workerData as { listen: string }).listen);
}
