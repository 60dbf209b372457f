/**
 * Compiles the host kernels, clustering's loops in C++, with one call of the compiler. They need nothing of TensorFlow, and
 * nothing needs them: where they cannot be had, a line says why, and clustering is slower.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { root, runCommand } from '../run-command.mjs';
import { FOLDER, NODE_HEADERS } from './places.mjs';
import { COMPILER } from './preflight.mjs';
import { lastLine } from './wheel.mjs';

const SOURCES = join(root, 'src', 'engine', 'clustering', 'host', 'native');
/** Where src/engine/clustering/host/host-kernels.ts looks. */
const MODULE = join(FOLDER, 'host-kernels.node');
/** While it is not proved. */
const PARTIAL = join(FOLDER, 'host-kernels.partial.node');
/** Of what the module was made. */
const STAMP = join(FOLDER, 'host-kernels.sha256');

const FLAGS = ['-O3', '-std=c++17', '-shared', '-fPIC', '-pthread', '-fvisibility=hidden'];
const PRINT_KERNELS = 'console.log(require(process.argv[1]).kernels.join(", "))';

/** Makes them unless they were made of the same sources; never throws. @param log takes a line for a person */
export async function buildHostKernels(log) {
  try {
    log(`host kernels: ${await build()}`);
  } catch (error) {
    log(`host kernels: not built, clustering is slower without them: ${error.message}`);
  } finally {
    rmSync(PARTIAL, { force: true });
  }
}

/** @returns what they are, in a few words */
async function build() {
  const sources = existsSync(SOURCES) ? readdirSync(SOURCES).sort() : [];
  if (sources.length === 0) throw new Error(`no sources in ${SOURCES}`);
  const hash = createHash('sha256').update(COMPILER);
  for (const name of sources) hash.update(readFileSync(join(SOURCES, name)));
  const stamp = hash.digest('hex');
  if (existsSync(MODULE) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stamp) {
    return `built before; ${await kernelsOf(MODULE)}`;
  }
  mkdirSync(FOLDER, { recursive: true });
  const { exitCode, output } = await runCommand([
    ...[COMPILER, ...FLAGS, '-DNAPI_VERSION=8', `-I${NODE_HEADERS}`],
    ...sources.filter((name) => name.endsWith('.cc')).map((name) => join(SOURCES, name)),
    ...['-o', PARTIAL],
  ]);
  if (exitCode !== 0) {
    throw new Error(output.split('\n').find((line) => /error/.test(line)) ?? lastLine(output));
  }
  const kernels = await kernelsOf(PARTIAL);
  renameSync(PARTIAL, MODULE);
  writeFileSync(STAMP, stamp);
  return `built; ${kernels}`;
}

/** Loads the module in a process of its own. @returns the kernels that this processor runs */
async function kernelsOf(module) {
  const { exitCode, output, stdout } = await runCommand([
    ...[process.execPath, '-e', PRINT_KERNELS, module],
  ]);
  if (exitCode !== 0) throw new Error(`the module does not load: ${lastLine(output)}`);
  return stdout.trim();
}
