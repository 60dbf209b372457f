/**
 * Compiles this project's own loops in C++, each module with one call of the compiler: clustering's
 * (host kernels) and those of the parameter plane. They need nothing of TensorFlow, and nothing
 * needs them: where they cannot be had, a line says why, and the same is done more slowly in
 * JavaScript.
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

/** `file` is where the program looks for it in the setup's folder; `story` prints what it has. */
const MODULES = [
  {
    what: 'host kernels',
    without: 'clustering is slower without them',
    sources: join(root, 'src', 'engine', 'clustering', 'host', 'native'),
    file: 'host-kernels',
    story: 'console.log(require(process.argv[1]).kernels.join(", "))',
  },
  {
    what: 'parameter kernels',
    without: 'parameters and gradients move more slowly without them',
    sources: join(root, 'src', 'parameter-plane', 'native'),
    file: 'parameter-kernels',
    story:
      'console.log(require(process.argv[1]).hasSegments ? "shared memory" : "no shared memory")',
  },
];

/** Products and sums stay apart, as in JavaScript: the bits are the same. */
const FLAGS = [
  ...['-O3', '-std=c++17', '-shared', '-fPIC', '-pthread', '-fvisibility=hidden'],
  '-ffp-contract=off',
];

/**
 * Makes them unless they were made of the same sources; never throws. @param log takes a line for a
 * person
 */
export async function buildHostModules(log) {
  for (const module of MODULES) {
    const partial = join(FOLDER, `${module.file}.partial.node`);
    try {
      log(`${module.what}: ${await build(module, partial)}`);
    } catch (error) {
      log(`${module.what}: not built, ${module.without}: ${error.message}`);
    } finally {
      rmSync(partial, { force: true });
    }
  }
}

/** @returns what it is, in a few words */
async function build({ sources: folder, file, story }, partial) {
  const made = join(FOLDER, `${file}.node`);
  const stampFile = join(FOLDER, `${file}.sha256`);
  const sources = existsSync(folder) ? readdirSync(folder).sort() : [];
  if (sources.length === 0) throw new Error(`no sources in ${folder}`);
  const hash = createHash('sha256').update(COMPILER).update(FLAGS.join(' '));
  for (const name of sources) hash.update(readFileSync(join(folder, name)));
  const stamp = hash.digest('hex');
  if (existsSync(made) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) {
    return `built before; ${await storyOf(made, story)}`;
  }
  mkdirSync(FOLDER, { recursive: true });
  const { exitCode, output } = await runCommand([
    ...[COMPILER, ...FLAGS, '-DNAPI_VERSION=8', `-I${NODE_HEADERS}`],
    ...sources.filter((name) => name.endsWith('.cc')).map((name) => join(folder, name)),
    ...['-o', partial],
  ]);
  if (exitCode !== 0) {
    throw new Error(output.split('\n').find((line) => /error/.test(line)) ?? lastLine(output));
  }
  // Never over a module that a process has loaded: it is proved, and then takes its place at once.
  const told = await storyOf(partial, story);
  renameSync(partial, made);
  writeFileSync(stampFile, stamp);
  return `built; ${told}`;
}

/** Loads the module in a process of its own. */
async function storyOf(module, story) {
  const { exitCode, output, stdout } = await runCommand([process.execPath, '-e', story, module]);
  if (exitCode !== 0) throw new Error(`the module does not load: ${lastLine(output)}`);
  return stdout.trim();
}
