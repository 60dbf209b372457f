/**
 * A run in one process: the real coordinator and workers over gRPC on loopback, with a network
 * whose features and gradients are plain arithmetic on the pixels, so that everything around the
 * tensor engine can be held against an oracle.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import sharp from 'sharp';
import type { Decision } from '../../../coordinator/control/dispatcher.ts';
import { runCoordinator } from '../../../coordinator/main.ts';
import { readLatestCheckpoint, type Checkpoint } from '../../../src/checkpoint/checkpoint.ts';
import { loadRunConfig } from '../../../src/config/load.ts';
import { seededRng } from '../../../src/math/rng.ts';
import type { Model } from '../../../src/nn/model.ts';
import { initialParameters } from '../../../src/ps/initial-values.ts';
import type { RunSummary } from '../../../src/report/summary.ts';
import { createLogger, type Logger } from '../../../src/telemetry/logger.ts';
import type { Notice } from '../../../src/telemetry/notice.ts';
import { workThroughSessions, type Compute } from '../../../worker/session.ts';
import { PLAIN_LAYOUT } from '../made/layouts.ts';

export const SIDE = 16;
export const FEATURES = 10;

/** A folder that removes itself with `remove()`. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'deepcluster-test-'));
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Images of a test file's runs, and the folders that they write to. */
export interface RunsPlace {
  /** Temporary; removed after the tests. */
  readonly folder: string;
  readonly data: string;
  /** The folder of the run of that name. */
  readonly out: (name: string) => string;
}

/** Makes `count` noise images for the runs of a test file, which awaits them at its top level. */
export async function placeForRuns(count: number): Promise<RunsPlace> {
  const temporary = temporaryFolder();
  after(temporary.remove);
  const data = join(temporary.path, 'images');
  await makeNoiseImages(data, count);
  return { folder: temporary.path, data, out: (name) => join(temporary.path, `run-${name}`) };
}

/** `count` small noise images of different brightness, in two class folders. */
export async function makeNoiseImages(folder: string, count: number): Promise<void> {
  for (const name of ['dark', 'light']) mkdirSync(join(folder, name), { recursive: true });
  for (let i = 0; i < count; i += 1) {
    const rng = seededRng('noise image', i);
    const base = 60 + 130 * rng.float();
    const data = Buffer.from(
      Array.from({ length: SIDE * SIDE * 3 }, () => base + 40 * rng.float()),
    );
    const name = base < 125 ? 'dark' : 'light';
    await sharp(data, { raw: { width: SIDE, height: SIDE, channels: 3 } })
      .png()
      .toFile(join(folder, name, `${String(i).padStart(4, '0')}.png`));
  }
}

/**
 * Fixed projections of the pixels, shifted by the parameters: features change as the run learns.
 */
export function plainFeatures(pixels: Uint8Array, count: number, shift: number): Float32Array {
  const size = SIDE * SIDE * 3;
  const features = new Float32Array(count * FEATURES);
  for (let i = 0; i < count; i += 1) {
    const image = pixels.subarray(i * size, (i + 1) * size);
    for (let f = 1; f < FEATURES; f += 1) {
      let sum = 0;
      for (let p = f; p < size; p += FEATURES + f) sum += image[p]! * Math.cos(p + shift);
      features[i * FEATURES + f] = sum / 100;
    }
    // Dark and light images lie on two sides of zero.
    features[i * FEATURES] = image.reduce((total, value) => total + value, 0) / size - 145;
  }
  return features;
}

/** What the first pass of features sees, by the run's seed. */
export function initialShift(seed: number): number {
  return initialParameters(PLAIN_LAYOUT, seed)[0]!;
}

export interface PlainModelHooks {
  /** Called before each slice's gradient. */
  readonly beforeGradient?: () => void;
  /**
   * What features a pass gives, in place of those of the pixels.
   * @param seed names the slice, or is null in evaluation mode
   */
  readonly features?: (count: number, seed: readonly (string | number)[] | null) => Float32Array;
  /** Called with what each of ODC's slices was given, and the features it gave. */
  readonly onSlice?: (slice: PlainSlice) => void;
}

export interface PlainSlice {
  readonly step: number;
  readonly slice: number;
  readonly pseudoLabels: Int32Array;
  readonly weights: Float32Array;
  readonly features: Float32Array;
}

