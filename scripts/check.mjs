/**
 * Format, lint, imports, types, generated files and unit tests, as many at a time as there are cores; one line a part.
 * Lint, types and format remember, in node_modules/.cache, the files that passed, by content. A lint rule that
 * looks at types may see the change of another file only once its own file changes: `--fresh`, as in .ci/run, forgets all.
 */
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { packageProgram, root, runCommand } from './run-command.mjs';

const CACHE = join(root, 'node_modules', '.cache', 'check');
if (process.argv.includes('--fresh')) rmSync(CACHE, { recursive: true, force: true });

/** Options of ESLint and Prettier alike. */
function caching(name) {
  return ['--cache', '--cache-strategy=content', `--cache-location=${join(CACHE, name)}`];
}

/** A check of who imports whom. */
function cruise(config, others) {
  const program = packageProgram('dependency-cruiser/bin/dependency-cruise.mjs');
  return [...program, `--config=${config}`, 'src', 'coordinator', 'server', 'worker', ...others];
}

/** The longest first, so that none of them starts last. */
const PARTS = [
  ['unit tests', [process.execPath, 'scripts/test.mjs', '--only=unit']],
  ['lint', [...packageProgram('eslint/bin/eslint.js'), ...caching('eslint'), '.']],
  [
    'types',
    [
      ...packageProgram('typescript/bin/tsc'),
      ...['--noEmit', '-p', '.', '--incremental', '--tsBuildInfoFile', join(CACHE, 'types')],
    ],
  ],
  [
    'page types',
    [...packageProgram('typescript/bin/tsc'), ...['--noEmit', '-p', 'src/report/client']],
  ],
  [
    'format',
    [...packageProgram('prettier/bin/prettier.cjs'), ...caching('prettier'), '--check', '.'],
  ],
  ['imports', cruise('.dependency-cruiser.mjs', ['bench', 'test'])],
  ['loads', cruise('.dependency-cruiser.loads.mjs', [])],
  ['proto types', [process.execPath, 'scripts/proto.mjs', '--check']],
];

const start = performance.now();
const waiting = [...PARTS];
const failed = [];

async function takeParts() {
  for (let part = waiting.shift(); part; part = waiting.shift()) {
    const [name, command] = part;
    const { exitCode, output, seconds } = await runCommand(command);
    const verdict = exitCode === 0 ? 'ok' : 'FAILED';
    process.stdout.write(`${name.padEnd(12)} ${verdict.padEnd(6)} ${seconds.toFixed(1)} s\n`);
    if (exitCode !== 0) failed.push({ name, output });
  }
}

await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, takeParts));
for (const { name, output } of failed) process.stdout.write(`\n=== ${name}\n${output}`);
const seconds = ((performance.now() - start) / 1000).toFixed(1);
const verdict =
  failed.length === 0 ? 'all ok' : `failed: ${failed.map(({ name }) => name).join(', ')}`;
process.stdout.write(`\n${verdict} in ${seconds} s\n`);
process.exit(failed.length === 0 ? 0 : 1);
