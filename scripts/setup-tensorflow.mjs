/**
 * `deepcluster setup` (src/cli/commands/setup.ts, which names the folder): makes the engine `tensorflow` run
 * here. Gets the addon's sources by npm, TensorFlow by pip into a private environment, compiles the
 * addon against it, and proves it by a convolution with its gradient. What is there already is only
 * proved; what was interrupted goes on where it was. The result is one line on stdout, everything
 * else goes to stderr.
 */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { root, runCommand } from './run-command.mjs';
import { compileAddon, kernelsHash } from './tensorflow/addon.mjs';
import { buildHostModules } from './tensorflow/host-modules.mjs';
import { EXIT, Obstacle, Obstacles } from './tensorflow/obstacle.mjs';
import { installPackages } from './tensorflow/packages.mjs';
import {
  FOLDER,
  forgetRecord,
  KEPT_ADDON,
  packageVersion,
  placeAddon,
  PLACED_ADDON,
  readRecord,
  removeSetup,
  writeRecord,
} from './tensorflow/places.mjs';
import { assertReady } from './tensorflow/preflight.mjs';
import { installStock } from './tensorflow/stock.mjs';
import {
  environmentOf,
  findTensorflow,
  installWheel,
  isEnvironment,
  lastLine,
} from './tensorflow/wheel.mjs';

/** The newest release that the addon compiles with and passes its tests on: docs/engines.md. */
const VERSION = '2.21.0';
const VARIANTS = ['auto', 'cpu', 'cuda', 'stock', 'none'];
/** In a checkout; an installed package has it compiled. */
const SMOKE_TEST = join(root, 'scripts', 'tensorflow', 'smoke-test.ts');
const COMPILED_SMOKE_TEST = join(root, 'dist', 'scripts', 'tensorflow', 'smoke-test.js');
/** For the smoke test, which loads half a gigabyte of libraries from a disk that may be slow [ms]. */
const SMOKE_TEST_MS = 180_000;

const USAGE = `usage: npx deepcluster setup [options]
  --variant auto|cpu|cuda|stock|none  auto (default): cuda where nvidia-smi lists a GPU, else cpu;
                                      stock: upstream's own download of TensorFlow 2.9; none: take the addon away
  --version X                         TensorFlow release, ${VERSION} by default
  --use PATH                          a TensorFlow that is there: a Python, its environment, or the package's folder
  --json                              print the result as one JSON object
`;

function log(text) {
  process.stderr.write(`${text}\n`);
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        variant: { type: 'string', default: 'auto' },
        version: { type: 'string' },
        use: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (!VARIANTS.includes(values.variant)) {
      throw new Error(`--variant ${values.variant}: must be one of ${VARIANTS.join(', ')}`);
    }
    const { variant, version, use } = values;
    if (use !== undefined && (version !== undefined || variant !== 'auto')) {
      throw new Error(
        '--use takes the TensorFlow that is there: leave --version and --variant out',
      );
    }
    if (version !== undefined && !/^\d+\.\d+\.\d+\w*$/.test(version)) {
      throw new Error(`--version ${version}: must be a release such as ${VERSION}`);
    }
    return values;
  } catch (error) {
    process.stderr.write(`${error.message}\n${USAGE}`);
    process.exit(EXIT.usage);
  }
}

/** What is to be set up, with nothing left open; equal to the recorded one where it was set up already. */
async function requestOf({ variant, version = VERSION, use }) {
  const made = { package: packageVersion() };
  if (variant === 'stock') return { ...made, variant };
  made.kernels = kernelsHash();
  if (use !== undefined) return { ...made, use: existsSync(use) ? resolve(use) : use };
  const isFound = variant === 'auto' && (await hasGpu());
  return { ...made, variant: variant === 'auto' ? (isFound ? 'cuda' : 'cpu') : variant, version };
}

async function hasGpu() {
  const { exitCode, output } = await runCommand(['nvidia-smi', '-L']);
  return exitCode === 0 && /^GPU \d+:/m.test(output);
}

