/**
 * Runs tests on other versions of Node, which the package registry has as packages: `npm run
 * test:nodes` runs the unit tests and a few runs of whole processes on each that is supported.
 *
 *   --nodes 22,24,26   release lines, or exact versions
 *   --tests a,b        files or folders of test/, without their ending; DEFAULT_TESTS below by default
 *
 * They are kept in node_modules/.cache/nodes, where the next call finds them. A test's own children
 * run on the same Node, since they are started by process.execPath.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, runCommand } from './run-command.mjs';

const CACHE = join(root, 'node_modules', '.cache', 'nodes');

/** Runs of processes and threads of their own, and short. */
const DEFAULT_TESTS = 'unit,e2e/engines,e2e/faults';
const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '22,24,26' },
    tests: { type: 'string', default: DEFAULT_TESTS },
  },
});

let failed = 0;
for (const line of values.nodes.split(',')) {
  const node = await nodeOf(line);
  const { stdout } = await runCommand([node, '--version']);
  for (const tests of values.tests.split(',')) {
    const { exitCode, output, seconds } = await runCommand(testCommand(node, tests));
    const verdict = exitCode === 0 ? 'passed' : 'FAILED';
    process.stdout.write(
      `${stdout.trim()}  test/${tests}: ${verdict} in ${seconds.toFixed(1)} s\n`,
    );
    if (exitCode === 0) continue;
    failed += 1;
    process.stdout.write(output);
  }
}
process.exit(failed === 0 ? 0 : 1);

/** The program of a release line: the one from before, or a new one. */
async function nodeOf(line) {
  const prefix = join(CACHE, line);
  const program = join(prefix, 'program');
  if (existsSync(program)) return readFileSync(program, 'utf8');
  mkdirSync(prefix, { recursive: true });
  // `node` would fetch the program by a script, which npm may be told not to run: it is a package, too.
  const version = await installed(prefix, 'node', line);
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  await installed(prefix, name, version);
  const path = join(prefix, 'node_modules', name, 'bin', 'node');
  writeFileSync(program, path);
  return path;
}

/** Installs a package into a folder of its own. @returns its version */
async function installed(prefix, name, version) {
  const { exitCode, output } = await runCommand([
    ...['npm', 'install', '--prefix', prefix, '--ignore-scripts', '--no-audit', '--no-fund'],
    ...['--loglevel=error', `${name}@${version}`],
  ]);
  if (exitCode !== 0) {
    process.stderr.write(`${name}@${version}: not to be had from the package registry\n${output}`);
    process.exit(1);
  }
  const manifest = join(prefix, 'node_modules', name, 'package.json');
  return JSON.parse(readFileSync(manifest, 'utf8')).version;
}

/** @param tests a folder of test/, or a file in it without its ending */
function testCommand(node, tests) {
  const path = join(root, 'test', tests);
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  const files = isFolder
    ? readdirSync(path)
        .filter((name) => name.endsWith('.test.ts'))
        .map((name) => join(path, name))
    : [`${path}.test.ts`];
  const concurrency = basename(tests) === 'unit' ? availableParallelism() : 1;
  return [
    ...[node, '--import', 'tsx', '--test', '--test-reporter=spec'],
    ...[`--test-concurrency=${concurrency}`, ...files],
  ];
}
