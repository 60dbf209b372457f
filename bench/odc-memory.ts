/**
 * What one ODC step costs besides network and gradients, at the size of ImageNet: memory rows and pseudo-labels out to the
 * workers, mixed rows in, class sums and sizes, publication of the centroids and their delta, small clusters, loss weights.
 * Mixing and assignment are the worker's, on its device, and are left out, as they are in the peer (peers/odc_memory.py).
 *
 * The load is the peer's: random rows, classes of exponential sizes from 20 up. At every step three of ten drawn samples get
 * another class, and a smallest class is brought to 19: each step has a merge, of 19 rows, and a split of the largest class.
 * Shapes: N samples, d columns, K classes, B samples of a step.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sumRows } from '../src/clustering/odc/cluster-sums.ts';
import { OdcClusters, clustersFromSums } from '../src/clustering/odc/clusters.ts';
import type { OdcSettings } from '../src/clustering/odc/clusters.ts';
import { SampleMemory, consecutiveSamples } from '../src/clustering/odc/sample-memory.ts';
import type { SliceRows } from '../src/clustering/odc/sample-memory.ts';
import { SampleParts } from '../src/clustering/odc/sample-parts.ts';
import { summariseInterval, type StepStatistics } from '../src/clustering/odc/statistics.ts';
import { OdcState } from '../src/clustering/reference/odc-step.ts';
import { normaliseRows } from '../src/clustering/odc/mixing.ts';
import { packageRoot } from '../src/process/package-root.ts';
import { messageOf } from '../src/errors.ts';
import { seededRng, type Rng } from '../src/math/rng.ts';
import { describeMachine, type BenchReport } from './bench.ts';
import { advantage, type Row, type Spread } from './rows.ts';

const N = 1_281_167;
const DIM = 256;
const K = 10_000;
const BATCH = 512;
const MIN_SIZE = 20;
const LIMIT_MS = 50;
const LIMIT_BYTES = 2.2e9;
const WARM_UP = 10;

const SETTINGS: OdcSettings = {
  clusters: K,
  dim: DIM,
  momentum: 0.5,
  metric: 'dot',
  centroidInterval: 10,
  smallClusterInterval: 1,
  minSize: MIN_SIZE,
  maxSplits: Infinity,
  lossWeights: { power: 0.5, offset: 1e-5 },
};

/** A row of the report, with what this one can say besides. */
export interface OdcMemoryRow extends Row {
  /** Mean of all steps, those with a publication included [ms]. */
  readonly mean: number;
  /** Peak of the process [bytes], and what it is to stay under. */
  readonly peakBytes: number;
  readonly limitBytes: number;
  /** What happened per step. */
  readonly perStep: { relabelled: number; merges: number; splits: number; moves: number };
}

export interface OdcMemoryOptions {
  /** Timed, after a warm-up. */
  readonly steps: number;
  /** Python interpreter of the peer; null: none is asked for. */
  readonly python: string | null;
  readonly gpus: readonly string[];
  readonly onProgress: (text: string) => void;
}

/** `deepcluster bench odc-memory`: ours, then the peer, since both fill two gigabytes. No tensor engine takes part. */
export async function benchOdcMemory(options: OdcMemoryOptions): Promise<BenchReport> {
  const { steps, python, gpus, onProgress } = options;
  const date = new Date().toISOString();
  onProgress('odc-memory/step');
  const row = measureOdcMemory(steps);
  const reason = 'bookkeeping in plain float64, on one thread; no tensor engine takes part';
  return {
    machine: describeMachine(gpus),
    engine: { name: 'none', version: process.version, threads: 1, reason },
    date,
    rows: [python === null ? row : { ...row, ...(await peerOf(row, python, steps)) }],
  };
}

async function peerOf(
  { ours }: OdcMemoryRow,
  python: string,
  steps: number,
): Promise<Pick<Row, 'peer' | 'ratio' | 'peerMissing'>> {
  const script = join(packageRoot(), 'bench', 'peers', 'odc_memory.py');
  try {
    const { stdout } = await promisify(execFile)(python, [script, '--steps', String(steps)]);
    const { name, median, min, max, runs } = JSON.parse(stdout) as Spread & { name: string };
    return { peer: { name, median, min, max, runs }, ratio: advantage('ms', ours.median, median) };
  } catch (error) {
    return { peerMissing: `${python} ${script}: ${messageOf(error).trim().split('\n').at(-1)}` };
  }
}

