/**
 * Gets the sources of the addon, and the headers of Node-API, from the package registry: npm
 * installs what packages/ lists and locks, in the setup's folder and without running any script of
 * theirs. Upstream's own script would fetch a TensorFlow of 2022 from elsewhere.
 *
 * The addon's package wants the tensor library, and must have the very one that the program loads,
 * wherever that lies: packages of its names stand for it, with an index.js that passes it on.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root, runCommand } from '../run-command.mjs';
import { EXIT, Obstacle } from './obstacle.mjs';
import { FOLDER } from './places.mjs';
import { lastLine } from './wheel.mjs';

const LIST = join(root, 'scripts', 'tensorflow', 'packages');
/** Folders of LIST: each stands for the package @tensorflow/… of its name. */
const PASSED_ON = ['tfjs', 'tfjs-core'];
const FILES = ['package.json', 'package-lock.json', ...PASSED_ON];
/** Written by npm when all that the lock lists is in place. */
const INSTALLED = join(FOLDER, 'node_modules', '.package-lock.json');

/** Installs them, unless this very list was installed for this installation of the program. */
export async function installPackages(log) {
  const modules = passOnModules();
  if (isInstalled(modules)) return;
  log(`installing the addon's packages into ${FOLDER} ...`);
  mkdirSync(FOLDER, { recursive: true });
  for (const file of modules.keys()) rmSync(file, { force: true });
  for (const name of FILES) cpSync(join(LIST, name), join(FOLDER, name), { recursive: true });
  const { exitCode, output } = await runCommand(
    ['npm', 'ci', '--prefix', FOLDER, ...(await registryFlags()), ...FLAGS],
    { cwd: FOLDER },
  );
  if (exitCode !== 0) throw npmObstacle(output);
  // The last files to be written say that the rest is there.
  for (const [file, text] of modules) writeFileSync(file, text);
}

/** Modules that are the packages that the program itself loads: file to text. */
function passOnModules() {
  const ofProgram = createRequire(join(root, 'package.json'));
  const library = ofProgram.resolve('@tensorflow/tfjs');
  return new Map(
    PASSED_ON.map((name) => {
      const path = createRequire(library).resolve(`@tensorflow/${name}`);
      const text = `module.exports = require(${JSON.stringify(path)});\n`;
      return [join(FOLDER, name, 'index.js'), text];
    }),
  );
}

const FLAGS = [
  ...['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--prefer-offline'],
  ...['--loglevel=error', '--install-links=false'],
];

/** The registry of the folder in which the command was called, which npm does not read here. */
async function registryFlags() {
  const { exitCode, stdout } = await runCommand(['npm', 'config', 'get', 'registry'], {
    cwd: process.cwd(),
  });
  const registry = stdout.trim();
  return exitCode === 0 && URL.canParse(registry) ? [`--registry=${registry}`] : [];
}

function isInstalled(modules) {
  const isSame = (name) => textOf(join(FOLDER, name)) === textOf(join(LIST, name));
  return (
    existsSync(INSTALLED) &&
    isSame('package-lock.json') &&
    [...modules].every(([file, text]) => textOf(file) === text)
  );
}

function textOf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

/** What npm's output says, in one line. */
function npmObstacle(output) {
  const what = "npm could not install the addon's packages";
  if (/^npm: spawn/m.test(output)) {
    return new Obstacle('no npm: npm does not run', 'install it: it comes with Node');
  }
  if (/ENOSPC/.test(output)) return new Obstacle(`${what}: no space left on the disk`, 'make room');
  const error = output.split('\n').find((line) => /^npm (error|ERR!) (?!code )/.test(line));
  const reason = error?.replace(/^npm (error|ERR!) /, '') ?? lastLine(output);
  const offline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network/i;
  if (offline.test(output)) {
    const remedy = 'try again with a network, or name a registry in npm_config_registry';
    return new Obstacle(`${what}: the registry cannot be reached: ${reason}`, remedy, EXIT.retry);
  }
  return new Obstacle(
    `${what}: ${reason}`,
    'see its output, or name a registry in npm_config_registry',
  );
}
