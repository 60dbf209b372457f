/**
 * Compiles the addon from the sources in tfjs-node-gpu, and this project's own kernels into it, against a TensorFlow, with one
 * call of the compiler.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { runCommand } from '../run-command.mjs';
import { Obstacle } from './obstacle.mjs';
import { FOLDER, KERNELS, NODE_HEADERS, PACKAGE } from './places.mjs';
import { COMPILER } from './preflight.mjs';
import { LIBRARIES, lastLine } from './wheel.mjs';

/** A header that the sources include, and where newer releases have its content. */
const MOVED_HEADER = 'tensorflow/core/platform/ctstring_internal.h';
const NEW_PLACES = ['tsl/platform/ctstring_internal.h', 'xla/tsl/platform/ctstring_internal.h'];

/**
 * The addon looks for the libraries in the wheel's real folder. Both are named as needed, whichever of them has the functions in this release.
 * @param tensorflow folder of the package
 * @param target file to write
 */
export async function compileAddon(tensorflow, target) {
  const folder = realpathSync(tensorflow);
  const sources = [
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(PACKAGE, 'binding', name)),
    ...kernelFiles().filter((file) => file.endsWith('.cc')),
  ];
  const { exitCode, output } = await runCommand([
    ...[COMPILER, '-O3', '-std=c++17', '-shared', '-fPIC', '-DNAPI_VERSION=8'],
    // The kernels' results are to be the same bits on every CPU.
    ...['-ffp-contract=off', '-pthread'],
    ...[NODE_HEADERS, join(folder, 'include'), forwardingHeaders(folder)].map((at) => `-I${at}`),
    ...sources,
    ...['-o', target, '-Wl,--no-as-needed', `-L${folder}`],
    ...LIBRARIES.map((name) => `-l:${name}`),
    `-Wl,-rpath,${folder}`,
    ...cudaLibraries(folder).flatMap(({ at, name }) => [
      `-L${at}`,
      `-l:${name}`,
      `-Wl,-rpath,${at}`,
    ]),
  ]);
  if (exitCode === 0) return;
  const error = output.split('\n').find((line) => /error|undefined reference/.test(line));
  const what = `the addon does not compile against ${folder}: ${error ?? lastLine(output)}`;
  throw new Obstacle(what, 'leave out --version and --use, which takes the release that is known');
}

/** What TensorFlow loads when it starts on a GPU. */
const CUDA_LIBRARY = /^lib(cudart|cublas|cublasLt|cudnn|cufft|cusolver|cusparse)\.so\.\d+$/;

/**
 * NVIDIA's libraries in the wheels beside TensorFlow's. The addon names them as needed, so that they are loaded before
 * TensorFlow looks for them: it does not find all of them by itself, and then computes on the CPU.
 * @param tensorflow folder of the package
 * @returns {{ at: string, name: string }[]} none for a TensorFlow without CUDA, or with that of the system
 */
export function cudaLibraries(tensorflow) {
  const wheels = join(dirname(tensorflow), 'nvidia');
  if (!existsSync(wheels)) return [];
  return readdirSync(wheels).flatMap((wheel) => {
    const at = join(wheels, wheel, 'lib');
    const names = existsSync(at) ? readdirSync(at) : [];
    return names.filter((name) => CUDA_LIBRARY.test(name)).map((name) => ({ at, name }));
  });
}

/** Names what the kernels are made of: an addon of other sources is to be compiled again. @returns 16 hexadecimal digits */
export function kernelsHash() {
  const hash = createHash('sha256');
  for (const file of kernelFiles()) hash.update(`${basename(file)}\0`).update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}

function kernelFiles() {
  return readdirSync(KERNELS)
    .filter((name) => /\.(cc|h)$/.test(name))
    .sort()
    .map((name) => join(KERNELS, name));
}

/** A folder with a header for each that the release has moved; empty where it has moved none. */
function forwardingHeaders(tensorflow) {
  const folder = join(FOLDER, 'headers');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, dirname(MOVED_HEADER)), { recursive: true });
  const has = (header) => existsSync(join(tensorflow, 'include', header));
  const place = NEW_PLACES.find(has);
  if (!has(MOVED_HEADER) && place !== undefined) {
    writeFileSync(join(folder, MOVED_HEADER), `#include "${place}"\n`);
  }
  return folder;
}
