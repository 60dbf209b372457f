/** Compiles the addon from the sources in tfjs-node-gpu against a TensorFlow, with one call of the compiler. */
import { existsSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommand } from '../run-command.mjs';
import { Obstacle } from './obstacle.mjs';
import { FOLDER, NODE_HEADERS, PACKAGE } from './places.mjs';
import { COMPILER } from './preflight.mjs';
import { LIBRARIES, lastLine } from './wheel.mjs';

/** A header that the sources include, and where newer releases have its content. */
const MOVED_HEADER = 'tensorflow/core/platform/ctstring_internal.h';
const NEW_PLACES = ['tsl/platform/ctstring_internal.h', 'xla/tsl/platform/ctstring_internal.h'];

/**
 * The addon looks for the libraries in the wheel's real folder: TensorFlow finds those of CUDA relative to where it was
 * loaded from. Both are named as needed, whichever of them has the functions in this release.
 * @param tensorflow folder of the package
 * @param target file to write
 */
export async function compileAddon(tensorflow, target) {
  const folder = realpathSync(tensorflow);
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) =>
    join(PACKAGE, 'binding', name),
  );
  const { exitCode, output } = await runCommand([
    ...[COMPILER, '-O2', '-std=c++17', '-shared', '-fPIC', '-DNAPI_VERSION=8'],
    ...[NODE_HEADERS, join(folder, 'include'), forwardingHeaders(folder)].map((at) => `-I${at}`),
    ...sources,
    ...['-o', target, '-Wl,--no-as-needed', `-L${folder}`],
    ...LIBRARIES.map((name) => `-l:${name}`),
    `-Wl,-rpath,${folder}`,
  ]);
  if (exitCode === 0) return;
  const error = output.split('\n').find((line) => /error|undefined reference/.test(line));
  const what = `the addon does not compile against ${folder}: ${error ?? lastLine(output)}`;
  throw new Obstacle(what, 'leave out --version and --use, which takes the release that is known');
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
