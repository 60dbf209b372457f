/**
 * What the processes of `deepcluster bench clustering-plane` tell each other, and the configuration
 * that they share.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runConfigSchema, type RunConfig } from '../../src/config/schema.ts';

export interface PlaneSize {
  readonly images: number;
  /** Columns of a feature. */
  readonly dim: number;
  readonly k: number;
  /** Images of a data shard. */
  readonly shardSize: number;
}

/** How the step is done. */
export interface PlaneVariant {
  /**
   * Whether one order does all data shards that a worker holds; else each has an order of its own.
   */
  readonly isFolded: boolean;
  /** Whether one data shard takes ten times as long as the others. */
  readonly isSlow: boolean;
}

/** The coordinator's task. */
export interface CoordinatorTask {
  readonly size: PlaneSize;
  readonly variant: PlaneVariant;
  readonly workers: number;
}

/** A worker's. */
export interface WorkerTask extends Omit<CoordinatorTask, 'workers'> {
  /** `host:port` of the coordinator. */
  readonly coordinator: string;
  readonly workerId: string;
  readonly engine: string;
  readonly threads: number;
}

/** What the step cost the coordinator. */
export interface PlaneFigures {
  /** Results that came. */
  readonly results: number;
  /** Of their arrays. */
  readonly resultBytes: number;
  /** Of the centroids, to each worker. */
  readonly centroidBytes: number;
  /** Of user and system, from the order to the new centroids [s]. */
  readonly cpuSeconds: number;
  /** [s] */
  readonly seconds: number;
  /** Of the process, over its whole life. */
  readonly peakBytes: number;
  /** Digest of the new centroids: the same, however the step was done. */
  readonly digest: string;
}

/** From a coordinator to who started it: where it listens, then what it measured. */
export type FromCoordinator = { readonly address: string } | { readonly figures: PlaneFigures };

/** A clustering of one step, without images. */
export function planeConfig({ k, shardSize }: PlaneSize): RunConfig {
  return runConfigSchema().parse({
    ...{ algorithm: 'deepcluster', epochs: 1 },
    data: { source: 'made features', shardSize },
    clustering: { k, iterations: 1 },
  });
}

/**
 * Starts a file of this folder as a process with a task, in a checkout as well as in an installed
 * package.
 * @param url `new URL('./file.ts', import.meta.url)`; in compiled code the `.js` beside it is taken
 */
export function startPlaneProcess(
  url: URL,
  task: CoordinatorTask | WorkerTask,
  env: Readonly<Record<string, string | undefined>>,
): ChildProcess {
  const isSource = import.meta.url.endsWith('.ts');
  const file = fileURLToPath(isSource ? url : url.href.replace(/\.ts$/, '.js'));
  const execArgv = isSource ? ['--import', import.meta.resolve('tsx')] : [];
  return fork(file, [JSON.stringify(task)], {
    ...{ execArgv, env: { ...env } },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

/** The task of this process, which ends with the one that started it. */
export function ownTask(): CoordinatorTask | WorkerTask {
  process.on('disconnect', () => process.exit());
  return JSON.parse(process.argv[2]!) as CoordinatorTask | WorkerTask;
}
