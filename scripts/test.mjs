/**
 * Runs the tests of test/unit, test/simulation, test/integration, test/fuzz, test/e2e and test/gpu.
 * `--only unit,integration` takes some of the folders, and is the way to those that need the package
 * registry: test/package. Further arguments go to Node's test runner (`--test-name-pattern=...`).
 * Says at the end which engines the tests had.
 */
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, runCommand } from './run-command.mjs';

const FOLDERS = ['unit', 'simulation', 'integration', 'fuzz', 'e2e', 'gpu'];
const ON_DEMAND = ['package'];
/** Folders whose files start no processes and share nothing: as many run at a time as there are cores. */
const PARALLEL = ['unit', 'simulation'];

function testFiles(folder) {
  const path = join(root, 'test', folder);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((file) => file.endsWith('.test.ts'))
    .sort()
    .map((file) => join('test', folder, file));
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

const { values, tokens } = parseArgs({
  options: { only: { type: 'string', default: FOLDERS.join(',') } },
  strict: false,
  tokens: true,
});
const folders = values.only.split(',');
const known = [...FOLDERS, ...ON_DEMAND];
const unknown = folders.find((folder) => !known.includes(folder));
if (unknown !== undefined) fail(`--only ${unknown}: must be some of ${known.join(', ')}`);
const passedOn = tokens
  .filter((token) => token.kind === 'option' && token.name !== 'only')
  .map((token) => (token.value === undefined ? token.rawName : `${token.rawName}=${token.value}`));

let exitCode = 0;
// One folder after the other: what starts processes of its own gets the machine to itself.
for (const folder of folders) {
  const files = testFiles(folder);
  if (files.length === 0) {
    process.stdout.write(`test/${folder}: no tests\n`);
    continue;
  }
  const concurrency = PARALLEL.includes(folder) ? availableParallelism() : 1;
  const result = await runCommand(
    [
      ...[process.execPath, '--import', 'tsx', '--test', '--test-reporter=spec'],
      ...[`--test-concurrency=${concurrency}`, ...passedOn, ...files],
    ],
    { isShown: true },
  );
  exitCode ||= result.exitCode;
  const verdict = result.exitCode === 0 ? 'passed' : 'FAILED';
  process.stdout.write(`test/${folder}: ${verdict} in ${result.seconds.toFixed(1)} s\n`);
}
const engines = await runCommand([
  ...[process.execPath, '--import', 'tsx', 'test/support/print-engines.ts'],
]);
process.stdout.write(engines.stdout);
process.exit(exitCode || engines.exitCode);
