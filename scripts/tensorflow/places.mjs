/**
 * Where the setup of TensorFlow keeps things. All of its own lies in `.tensorflow/`, which an installation of the packages
 * leaves alone; only a copy of the addon lies in node_modules, where tfjs-node-gpu looks for it.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export const FOLDER = join(root, '.tensorflow');
/** The addon as compiled, kept for the next installation of the packages. */
export const KEPT_ADDON = join(FOLDER, 'tfjs_binding.node');
/** What was set up, written when it has passed its test: the only sign that a setup is whole. */
const RECORD = join(FOLDER, 'setup.json');

export const PACKAGE = join(root, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
/** 8 is the newest version of Node-API that the package knows, and every Node since 16 has it. */
export const PLACED_ADDON = join(PACKAGE, 'lib', 'napi-v8', 'tfjs_binding.node');
/** Sources of this project's own kernels. */
export const KERNELS = join(root, 'src', 'engine', 'tensorflow', 'native');
export const NODE_HEADERS = join(root, 'node_modules', 'node-api-headers', 'include');

/** Version of the package whose sources an addon is made of, or null where it is not installed. */
export function packageVersion() {
  return readJson(join(PACKAGE, 'package.json'))?.version ?? null;
}

/** @returns {{ request: object, tensorflow: string, result: object } | null} */
export function readRecord() {
  return readJson(RECORD);
}

export function writeRecord(record) {
  mkdirSync(FOLDER, { recursive: true });
  const partial = `${RECORD}.partial`;
  writeFileSync(partial, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(partial, RECORD);
}

/** Until the next record is written, nothing claims to be whole. */
export function forgetRecord() {
  rmSync(RECORD, { force: true });
}

/** Puts a copy of an addon where the package looks for it; never a file half written. */
export function placeAddon(addon) {
  mkdirSync(dirname(PLACED_ADDON), { recursive: true });
  const partial = `${PLACED_ADDON}.partial`;
  copyFileSync(addon, partial);
  renameSync(partial, PLACED_ADDON);
}

/**
 * Puts the kept addon back after an installation of the packages, which takes it away; changes nothing where one is in
 * place, or where the kept one was made of another version of the package.
 */
export function restoreAddon() {
  if (existsSync(PLACED_ADDON) || !existsSync(KEPT_ADDON)) return;
  if (readRecord()?.request.package === packageVersion()) placeAddon(KEPT_ADDON);
}

/** Takes the addon away, and all that was made for it. */
export function removeSetup() {
  forgetRecord();
  rmSync(PLACED_ADDON, { force: true });
  rmSync(FOLDER, { recursive: true, force: true });
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null; // not there, or not whole: as good as none
  }
}