/** @param steps timed, after a warm-up */
export function measureOdcMemory(steps: number): OdcMemoryRow {
  const rng = seededRng(1, 'odc-memory');
  const state = beginState(rng);
  const timesMs: number[] = [];
  const statistics: StepStatistics[] = [];
  let version = -1;
  for (let i = 0; i < WARM_UP + steps; i += 1) {
    const { ids, leaving } = drawIds(state, rng);
    const slice = madeWork(state, ids, leaving, rng);
    const begin = performance.now();
    state.orderFor(ids);
    const outcome = state.commit(i, [slice]);
    version = state.clusters.centroidMemory.since(version).version;
    const elapsed = performance.now() - begin;
    if (outcome.kind === 'duplicate') throw new Error(`step ${i} was taken for a repeated one`);
    if (i < WARM_UP) continue;
    timesMs.push(elapsed);
    statistics.push(outcome);
  }
  return rowOf(timesMs, statistics);
}

function beginState(rng: Rng): OdcState {
  const pseudoLabels = initialLabels(rng);
  const rows = randomRows();
  const sums = sumRows(rows, pseudoLabels, K, DIM);
  const clusters = new OdcClusters(SETTINGS, clustersFromSums(sums, pseudoLabels, K, DIM));
  const part = new SampleMemory(consecutiveSamples(0, N), DIM, K, { step: 0, rows, pseudoLabels });
  return new OdcState(SETTINGS, clusters, new SampleParts([part], DIM));
}

/** Class sizes of 20 and an exponential surplus; the first class takes what rounding leaves. Shuffled by a stride. */
function initialLabels(rng: Rng): Int32Array {
  const surplus = Float64Array.from({ length: K }, () => -Math.log(1 - rng.float()));
  const total = surplus.reduce((sum, value) => sum + value, 0);
  const spare = N - K * MIN_SIZE;
  const labels = new Int32Array(N);
  let place = 0;
  surplus.forEach((value, c) => {
    const size = MIN_SIZE + Math.floor((value / total) * spare);
    for (let i = 0; i < size; i += 1) {
      // A prime stride scatters a class over the ids, as in a real data set.
      labels[(place * 7919) % N] = c;
      place += 1;
    }
  });
  return labels;
}

/** [N, d] unit rows of non-negative values, by a fast generator: there are 328 million. */
function randomRows(): Float32Array {
  const rows = new Float32Array(N * DIM);
  let state = 1;
  for (let begin = 0; begin < rows.length; begin += DIM) {
    let squares = 0;
    for (let j = begin; j < begin + DIM; j += 1) {
      state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
      const value = state / 2 ** 32;
      rows[j] = value;
      squares += value * value;
    }
    const length = Math.sqrt(squares);
    for (let j = begin; j < begin + DIM; j += 1) rows[j]! /= length;
  }
  return rows;
}

/** Samples at random, and as many members of a smallest class as make it small when they leave. */
function drawIds({ clusters }: OdcState, rng: Rng): { ids: Int32Array; leaving: number } {
  const smallest = clusters.sizes.reduce((best, size, c, all) => (size < all[best]! ? c : best), 0);
  const leaving = clusters.sizes[smallest]! - (MIN_SIZE - 1);
  const ids = Int32Array.from({ length: BATCH }, () => rng.integer(N));
  ids.set(clusters.membersOf(smallest).subarray(0, leaving), BATCH - leaving);
  return { ids, leaving };
}

/** What a worker would send: other unit rows, three of ten with another class, those at the end always. */
function madeWork(state: OdcState, ids: Int32Array, leaving: number, rng: Rng): SliceRows {
  const noise = Float32Array.from({ length: BATCH * DIM }, () => rng.float());
  const old = state.memory.pseudoLabelsOf(ids);
  const pseudoLabels = old.map((label, i) => {
    const isMoved = i >= BATCH - leaving || rng.float() < 0.3;
    return isMoved ? (label + 1 + rng.integer(K - 1)) % K : label;
  });
  return { slice: 0, ids, rows: normaliseRows(noise, DIM), pseudoLabels };
}

function rowOf(timesMs: readonly number[], statistics: readonly StepStatistics[]): OdcMemoryRow {
  const sorted = timesMs.toSorted((a, b) => a - b);
  const runs = sorted.length;
  const median = sorted[Math.floor(runs / 2)]!;
  const { relabelled, smallClusters } = summariseInterval(statistics);
  return {
    name: 'odc-memory/step',
    unit: 'ms',
    ours: { median, min: sorted[0]!, max: sorted.at(-1)!, runs },
    limit: { name: 'budget', value: LIMIT_MS },
    shareOfLimit: median / LIMIT_MS,
    mean: timesMs.reduce((sum, time) => sum + time, 0) / runs,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    limitBytes: LIMIT_BYTES,
    perStep: {
      relabelled: relabelled / runs,
      merges: smallClusters.merges / runs,
      splits: smallClusters.splits / runs,
      moves: smallClusters.moves / runs,
    },
  };
}
