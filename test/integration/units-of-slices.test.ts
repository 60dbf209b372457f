/**
 * Units of slices: a worker gets as many slices of a step at a time as the number of workers
 * allows, and whoever computes what, the run is the same.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Decision } from '../../coordinator/control/dispatcher.ts';
import { isNode } from '../../src/ps/slice-tree.ts';
import {
  checkpointOf,
  placeForRuns,
  readLosses,
  runPlain,
} from '../support/runs/in-process-run.ts';

const IMAGES = 60;
const { data, out } = await placeForRuns(IMAGES);

/** Eight slices a step; the last step of an epoch has six. No worker is lost because it is slow. */
const SETTINGS = {
  'training.batchSize': 16,
  'training.sliceSize': 2,
  'cluster.backupFactor': 0,
  'cluster.heartbeatTimeoutMs': 120_000,
};
const SLICES = [8, 8, 8, 6];

/** Rounds of two local steps: as many slices of twice as many images, in half as many steps. */
const LOCAL = {
  ...{ 'training.mode': 'local', 'training.localSteps': 2, 'training.batchSize': 8 },
  'training.sliceSize': 1,
};

const ALGORITHMS = {
  deepcluster: {},
  'deepcluster in mode local': LOCAL,
  odc: { algorithm: 'odc', 'model.neck': 'odc', 'odc.smallClusterSize': 4 },
} as const;

const EIGHT = [1, 1, 1, 1, 1, 1, 1, 1];

/** Slices of the units of a whole step and of the last one, with so many workers. */
const UNITS: Readonly<Record<number, readonly [number[], number[]]>> = {
  1: [[8], [6]],
  2: [
    [4, 4],
    [2, 2, 1, 1],
  ],
  3: [
    [2, 2, 2, 1, 1],
    [2, 2, 2],
  ],
  8: [EIGHT, EIGHT.slice(2)],
};

interface GivenUnit {
  readonly step: number;
  readonly slice: number;
  readonly slices: number;
  readonly workerId: string;
}

/** Keeps the units that were given out. */
function unitJournal(): { units: GivenUnit[]; journal: (decision: Decision) => void } {
  const units: GivenUnit[] = [];
  const journal = ({ actions }: Decision): void => {
    for (const action of actions) {
      if (action.type !== 'sendOrder' || action.lease.work.kind !== 'trainSlice') continue;
      const { workerId, work } = action.lease;
      const [step, slice, slices] = [work['step'], work['slice'], work['slices']].map(Number);
      units.push({ workerId, step: step!, slice: slice!, slices: slices! });
    }
  };
  return { units, journal };
}

for (const [algorithm, own] of Object.entries(ALGORITHMS)) {
  test(`1, 2, 3 and 8 workers compute units of other widths and give the same run: ${algorithm}`, async () => {
    const ends: unknown[] = [];
    for (const workers of [1, 2, 3, 8]) {
      const run = out(`${algorithm}-${workers}`);
      const { units, journal } = unitJournal();
      const settings = { ...SETTINGS, ...own, 'cluster.minWorkers': workers };
      await runPlain({ data, out: run, workers, settings, journal });
      for (let step = 0; step < 2 * SLICES.length; step += 1) {
        const stepSlices = SLICES[step % SLICES.length]!;
        const expected = UNITS[workers]![stepSlices === 8 ? 0 : 1];
        const given = units.filter((unit) => unit.step === step);
        const what = `${workers} workers, step ${step}`;
        assert.deepEqual(
          given.map(({ slices }) => slices),
          expected,
          what,
        );
        assert.ok(given.every((unit) => isNode(unit, stepSlices)));
        // One push by each worker, wherever units are no more than workers.
        const holders = new Set(given.map(({ workerId }) => workerId));
        assert.equal(holders.size, Math.min(workers, expected.length), what);
      }
      const { files } = await checkpointOf(run);
      const { parameters, clustering } = files;
      ends.push({ losses: readLosses(run), parameters, labels: clustering!['pseudo-labels'] });
    }
    for (const end of ends) assert.deepEqual(end, ends[0]);
  });
}