export function plainCompute(hooks: PlainModelHooks = {}): Compute {
  let parameters = new Float32Array(PLAIN_LAYOUT.parameterCount);
  const lossAndGradient: Model['lossAndGradient'] = (pixels, pseudoLabels, seed) => {
    hooks.beforeGradient?.();
    const noise = seededRng(...seed).float();
    const brightness = pixels.reduce((total, value) => total + value, 0) / (SIDE * SIDE * 3 * 255);
    const labels = pseudoLabels.reduce((total, label) => total + label, 0);
    const gradient = parameters.map(
      (value, i) => value + Math.sin(i + brightness) + 0.01 * labels + noise,
    );
    const statistics = Float32Array.of(brightness / pseudoLabels.length, labels);
    return { lossSum: brightness + labels + parameters[8]!, gradient, statistics };
  };
  const featuresOf = (
    pixels: Uint8Array,
    count: number,
    seed: readonly (string | number)[] | null,
  ): Float32Array => hooks.features?.(count, seed) ?? plainFeatures(pixels, count, parameters[0]!);
  const model: Model = {
    load: (values) => {
      parameters = Float32Array.from(values);
    },
    features: (pixels, count) => featuresOf(pixels, count, null),
    lossAndGradient,
    lossGradientAndFeatures: (pixels, pseudoLabels, seed, options) => {
      const features = featuresOf(pixels, pseudoLabels.length, seed);
      const weights = options?.weights ?? new Float32Array(pseudoLabels.length).fill(1);
      const [step, slice] = seed.slice(-2) as [number, number];
      hooks.onSlice?.({ step, slice, pseudoLabels, weights, features });
      const pass = lossAndGradient(pixels, pseudoLabels, seed);
      return { ...pass, lossSum: pass.lossSum + weights[0]!, features };
    },
    prototypeGradient: () => {
      throw new Error('the plain model has a head');
    },
    swappedGradient: () => {
      throw new Error('the plain model has a head');
    },
    trainingFeatures: (pixels, count, seed) => featuresOf(pixels, count, seed),
    memory: () => ({ tensors: 0, bytes: 0 }),
    dispose: () => undefined,
  };
  return {
    engine: 'plain',
    model,
    layout: PLAIN_LAYOUT,
    featureDim: FEATURES,
    featureName: `plain (${FEATURES})`,
    representationDim: FEATURES,
    representationName: `plain (${FEATURES})`,
  };
}

/** Settings by dotted key. */
type Values = Readonly<Record<string, string | number | boolean>>;

export interface PlainRun {
  readonly data: string;
  readonly out: string;
  readonly workers: number;
  readonly resume?: boolean;
  /** Besides the small ones that every plain run has. */
  readonly settings?: Values;
  readonly signal?: AbortSignal;
  readonly onNotice?: (notice: Notice) => void;
  /** What worker number i computes with. */
  readonly compute?: (worker: number) => Compute;
  /**
   * The `--data` of worker number i; null, as when left out: where the coordinator has its images.
   */
  readonly workerData?: (worker: number) => string | null;
  /** Aborted when worker number i is to leave; left out: none does. */
  readonly workerSignal?: (worker: number) => AbortSignal;
  /** Is told of every decision of the coordinator. */
  readonly journal?: (decision: Decision) => void;
  /** How worker number i ended; null: well. */
  readonly onWorkerEnd?: (worker: number, error: unknown) => void;
  /** Left out: errors are printed. */
  readonly logger?: Logger;
}

const SETTINGS: Values = {
  epochs: 2,
  'data.imageSize': SIDE,
  'data.resizeRatio': 1,
  'data.shardSize': 13,
  // A name only, since workers compute with features of their own: of a network that takes images
  // of any size.
  'model.architecture': 'resnet50',
  'clustering.k': 6,
  'clustering.iterations': 8,
  'clustering.pcaDim': 5,
  'training.batchSize': 16,
  'training.sliceSize': 6,
  'training.learningRate': 0.01,
  'evaluation.enabled': false,
  'cluster.heartbeatMs': 50,
  'cluster.heartbeatTimeoutMs': 3000,
  'checkpoint.everySteps': 2,
};

/** Runs to the end; workers that are stopped by the run's end are awaited too. */
export async function runPlain(run: PlainRun): Promise<RunSummary> {
  const given: Values = { ...SETTINGS, 'data.source': run.data, ...run.settings };
  const settings = Object.entries(given).map(([key, value]) => ({
    key,
    value: String(value),
    origin: 'the test',
  }));
  const { logger = createLogger({ component: 'test', level: 'error' }) } = run;
  const workers: Promise<unknown>[] = [];
  const never = new AbortController().signal;
  try {
    return await runCoordinator({
      ...loadRunConfig({ env: {}, settings }),
      listen: '127.0.0.1:0',
      parameterListen: '127.0.0.1:0',
      credentials: null,
      health: null,
      out: run.out,
      resume: run.resume === true,
      logger,
      ...(run.journal === undefined ? {} : { journal: run.journal }),
      signal: run.signal ?? never,
      notify: (notice) => {
        run.onNotice?.(notice);
        if (notice.type !== 'listening') return;
        for (let i = 0; i < run.workers; i += 1) {
          const options = {
            coordinator: notice.address,
            dataSource: run.workerData?.(i) ?? null,
            engine: null,
            workerId: `worker-${i}`,
            logger,
            signal: run.workerSignal?.(i) ?? never,
          };
          const compute = run.compute?.(i) ?? plainCompute();
          workers.push(
            workThroughSessions(options, () => Promise.resolve(compute)).then(
              () => run.onWorkerEnd?.(i, null),
              (error: unknown) => run.onWorkerEnd?.(i, error),
            ),
          );
        }
      },
    });
  } finally {
    await Promise.all(workers);
  }
}

/** The lines of a JSON-lines file of the run. */
export function readLines(out: string, name: string): Record<string, unknown>[] {
  return readFileSync(join(out, name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The newest checkpoint of a run, which must be sound. */
export async function checkpointOf(run: string): Promise<Checkpoint> {
  const checkpoint = await readLatestCheckpoint(join(run, 'checkpoints'), (name, reason) => {
    assert.fail(`${name}: ${reason}`);
  });
  assert.ok(checkpoint !== null);
  return checkpoint;
}

/** Losses by step, as the run wrote them. */
export function readLosses(out: string): number[] {
  return readFileSync(join(out, 'loss-by-step.txt'), 'utf8').trimEnd().split('\n').map(Number);
}
