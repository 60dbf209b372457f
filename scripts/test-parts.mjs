/**
 * The parts of the tests, by name: which files or which program each of them runs. `everyTime` are
 * those that `npm test` and .ci/run take; the others take long, and run by night or when asked for.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run-command.mjs';

/**
 * @typedef {object} Part
 * @property {string} [folder] test files of test/<folder>; `matching` takes some of them
 * @property {RegExp} [matching]
 * @property {boolean} [isParallel] its files start no processes and share nothing: as many run at a
 *   time as there are cores
 * @property {string[]} [program] arguments of Node, in place of test files
 * @property {boolean} [everyTime]
 * @property {string} says what it is
 */

const TSX = ['--import', 'tsx'];

/** @type {Readonly<Record<string, Part>>} In the order in which they run. */
export const PARTS = {
  unit: {
    ...{ folder: 'unit', isParallel: true, everyTime: true },
    says: 'one piece at a time, in one process',
  },
  simulation: {
    ...{ folder: 'simulation', isParallel: true, everyTime: true },
    says: 'schedules and mutants',
  },
  schedules: {
    ...{ folder: 'simulation', matching: /^schedules-/, isParallel: true },
    says: '10,000 simulated schedules of faults',
  },
  mutants: {
    ...{ folder: 'simulation', matching: /^mutants/ },
    says: 'bugs that are planted in a copy of the sources, each of which the simulation must catch',
  },
  integration: {
    ...{ folder: 'integration', everyTime: true },
    says: 'whole runs in one process, over loopback',
  },
  fuzz: {
    ...{ folder: 'fuzz', everyTime: true },
    says: 'what the fuzzer has found, and some thousand inputs of each kind',
  },
  e2e: { folder: 'e2e', everyTime: true, says: 'real processes, killed and disturbed' },
  browser: {
    ...{ folder: 'browser', everyTime: true },
    says: 'the report in Chromium, by mouse, keys and on a phone',
  },
  package: { folder: 'package', says: 'the package: packed, installed elsewhere and started' },
  gpu: { folder: 'gpu', everyTime: true, says: 'an engine on a GPU' },
  extend: {
    program: [...TSX, 'test/extend/run.ts'],
    says: 'what it takes to add an algorithm, an engine, a command, a kind of work',
  },
  'more-schedules': {
    program: [...TSX, ...['test/simulation/run.ts', '--first', '10000', '--schedules', '100000']],
    says: '100,000 more schedules than those of every time',
  },
  'long-fuzz': {
    program: [...TSX, ...['test/fuzz/run.ts', '--frames', '1000000', '--files', '10000']],
    says: 'a million frames and ten thousand files',
  },
  chaos: {
    program: ['bin/deepcluster.mjs', 'bench', 'chaos', '--kills', '50'],
    says: 'a run of each algorithm under 50 kills, beside the undisturbed one',
  },
  'chaos-images': {
    program: ['bin/deepcluster.mjs', 'bench', 'chaos', '--kills', '50', '--vanish', '--second'],
    says: 'the same, while images come and go and the run is started a second time',
  },
};

/** The names of the parts that run every time. */
export const EVERY_TIME = Object.keys(PARTS).filter((name) => PARTS[name].everyTime);

/** @returns the test files of a part, from the root; none for a program */
export function filesOf({ folder, matching = /./ }) {
  if (folder === undefined) return [];
  const path = join(root, 'test', folder);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((file) => file.endsWith('.test.ts') && matching.test(file))
    .sort()
    .map((file) => join('test', folder, file));
}
