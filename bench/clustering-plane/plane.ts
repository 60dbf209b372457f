/**
 * `deepcluster bench clustering-plane`: what one step of k-means at ImageNet's size costs the
 * coordinator, by real processes and gRPC, over made features: bytes, CPU time and memory, with one
 * order for all data shards of a worker and with one for each, and with one shard that is slow.
 */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { KEEP_FREED_MEMORY } from '../../src/process/allocator.ts';
import { describeMachine, type BenchReport } from '../bench.ts';
import {
  startPlaneProcess,
  type FromCoordinator,
  type PlaneFigures,
  type PlaneSize,
  type PlaneVariant,
} from './plane-setup.ts';

const IMAGENET: PlaneSize = { images: 1_281_167, dim: 256, k: 10_000, shardSize: 4096 };
const QUICK: PlaneSize = { images: 20_000, dim: 32, k: 200, shardSize: 1000 };

const VARIANTS: readonly PlaneVariant[] = [
  { isFolded: false, isSlow: false },
  { isFolded: true, isSlow: false },
  { isFolded: false, isSlow: true },
  { isFolded: true, isSlow: true },
];

export interface PlaneOptions {
  /** Left out: ImageNet's. */
  readonly images?: number;
  readonly workers: number;
  readonly engine: string;
  /** Small sizes, to see that everything works; its figures mean little. */
  readonly isQuick: boolean;
  readonly gpus: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onProgress: (text: string) => void;
}

export interface PlaneReport extends Pick<BenchReport, 'machine' | 'date'> {
  readonly size: PlaneSize;
  readonly workers: number;
  /**
   * Of results of the sums of every data shard, K rows of float64 each: what releases before had.
   */
  readonly wholeBytes: number;
  readonly runs: readonly (PlaneVariant & PlaneFigures)[];
}

/** @throws Error when a process fails, or two ways of a step have other centroids */
export async function benchClusteringPlane(options: PlaneOptions): Promise<PlaneReport> {
  const { images, workers, gpus, isQuick, onProgress } = options;
  const date = new Date().toISOString();
  const whole = isQuick ? QUICK : IMAGENET;
  const size = { ...whole, images: images ?? whole.images };
  const runs: (PlaneVariant & PlaneFigures)[] = [];
  for (const variant of VARIANTS) {
    onProgress(`${variant.isFolded ? 'folded' : 'each data shard by itself'}, ${paceOf(variant)}`);
    runs.push({ ...variant, ...(await measure(size, variant, options)) });
  }
  const digests = new Set(runs.map(({ digest }) => digest));
  if (digests.size > 1) throw new Error(`centroids differ: ${[...digests].join(', ')}`);
  const shards = Math.ceil(size.images / size.shardSize);
  const wholeBytes = shards * size.k * (8 * size.dim + 4);
  return { machine: describeMachine(gpus), date, size, workers, wholeBytes, runs };
}

export function paceOf({ isSlow }: PlaneVariant): string {
  return isSlow ? 'one shard slow' : 'all alike';
}

async function measure(
  size: PlaneSize,
  variant: PlaneVariant,
  { workers, engine, env }: PlaneOptions,
): Promise<PlaneFigures> {
  const threads = Math.max(1, Math.floor(availableParallelism() / workers));
  const task = { size, variant, workers };
  const url = new URL('./plane-coordinator.ts', import.meta.url);
  const coordinator = startPlaneProcess(url, task, env);
  const started = [coordinator];
  const words = new LastWords();
  try {
    words.listenTo(coordinator);
    const messages = new Messages(coordinator, words);
    const first = await messages.next();
    if (!('address' in first)) throw new Error('the coordinator did not say where it listens');
    for (let i = 0; i < workers; i += 1) {
      const own = { size, variant, engine, threads, workerId: `worker-${i}` };
      const worker = startPlaneProcess(
        new URL('./plane-worker.ts', import.meta.url),
        { ...own, coordinator: first.address },
        { ...KEEP_FREED_MEMORY, ...env },
      );
      started.push(worker);
      words.listenTo(worker);
    }
    const second = await messages.next();
    if (!('figures' in second)) throw new Error('the coordinator did not say what it measured');
    return second.figures;
  } finally {
    for (const child of started) if (child.exitCode === null) child.kill('SIGKILL');
    await Promise.all(started.map(ended));
  }
}

/** The end of what the processes wrote on stderr, where libraries are talkative; for a failure. */
class LastWords {
  text = '';

  listenTo({ stderr }: ChildProcess): void {
    stderr?.on('data', (data: Buffer) => {
      this.text = (this.text + data.toString()).slice(-2000);
    });
  }
}

/** What a coordinator tells, one after the other. */
class Messages {
  readonly #child: ChildProcess;
  readonly #words: LastWords;
  readonly #waiting: FromCoordinator[] = [];

  constructor(child: ChildProcess, words: LastWords) {
    this.#child = child;
    this.#words = words;
    child.on('message', (message) => this.#waiting.push(message as FromCoordinator));
  }

  /** @throws Error when the process ends before */
  async next(): Promise<FromCoordinator> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message !== undefined) return message;
      await Promise.race([once(this.#child, 'message'), once(this.#child, 'exit')]);
      if (this.#waiting.length > 0) continue;
      const { exitCode } = this.#child;
      throw new Error(`the coordinator ended with exit code ${exitCode}: ${this.#words.text}`);
    }
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
