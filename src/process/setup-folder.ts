/**
 * Where `deepcluster setup` keeps what it makes: TensorFlow, the addon, the host kernels. A start
 * looks there, whoever made it.
 *
 * In this order: the folder that DEEPCLUSTER_SETUP_FOLDER names, and no other; `.tensorflow` in the
 * package, which serves everyone who runs this installation; a folder of the user's own cache, with
 * a name for each installation; and one below the temporary folder, for a user without a home.
 */
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, lstatSync, mkdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { configInvalid } from '../errors.ts';
import { packageRoot } from './package-root.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Names another folder, for the setup and for every start. */
export const SETUP_FOLDER_VARIABLE = 'DEEPCLUSTER_SETUP_FOLDER';
export const HOST_KERNELS_FILE = 'host-kernels.node';
const ADDON_PACKAGE = '@tensorflow/tfjs-node-gpu';
/** Signs that there is a setup: a whole one, or of the host kernels alone. */
const SIGNS = ['setup.json', HOST_KERNELS_FILE];

/** The folder in which a start looks: the first one with a setup, or where the first would be. */
export function setupFolder(env: Environment = process.env, root: string = packageRoot()): string {
  const folders = setupFolders(env, root);
  for (const sign of SIGNS) {
    const found = folders.find((folder) => existsSync(join(folder, sign)));
    if (found !== undefined) return found;
  }
  return folders[0]!;
}

/**
 * The folder that a setup writes to, made if need be: the first one that this user can write to.
 * @throws TrainerError CONFIG_INVALID where there is none
 */
export function writableSetupFolder(env: Environment, root: string = packageRoot()): string {
  const folders = setupFolders(env, root);
  const found = folders.find(canBeWritten);
  // Asked again, since the folder may be someone else's by now.
  if (found !== undefined && setupFolders(env, root).includes(found)) return found;
  const problem = 'must name a folder that can be written to, for TensorFlow and its addon';
  throw configInvalid(SETUP_FOLDER_VARIABLE, problem, folders.join(', '), 'its places');
}

/** What to import for the addon: that of the setup, else the package that someone installed. */
export function addonModule(): string {
  const file = join(setupFolder(), 'node_modules', ADDON_PACKAGE, 'dist', 'index.js');
  return existsSync(file) ? pathToFileURL(file).href : ADDON_PACKAGE;
}

function setupFolders(env: Environment, root: string): readonly string[] {
  const named = env[SETUP_FOLDER_VARIABLE];
  if (named) return [resolve(named)];
  // One for each installation: the addon shares the tensor library of the one it was made for.
  const installation = createHash('sha256').update(root).digest('hex').slice(0, 12);
  const caches = [...userCaches(env), ...temporaryFolders()];
  return [join(root, '.tensorflow'), ...caches.map((folder) => join(folder, installation))];
}

function userCaches({ XDG_CACHE_HOME: cache, HOME }: Environment): string[] {
  if (cache && isAbsolute(cache)) return [join(cache, 'deepcluster-ps')];
  try {
    return [join(HOME || homedir(), '.cache', 'deepcluster-ps')];
  } catch {
    return []; // a user without an entry has no home
  }
}

/** Code is loaded from there, and anybody may make a folder there: only this user's own will do. */
function temporaryFolders(): string[] {
  const user = process.getuid?.();
  if (user === undefined) return [];
  const folder = join(tmpdir(), `deepcluster-ps-${user}`);
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return [folder];
  return found.isDirectory() && found.uid === user && (found.mode & 0o022) === 0 ? [folder] : [];
}

function canBeWritten(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
