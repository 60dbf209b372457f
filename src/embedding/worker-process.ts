/** A process that computes blocks (block-worker.ts), as the one that started it sees it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { unavailable } from '../errors.ts';
import type { EngineFacts } from '../engine/engine.ts';
import { isErrorLine } from '../launch/child-process.ts';
import { SPARE_COLLECTIONS } from '../process/allocator.ts';
import { packageRoot } from '../process/package-root.ts';
import { receivedError } from '../process/thread-error.ts';
import type { BlockOrder, BlockReply, BlockTimes, BlockWorkerOptions } from './block-worker.ts';
import type { Block } from './parts.ts';

export interface WorkerProcess {
  readonly engine: EngineFacts;
  /**
   * Computes a block, after those before it.
   * @throws what the worker failed by; UNAVAILABLE where it died
   */
  compute(block: Block): Promise<BlockTimes>;
  /** Ends it at once; blocks are whole or not there. */
  end(): Promise<void>;
}

export interface WorkerProcessOptions extends BlockWorkerOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told how many images more are done. */
  readonly onImages: (images: number) => void;
  /** Aborted: it is ended. */
  readonly signal: AbortSignal;
}

interface Waiting {
  readonly resolve: (times: BlockTimes) => void;
  readonly reject: (reason: Error) => void;
}

/** Resolves once its engine has started. */
export async function startWorkerProcess(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const { parts, data, engine, batchImages, env, onImages, signal } = options;
  const entry = join(packageRoot(), 'bin', 'deepcluster.mjs');
  const flags = ['--parts', parts, '--data', data, '--engine', engine];
  const words = ['embed-worker', ...flags, '--batch', String(batchImages)];
  const child = spawn(process.execPath, [...SPARE_COLLECTIONS, entry, ...words], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env,
  });
  const exited = once(child, 'close');
  let lastError = '';
  createInterface({ input: child.stderr! }).on('line', (line) => {
    if (isErrorLine(line)) lastError = line;
  });
  const waiting = new Map<number, Waiting>();
  const ready = deferred<EngineFacts>();
  let failure: Error | null = null;
  const failAll = (reason: Error): void => {
    failure ??= reason;
    ready.reject(failure);
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  };
  child.on('message', (reply: BlockReply) => {
    if (reply.kind === 'ready') ready.resolve(reply.engine);
    else if (reply.kind === 'progress') onImages(reply.images);
    else if (reply.kind === 'failed') failAll(receivedError(reply.error));
    else {
      waiting.get(reply.index)?.resolve(reply);
      waiting.delete(reply.index);
    }
  });
  child.on('error', failAll);
  child.on('close', (code, exitSignal) => {
    const how = exitSignal === null ? `exit code ${code}` : `signal ${exitSignal}`;
    const said = lastError === '' ? '' : ` (${lastError})`;
    const remedy = 'give the command again: it goes on where this one ended';
    failAll(unavailable('embedding worker', `ended with ${how}${said}; ${remedy}`));
  });
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited.catch(() => undefined);
  };
  const onAbort = (): void => {
    failAll(signal.reason as Error);
    void end();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return {
      engine: await ready.promise,
      compute: (block) =>
        new Promise((resolve, reject) => {
          if (failure !== null) {
            reject(failure);
            return;
          }
          waiting.set(block.index, { resolve, reject });
          child.send({ kind: 'block', block } satisfies BlockOrder, () => undefined);
        }),
      end: async () => {
        signal.removeEventListener('abort', onAbort);
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function deferred<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (reason: Error) => void;
} {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: Error) => void = () => undefined;
  const promise = new Promise<T>((onValue, onReason) => {
    resolve = onValue;
    reject = onReason;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
