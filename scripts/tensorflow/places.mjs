/**
 * Where the setup of TensorFlow keeps things: all in one folder, which an installation of the
 * program's packages leaves alone in a checkout. src/process/setup-folder.ts says which one it is.
 */
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { root } from '../run-command.mjs';

export const FOLDER = resolve(process.env.DEEPCLUSTER_SETUP_FOLDER || join(root, '.tensorflow'));
/** The addon as compiled, kept for the next installation of its packages. */
export const KEPT_ADDON = join(FOLDER, 'tfjs_binding.node');
/** What was set up, written when it has passed its test: the only sign that a setup is whole. */
const RECORD = join(FOLDER, 'setup.json');

export const PACKAGE = join(FOLDER, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
/** 8 is the newest version of Node-API that the package knows, and every Node since 16 has it. */
export const PLACED_ADDON = join(PACKAGE, 'lib', 'napi-v8', 'tfjs_binding.node');
export const NODE_HEADERS = join(FOLDER, 'node_modules', 'node-api-headers', 'include');
/** Sources of this project's own kernels. */
export const KERNELS = join(root, 'src', 'engine', 'tensorflow', 'native');

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

/** Takes the addon away, and all that was made for it. */
export function removeSetup() {
  forgetRecord();
  rmSync(FOLDER, { recursive: true, force: true });
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null; // not there, or not whole: as good as none
  }
}
