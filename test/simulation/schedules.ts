/**
 * Schedules by number: which scenario a seed has, its oracle and its undisturbed run, each made
 * once.
 */
import { seededRng } from '../../src/math/rng.ts';
import { plainRun, type PlainRun } from './plain-run.ts';
import { Simulation } from './simulation.ts';
import type { Scenario } from './tiny-network.ts';

export interface ScheduleResult {
  readonly seed: number;
  readonly scenario: Scenario;
  /** The rule that was broken; null: none. */
  readonly failure: string | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly events: number;
  /** Virtual time that the run took [ms]. */
  readonly virtualMs: number;
}

/** Shapes of runs: images, data shards, batches, slices; few, so that their oracles are shared. */
const SHAPES = [
  { images: 6, shardSize: 6, batchSize: 3, sliceSize: 2, epochs: 2, unreadable: null },
  { images: 7, shardSize: 4, batchSize: 4, sliceSize: 2, epochs: 2, unreadable: 2 },
  { images: 6, shardSize: 6, batchSize: 2, sliceSize: 1, epochs: 2, unreadable: null },
  { images: 6, shardSize: 2, batchSize: 3, sliceSize: 1, epochs: 2, unreadable: null },
  { images: 8, shardSize: 4, batchSize: 6, sliceSize: 2, epochs: 3, unreadable: null },
];

/** More slices than most runs have workers, so that units have several. */
const MANY_SLICES = {
  images: 8,
  shardSize: 4,
  batchSize: 5,
  sliceSize: 1,
  epochs: 2,
  unreadable: 3,
};

/** Of each 16 schedules those with many slices, of each 32 those with many workers. */
const MANY_SLICES_EACH_16: ReadonlySet<number> = new Set([5, 10]);
const MANY_WORKERS_EACH_32: ReadonlySet<number> = new Set([21, 26, 30]);

export function scenarioOf(seed: number): Scenario {
  const rng = seededRng('scenario', seed);
  const some = SHAPES[Math.floor(SHAPES.length * rng.float() ** 2)]!;
  const shape = MANY_SLICES_EACH_16.has(seed % 16) ? MANY_SLICES : some;
  const algorithm = algorithmOf(seed, rng.integer(2) === 0);
  const hasCrops = algorithm === 'deepcluster-v2' || algorithm === 'swav';
  return {
    ...shape,
    algorithm,
    // Drawn apart, so that the rest of a seed stays what it is.
    method:
      algorithm === 'deepcluster' && seededRng('method', seed).integer(3) === 0 ? 'pic' : 'kmeans',
    // Within a batch of crops, whose other images must stay together.
    unreadable: hasCrops && shape.unreadable !== null ? 1 : shape.unreadable,
    localSteps: isLocal(seed, algorithm) ? 2 : null,
    overlap: overlapOf(seed, algorithm),
    servers: 1 + Math.floor(3 * rng.float() ** 2),
    everySteps: rng.integer(3),
    isWhole: rng.integer(2) === 0,
    seed: 31,
  };
}

/** A quarter of the schedules are of algorithms with crops, and of those a quarter of SwAV. */
function algorithmOf(seed: number, isDeepCluster: boolean): Scenario['algorithm'] {
  if (seed % 4 === 2) return seed % 16 === 14 ? 'swav' : 'deepcluster-v2';
  return isDeepCluster ? 'deepcluster' : 'odc';
}

/** A quarter of those schedules whose algorithm can, drawn apart as well. */
function isLocal(seed: number, algorithm: Scenario['algorithm']): boolean {
  return algorithm !== 'odc' && seededRng('mode', seed).integer(4) === 0;
}

/** Of a third of DeepCluster's schedules that are not `local`, drawn apart as well. */
function overlapOf(seed: number, algorithm: Scenario['algorithm']): Scenario['overlap'] {
  if (algorithm !== 'deepcluster' || isLocal(seed, algorithm)) return null;
  const rng = seededRng('overlap', seed);
  if (rng.integer(3) > 0) return null;
  return ([0, 1, 2, 'async'] as const)[rng.integer(4)]!;
}

/** Mostly a few; sometimes more than slices. */
function workersOf(seed: number): number {
  return MANY_WORKERS_EACH_32.has(seed % 32) ? 8 : 1 + seededRng('workers', seed).integer(3);
}

interface Expected {
  readonly oracle: PlainRun;
  readonly epochs: readonly object[];
  /** The rule that the undisturbed run broke; null: none. */
  readonly failure: string | null;
}

const known = new Map<string, Expected>();

async function expectedOf(scenario: Scenario): Promise<Expected> {
  const key = JSON.stringify({ ...scenario, servers: 0, everySteps: 0, isWhole: true });
  const found = known.get(key);
  if (found !== undefined) return found;
  const oracle = plainRun(scenario);
  const undisturbed = new Simulation({ seed: 0, scenario, oracle, epochs: null, workers: 2 });
  await undisturbed.run();
  const { outcome, world } = undisturbed;
  const expected = { oracle, epochs: outcome?.epochs ?? [], failure: world.failure };
  known.set(key, expected);
  return expected;
}

export async function runSchedule(
  seed: number,
  trace?: (line: string) => void,
): Promise<ScheduleResult> {
  const scenario = scenarioOf(seed);
  const expected = await expectedOf(scenario);
  const workers = workersOf(seed);
  const simulation = new Simulation({
    seed,
    scenario,
    ...expected,
    workers,
    ...(trace ? { trace } : {}),
  });
  await simulation.run();
  const { world, counts } = simulation;
  const { events, nowMs } = world;
  const failure = expected.failure === null ? world.failure : `undisturbed: ${expected.failure}`;
  return { seed, scenario, failure, counts, events, virtualMs: nowMs };
}
