/**
 * The program's needs of its surroundings before its first module is loaded, in plain JavaScript
 * without a dependency: each of these would otherwise end in the stack of some tool. A check takes
 * a few system calls.
 */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Exit code for what no retry mends (src/errors.ts, which is not loaded yet). */
const INVALID = 42;

/**
 * While modules are loaded, some 75 files are open at a time; at work, a process has fewer, and
 * four for each other process.
 */
export const LEAST_OPEN_FILES = 128;

/** Node takes the hard limit, whatever the soft one is. */
const RAISE_LIMIT =
  'start it where ulimit -Hn says 1024 or more: nofile in /etc/security/limits.conf, LimitNOFILE= of systemd, --ulimit of a container';

/** Ends the process with one line. */
export function refuse(line) {
  process.stderr.write(`deepcluster: ${line}\n`);
  process.exit(INVALID);
}

/** Why the program cannot start here, and what to do, in one line; null: it can. */
export function startProblem(isCheckout) {
  return (
    nodeProblem(process.versions.node) ??
    openFilesProblem() ??
    (isCheckout ? temporaryFolderProblem() : null)
  );
}

/**
 * The first version of each release line that has all that the program calls: `engines` of
 * package.json, which says so to npm. Lines that came later than all of these are taken, too.
 */
const LEAST_NODE = [
  [20, 19],
  [22, 13],
  [24, 0],
];

/** Why this version of Node does not do, or null. */
export function nodeProblem(version) {
  const [major, minor] = version.split('.').map(Number);
  const least = LEAST_NODE.find(([line]) => line === major)?.[1];
  const isKnown = least !== undefined && minor >= least;
  if (isKnown || major > LEAST_NODE.at(-1)[0]) return null;
  const lines = LEAST_NODE.map((pair) => pair.join('.')).join(', ');
  return `Node ${version} is too old; run it with one of ${lines}, or a later release of these lines or after them`;
}

/**
 * Files that this process may have open: the hard limit, to which Node raises its own; null where
 * it cannot be told.
 */
export function openFilesLimit() {
  try {
    const found = /^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return found === null ? null : Number(found[1]);
  } catch {
    return null; // not Linux
  }
}

function openFilesProblem() {
  const limit = openFilesLimit();
  if (limit === null || limit >= LEAST_OPEN_FILES) return null;
  return `only ${limit} files may be open at a time, at least ${LEAST_OPEN_FILES} are needed; ${RAISE_LIMIT}`;
}

/** Compiled sources are kept there. */
function temporaryFolderProblem() {
  const folder = tmpdir();
  const variable = ['TMPDIR', 'TMP', 'TEMP'].find((name) => process.env[name]);
  const remedy = 'name a folder that can be written to with TMPDIR=DIR';
  try {
    if (!statSync(folder).isDirectory())
      return `${named(folder, variable)} is no folder; ${remedy}`;
    accessSync(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const problem = error.code === 'ENOENT' ? 'does not exist' : `cannot be used (${error.code})`;
    return `${named(folder, variable)} ${problem}; ${remedy}`;
  }
}

function named(folder, variable) {
  return `temporary folder ${folder}${variable === undefined ? '' : ` (from ${variable})`}`;
}

/** The line for a package that is not there, or null for any other failure. */
export function missingPackage(error, isCheckout) {
  const missing = /^Cannot find package '([^']+)'/.exec(error?.message ?? '')?.[1];
  if (error?.code !== 'ERR_MODULE_NOT_FOUND' || missing === undefined) return null;
  const root = fileURLToPath(new URL('..', import.meta.url));
  if (isCheckout) return `the package ${missing} is not installed; run: npm ci, in ${root}`;
  return `the package ${missing} is not installed; install deepcluster-ps again, which brings it along`;
}