/** @returns what the engine says of itself: `{ version, device, threads }` @throws Obstacle */
async function smokeTest() {
  const test = existsSync(SMOKE_TEST) ? ['--import', 'tsx', SMOKE_TEST] : [COMPILED_SMOKE_TEST];
  const { exitCode, output, stdout } = await runCommand([process.execPath, ...test], {
    timeoutMs: SMOKE_TEST_MS,
  });
  if (exitCode === 0) return JSON.parse(stdout);
  log(output.trimEnd());
  const error = output.split('\n').find((line) => /^\w*Error\b/.test(line));
  const remedy = 'take the known release: npx deepcluster setup without --version and --use';
  throw new Obstacle(`the engine fails its test: ${error ?? lastLine(output)}`, remedy);
}

/** What was set up before, if it is what is asked for and still passes its test; else null. */
async function proveEarlier(request) {
  const record = readRecord();
  if (record === null || JSON.stringify(record.request) !== JSON.stringify(request)) return null;
  // What lies in place may be gone, or of a setup that was interrupted.
  if (existsSync(KEPT_ADDON)) placeAddon(KEPT_ADDON);
  try {
    return { ...record, result: await smokeTest() };
  } catch (error) {
    log(`setting it up again: ${error.message}`);
    return null;
  }
}

/** @returns the record of a new setup, once it has passed its test */
async function setUp(request) {
  if (request.variant === 'stock') {
    await installStock((await hasGpu()) ? 'gpu' : 'cpu', log);
    return finish(request, null);
  }
  const isGiven = request.use !== undefined;
  const needsWheel = !isGiven && !existsSync(environmentOf(request.variant, request.version));
  await assertReady(request.variant, needsWheel);
  const tensorflow = isGiven
    ? await findTensorflow(request.use)
    : await installWheel(request.variant, request.version, log);
  log(`compiling the addon against ${tensorflow} ...`);
  const partial = `${KEPT_ADDON}.partial`;
  await compileAddon(tensorflow, partial);
  placeAddon(partial);
  return finish(request, tensorflow, partial);
}

/** Proves what lies in place; keeps it and records it, or takes it away again. */
async function finish(request, tensorflow, partial = null) {
  let result;
  try {
    result = await smokeTest();
  } catch (error) {
    rmSync(PLACED_ADDON, { force: true });
    if (existsSync(KEPT_ADDON) && readRecord() !== null) placeAddon(KEPT_ADDON); // as it was before
    throw error;
  }
  forgetRecord();
  // The stock addon finds its libraries beside itself only: there is nothing of it to keep.
  if (partial === null) rmSync(KEPT_ADDON, { force: true });
  else renameSync(partial, KEPT_ADDON);
  const record = { request, tensorflow, result };
  writeRecord(record);
  for (const name of readdirSync(FOLDER).filter(isEnvironment)) {
    const isUsed = tensorflow?.startsWith(join(FOLDER, name, sep)) ?? false;
    if (!isUsed) rmSync(join(FOLDER, name), { recursive: true });
  }
  return record;
}

const options = readOptions();

function printResult(line, values) {
  process.stdout.write(`${options.json ? JSON.stringify(values) : line}\n`);
}

function printFailure(error) {
  const obstacles = error instanceof Obstacles ? error.obstacles : [error];
  if (!obstacles.every((obstacle) => obstacle instanceof Obstacle)) throw error;
  for (const { message } of obstacles) log(message);
  const exitCode = Math.min(...obstacles.map((obstacle) => obstacle.exitCode));
  const problems = obstacles.map(({ what, remedy }) => ({ what, remedy }));
  printResult(`engine tensorflow: not set up: ${obstacles.map(({ what }) => what).join('; ')}`, {
    ok: false,
    exitCode,
    problems,
  });
  return exitCode;
}

try {
  if (options.variant === 'none') {
    removeSetup();
    printResult('engine tensorflow: taken away', { ok: true, action: 'removed' });
  } else {
    await installPackages(log);
    await buildHostModules(log);
    const request = await requestOf(options);
    const earlier = await proveEarlier(request);
    const { tensorflow, result } = earlier ?? (await setUp(request));
    const action = earlier === null ? 'built' : 'verified';
    const { version, device, threads } = result;
    const story = `TensorFlow ${version} on ${device}, ${threads} threads; ${tensorflow ?? 'stock'}`;
    const verb = earlier === null ? 'set up and tested' : 'was set up before, tested again';
    printResult(`engine tensorflow: ${verb}: ${story}`, {
      ok: true,
      action,
      tensorflow,
      ...result,
    });
  }
} catch (error) {
  process.exitCode = printFailure(error);
}
