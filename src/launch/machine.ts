/** What this machine has to share out among workers: processor cores and GPUs. */
import { availableParallelism } from 'node:os';
import { KEEP_FREED_MEMORY } from '../process/allocator.ts';
import { listGpus, visibleGpus } from '../engine/gpus.ts';

export interface Machine {
  readonly cores: number;
  /** GPUs as CUDA_VISIBLE_DEVICES names them: indices, or the names it held already. */
  readonly gpus: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

export function detectMachine(env: Environment): Machine {
  return { cores: availableParallelism(), gpus: visibleGpus(env, listGpus(env)) };
}

/**
 * Most loader threads that a worker starts by itself: more wait for the disk and for libuv's
 * threads.
 */
const MOST_LOADER_THREADS = 8;

/** Loader threads of a worker that is left to decide: one a core of its share. */
export function ownLoaderThreads(env: Environment): number {
  const share = Number(env['OMP_NUM_THREADS'] ?? availableParallelism());
  return Math.min(MOST_LOADER_THREADS, Math.max(1, Math.floor(share) || 1));
}

/** Threads of each of several workers: what the environment says, or an equal part of the cores. */
export function threadsOfShare(workers: number, cores: number, env: Environment): number {
  return Number(env['TF_NUM_INTRAOP_THREADS']) || Math.max(1, Math.floor(cores / workers));
}

/**
 * Environment that gives one of several workers its share: one GPU in turn, an equal part of the
 * cores. What the environment says already is left as it is.
 * @param threads of each worker; null: an equal part of the cores
 */
export function workerShare(
  index: number,
  workers: number,
  { cores, gpus }: Machine,
  env: Environment,
  threads: number | null = null,
): Record<string, string> {
  threads ??= Math.max(1, Math.floor(cores / workers));
  const share: Record<string, string> = {
    OMP_NUM_THREADS: String(threads),
    TF_NUM_INTRAOP_THREADS: String(threads),
    // Decoding and file reads run beside the arithmetic, not instead of it; two keep a core busy
    // while one waits.
    UV_THREADPOOL_SIZE: String(Math.min(16, threads + 1)),
    ...KEEP_FREED_MEMORY,
  };
  for (const name of Object.keys(share)) share[name] = env[name] ?? share[name]!;
  if (gpus.length > 0) share['CUDA_VISIBLE_DEVICES'] = gpus[index % gpus.length]!;
  return share;
}
