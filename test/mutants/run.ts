/**
 * Plants bugs, one after the other, in a copy of the sources, and runs the simulation on each:
 * every one of them must be caught, and the sources as they are must pass. Some bugs are for a unit
 * test in place of the simulation. `node --import tsx test/mutants/run.ts [part of the names]`
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const COPIED = [
  'coordinator',
  'server',
  'worker',
  'src',
  'proto',
  'test/simulation',
  'test/unit/parameter-plane-gradient-memory.test.ts',
  'test/unit/ps-codec-exchange.test.ts',
  'test/unit/ps-stale-steps.test.ts',
  'test/support/made/layouts.ts',
  'test/support/made/tiny-store.ts',
  'test/support/oracles',
  'package.json',
  'tsconfig.json',
];
/** Schedules that the sources as they are must pass. */
const SOUND_SCHEDULES = 200;
/** Schedules within which each bug must be caught: some show in one of a thousand. */
const MOST_SCHEDULES = 3_000;

const [, , wanted = ''] = process.argv;
const mutants = MUTANTS.filter(({ name }) => name.includes(wanted));
const copy = mkdtempSync(join(tmpdir(), 'mutants-'));
let escaped = 0;
try {
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  for (const file of new Set(mutants.map(({ test }) => test))) {
    const sound = file === undefined ? simulate(SOUND_SCHEDULES) : runTest(file);
    if (sound.failure !== null) throw new Error(`without a bug: ${sound.failure}`);
    say(`sound: ${file ?? `${SOUND_SCHEDULES} schedules`} pass`, sound.seconds);
  }
  for (const mutant of mutants) {
    const restore = plant(mutant);
    const { failure, seconds } =
      mutant.test === undefined ? simulate(MOST_SCHEDULES, mutant.first) : runTest(mutant.test);
    restore();
    if (failure === null) escaped += 1;
    say(`${failure === null ? 'ESCAPED' : 'caught '}: ${mutant.name}`, seconds);
    if (failure !== null) process.stdout.write(`         ${failure}\n`);
  }
} finally {
  rmSync(copy, { recursive: true });
}
process.stdout.write(`${mutants.length - escaped} of ${mutants.length} bugs were caught\n`);
process.exitCode = escaped === 0 ? 0 : 1;

/** @returns what takes the bug out again. @throws where the source is not as the bug expects it */
function plant({ name, patches }: Mutant): () => void {
  const originals = new Map<string, string>();
  for (const { file, find, replace } of patches) {
    const path = join(copy, file);
    const source = readFileSync(path, 'utf8');
    if (source.split(find).length !== 2) throw new Error(`${name}: not once in ${file}: ${find}`);
    if (!originals.has(path)) originals.set(path, source);
    writeFileSync(
      path,
      source.replace(find, () => replace),
    );
  }
  return () => {
    for (const [path, source] of originals) writeFileSync(path, source);
  };
}

/** @returns the first schedule that failed, and why; null where none did */
function simulate(schedules: number, first = 0): { failure: string | null; seconds: number } {
  const startedMs = performance.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...['--import', 'tsx', 'test/simulation/run.ts'],
      ...['--first', `${first}`, '--schedules', `${schedules}`],
    ],
    { cwd: copy, encoding: 'utf8' },
  );
  const seconds = (performance.now() - startedMs) / 1000;
  if (status === 0) return { failure: null, seconds };
  const failure = stdout.split('\n').find((line) => line.startsWith('schedule '));
  // A bug must be caught by a rule of the simulation, not by a source that does not even run.
  if (failure === undefined) throw new Error(`the simulation did not run: ${stderr}${stdout}`);
  return { failure, seconds };
}

/** @returns the first test that failed; null where none did */
function runTest(file: string): { failure: string | null; seconds: number } {
  const startedMs = performance.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--test', '--test-reporter=tap', file],
    // Within a test of Node's this variable would have it run nothing.
    {
      ...{ cwd: copy, encoding: 'utf8' as const, maxBuffer: 2 ** 28 },
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    },
  );
  const seconds = (performance.now() - startedMs) / 1000;
  if (status === 0 && /^# pass [1-9]/m.test(stdout)) return { failure: null, seconds };
  const failed = stdout.split('\n').filter((line) => line.startsWith('not ok'));
  // As above; a file that does not run is one failure that has the file's name.
  const failure = failed.find((line) => !line.includes(file));
  if (failure === undefined) throw new Error(`${file} did not run: ${stderr}${stdout}`);
  return { failure, seconds };
}

function say(what: string, seconds: number): void {
  process.stdout.write(`${what} (${seconds.toFixed(1)} s)\n`);
}
