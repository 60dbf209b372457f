/** Gets TensorFlow itself: its wheel in a private Python environment, or the one that a person has already. */
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { runCommand } from '../run-command.mjs';
import { EXIT, Obstacle } from './obstacle.mjs';
import { FOLDER } from './places.mjs';
import { PYTHON } from './preflight.mjs';

export const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];

/** Nothing of CPU TensorFlow but its headers and libraries is used; with CUDA, its wheels hold libraries of NVIDIA. */
const REQUIREMENTS = {
  cpu: (version) => ['--no-deps', `tensorflow-cpu==${version}`],
  cuda: (version) => [`tensorflow[and-cuda]==${version}`],
};

/** Where the environment of a variant and version lies. */
export function environmentOf(variant, version) {
  return join(FOLDER, `${variant}-${version}`);
}

/**
 * Installs a wheel, unless that was done: it is unpacked under a temporary name, so that what has the name is whole.
 * @returns the folder of the package `tensorflow`
 */
export async function installWheel(variant, version, log) {
  const environment = environmentOf(variant, version);
  if (existsSync(environment)) {
    const folder = await tensorflowOf(join(environment, 'bin', 'python')).catch(() => null);
    if (folder !== null) return folder;
    log(`${environment} is damaged: making it anew`);
    rmSync(environment, { recursive: true });
  }
  const partial = join(FOLDER, 'environment.partial');
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const made = await runCommand([PYTHON, '-m', 'venv', partial]);
  if (made.exitCode !== 0) {
    const remedy = 'install what is missing (Debian: apt-get install python3-venv)';
    throw new Obstacle(`${PYTHON} -m venv failed: ${lastLine(made.output)}`, remedy);
  }
  const python = join(partial, 'bin', 'python');
  const requirements = REQUIREMENTS[variant](version);
  log(`installing ${requirements.at(-1)} into ${environment} ...`);
  const flags = ['--only-binary=:all:', '--disable-pip-version-check', '--no-input'];
  const installed = await runCommand(
    [python, '-m', 'pip', 'install', ...flags, '--progress-bar=off', ...requirements],
    { isEchoed: true },
  );
  if (installed.exitCode !== 0) throw pipObstacle(installed.output, requirements.at(-1));
  await tensorflowOf(python);
  renameSync(partial, environment);
  // An environment may be moved: its interpreter finds it by its own place.
  return tensorflowOf(join(environment, 'bin', 'python'));
}

/** What pip's output says, in one line. */
export function pipObstacle(output, requirement) {
  const what = `pip could not install ${requirement}`;
  const offline =
    /Retrying \(|NewConnectionError|ConnectTimeout|ReadTimeout|Temporary failure in name/;
  if (/No space left on device/.test(output)) {
    return new Obstacle(`${what}: no space left on the disk`, 'make room and run it again');
  }
  if (/No module named '?pip/.test(output)) {
    return new Obstacle(`${what}: no pip`, 'install it (Debian: apt-get install python3-venv)');
  }
  if (offline.test(output)) {
    const remedy = "try again with a network, or name a mirror in pip's index-url";
    return new Obstacle(`${what}: the package index cannot be reached`, remedy, EXIT.retry);
  }
  const refusal = /HTTP error (\d+)|(\d{3}) Client Error/.exec(output);
  if (refusal !== null) {
    const status = refusal[1] ?? refusal[2];
    const remedy = "name an index that has it in pip's index-url, or take --use";
    return new Obstacle(`${what}: the package index answers ${status}`, remedy);
  }
  const versions = /from versions: ([^)]*)\)/.exec(output)?.[1];
  if (versions !== undefined) {
    const offered = versions === 'none' ? 'none' : versions.split(', ').slice(-6).join(', ');
    const remedy = 'name one of them with --version, or a Python 3.10 to 3.13 in PYTHON';
    return new Obstacle(`${what}: for this Python and machine there is ${offered}`, remedy);
  }
  const remedy = 'see its output above';
  return new Obstacle(`${what}: ${lastLine(output)}`, remedy);
}

/**
 * The folder of the package `tensorflow` that a person names.
 * @param named that folder itself, a Python environment, or a Python
 */
export async function findTensorflow(named) {
  const path = resolve(named);
  if (!existsSync(path) || statSync(path).isFile()) return tensorflowOf(named);
  if (isWhole(path)) return path;
  for (const inner of ['bin/python', 'bin/python3']) {
    if (existsSync(join(path, inner))) return tensorflowOf(join(path, inner));
  }
  const remedy = 'name a Python, a Python environment, or the folder of the package tensorflow';
  throw new Obstacle(`${named} holds no TensorFlow`, remedy);
}

/** Asks a Python where its TensorFlow lies, without loading it. @throws Obstacle where it has none, or not the libraries */
async function tensorflowOf(python) {
  const program =
    "import importlib.util as u; s = u.find_spec('tensorflow'); print(s.submodule_search_locations[0] if s else '')";
  const { exitCode, output } = await runCommand([python, '-c', program]);
  if (exitCode !== 0) {
    const remedy = 'name a Python, a Python environment, or the folder of the package tensorflow';
    throw new Obstacle(`${python} does not run as a Python: ${lastLine(output)}`, remedy);
  }
  const folder = output.trim().split('\n').at(-1);
  if (folder === '') {
    throw new Obstacle(
      `${python} has no package tensorflow`,
      `${python} -m pip install tensorflow`,
    );
  }
  if (!isWhole(folder)) {
    const remedy = 'use TensorFlow 2.15 or later from its official wheels for Linux';
    throw new Obstacle(`${folder} lacks ${LIBRARIES.join(' or ')}, or its headers`, remedy);
  }
  return folder;
}

function isWhole(folder) {
  return [...LIBRARIES, 'include/tensorflow/c/c_api.h'].every((file) =>
    existsSync(join(folder, file)),
  );
}

/** Whether a file name is that of an environment made here: each takes a gigabyte or more. */
export function isEnvironment(name) {
  return /^(cpu|cuda)-\d/.test(basename(name)) || name === 'environment.partial';
}

export function lastLine(output) {
  return output.trim().split('\n').at(-1)?.trim() || 'no output';
}
