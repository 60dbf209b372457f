/**
 * `deepcluster bench modes`: what mode `local` saves and what it costs. Real runs over the same
 * images and the same number of them, in mode `sync` and in mode `local` with several numbers of
 * local steps: loss and kNN, beside the wall time, the CPU time and the bytes of parameters that
 * training took.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeImages } from '../../src/data/made/made-images.ts';
import { describeMachine, type BenchReport } from '../bench.ts';
import { followMode, type EpochPoint, type ExchangeCounts } from './mode-run.ts';

export interface ModesOptions {
  /** Of mode `local`, one run each. */
  readonly localSteps: readonly number[];
  readonly epochs: number;
  readonly workers: number;
  readonly seed: number;
  /** A tiny network and few images, to see that everything works; its figures mean little. */
  readonly isQuick: boolean;
  /** Folder that keeps the runs; null: a temporary one, which is removed. */
  readonly out: string | null;
  readonly gpus: readonly string[];
  readonly onProgress: (text: string) => void;
}

export interface ModeOutcome extends ExchangeCounts {
  readonly mode: 'sync' | 'local';
  /** 1 in mode `sync`. */
  readonly localSteps: number;
  /** Commits: optimizer steps, or rounds. */
  readonly steps: number;
  readonly samples: number;
  /** All pushes and pulls of all workers, whichever way they went. */
  readonly exchangedBytes: number;
  /** Of the whole run, clustering and evaluation included. */
  readonly seconds: number;
  /** Of the trained network; null where the images have no classes. */
  readonly knnTop1: number | null;
  /** By epoch. */
  readonly points: readonly EpochPoint[];
}

export interface ModesReport extends Pick<BenchReport, 'machine' | 'date'> {
  readonly images: number;
  readonly epochs: number;
  readonly workers: number;
  readonly seed: number;
  readonly runs: readonly ModeOutcome[];
}

/** Of the demo. */
const IMAGES = { classes: 10, perClass: 120, size: 96 };
const QUICK_IMAGES = { classes: 4, perClass: 24, size: 48 };

/** @throws Error when a run fails */
export async function benchModes(options: ModesOptions): Promise<ModesReport> {
  const { localSteps, epochs, workers, seed, isQuick, gpus, onProgress } = options;
  const date = new Date().toISOString();
  const folder = options.out ?? (await mkdtemp(join(tmpdir(), 'deepcluster-modes-')));
  const images = isQuick ? QUICK_IMAGES : IMAGES;
  try {
    const data = join(folder, 'images');
    await makeImages({ out: data, ...images, seed });
    const runs: ModeOutcome[] = [];
    for (const steps of [null, ...localSteps]) {
      onProgress(steps === null ? 'mode sync' : `mode local, ${steps} local steps`);
      runs.push(await outcomeOf(steps, folder, data, options));
    }
    const count = images.classes * images.perClass;
    const machine = describeMachine(gpus);
    return { machine, date, images: count, epochs, workers, seed, runs };
  } finally {
    if (options.out === null) await rm(folder, { recursive: true, force: true });
  }
}

/** @param localSteps null: mode `sync` */
async function outcomeOf(
  localSteps: number | null,
  folder: string,
  data: string,
  options: ModesOptions,
): Promise<ModeOutcome> {
  const name = localSteps === null ? 'sync' : `local-${localSteps}`;
  const config = join(folder, `${name}.json`);
  await writeFile(config, `${JSON.stringify(modeConfig(localSteps, options), null, 2)}\n`);
  const { workers } = options;
  const out = join(folder, name);
  const { summary, points, exchange } = await followMode({
    ...{ config, data, out, workers, servers: 0 },
    flags: ['--no-dashboard'],
  });
  const { pushes, pulls, vectorBytes } = exchange;
  return {
    mode: localSteps === null ? 'sync' : 'local',
    localSteps: localSteps ?? 1,
    steps: summary.steps,
    samples: summary.ledger.committed,
    ...exchange,
    exchangedBytes: (pushes + pulls) * vectorBytes,
    seconds: summary.seconds,
    knnTop1: summary.evaluation?.knnTop1 ?? null,
    points,
  };
}

/** The demo's settings, or those of a run of seconds; a worker takes no other's slice. */
export function modeConfig(
  localSteps: number | null,
  { epochs, seed, workers, isQuick }: Pick<ModesOptions, 'epochs' | 'seed' | 'workers' | 'isQuick'>,
): object {
  const mode = localSteps === null ? {} : { mode: 'local', localSteps };
  const cluster = { minWorkers: workers, backupFactor: 0 };
  if (!isQuick) return { preset: 'demo', seed, epochs, training: mode, cluster };
  return {
    ...{ seed, epochs },
    data: { imageSize: 32, resizeRatio: 1, cropArea: [0.3, 1], shardSize: 24, loaderThreads: 0 },
    model: { architecture: 'small-convnet', width: 4, featureDim: 32 },
    clustering: { k: 8, pcaDim: 8, iterations: 5 },
    training: { batchSize: 16, sliceSize: 8, ...mode },
    cluster: { ...cluster, engine: 'wasm' },
  };
}
