/**
 * Runs parts of the tests (test-parts.mjs): those of every time, or those that `--only unit,mutants`
 * names; `--list` says which there are. Further arguments go to Node's test runner
 * (`--test-name-pattern=...`). Says at the end which engines the tests had.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runCommand } from './run-command.mjs';
import { EVERY_TIME, PARTS, filesOf } from './test-parts.mjs';

const { values, tokens } = parseArgs({
  options: {
    only: { type: 'string', default: EVERY_TIME.join(',') },
    list: { type: 'boolean', default: false },
  },
  strict: false,
  tokens: true,
});
if (values.list) {
  for (const [name, { says, everyTime }] of Object.entries(PARTS)) {
    process.stdout.write(`${everyTime ? '*' : ' '} ${name.padEnd(14)} ${says}\n`);
  }
  process.stdout.write('* runs every time\n');
  process.exit(0);
}
const names = String(values.only).split(',');
const unknown = names.find((name) => !Object.hasOwn(PARTS, name));
if (unknown !== undefined) {
  const known = Object.keys(PARTS).join(', ');
  process.stderr.write(`--only ${unknown}: must be some of ${known}\n`);
  process.exit(2);
}
const passedOn = tokens
  .filter((token) => token.kind === 'option' && token.name !== 'only')
  .map((token) => (token.value === undefined ? token.rawName : `${token.rawName}=${token.value}`));

/** Arguments of Node for a part; null where it has no files. */
function argumentsOf(part) {
  if (part.program !== undefined) return part.program;
  const files = filesOf(part);
  if (files.length === 0) return null;
  const concurrency = part.isParallel ? availableParallelism() : 1;
  return [
    ...['--import', 'tsx', '--test', '--test-reporter=spec'],
    ...[`--test-concurrency=${concurrency}`, ...passedOn, ...files],
  ];
}

let exitCode = 0;
// One part after the other: what starts processes of its own gets the machine to itself.
for (const name of names) {
  const args = argumentsOf(PARTS[name]);
  if (args === null) {
    process.stdout.write(`${name}: no tests\n`);
    exitCode ||= 1;
    continue;
  }
  const result = await runCommand([process.execPath, ...args], { isShown: true });
  exitCode ||= result.exitCode;
  const verdict = result.exitCode === 0 ? 'passed' : 'FAILED';
  process.stdout.write(`${name}: ${verdict} in ${result.seconds.toFixed(1)} s\n`);
}
const engines = await runCommand([
  ...[process.execPath, '--import', 'tsx', 'test/support/engines/print-engines.ts'],
]);
process.stdout.write(engines.stdout);
process.exit(exitCode || engines.exitCode);
