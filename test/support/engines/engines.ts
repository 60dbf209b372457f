/**
 * The engines that tests run on: every engine of the project, each with why it cannot run here, if it cannot.
 * One process can hold several engines: an engine's tensors live on its own backend, so a test carries numbers from one to
 * the other as arrays. Tests of one file run one after the other.
 */
import { test, type TestContext } from 'node:test';
import { messageOf, TrainerError } from '../../../src/errors.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { ENGINE_NAMES, type EngineName } from '../../../src/engine/registry.ts';
import { startEngine } from '../../../src/engine/start.ts';

export interface TestEngine {
  readonly name: EngineName;
  /** What node:test takes: why it does not run here, or false. */
  readonly skip: string | false;
  /** As started, or null where it does not run. */
  readonly engine: Engine | null;
}

let found: Promise<readonly TestEngine[]> | null = null;

/**
 * Every engine of the project, started once to see whether it runs; the last one is left as the backend.
 * @throws anything but ENGINE_UNAVAILABLE: an engine that breaks is no engine that is missing
 */
export function testEngines(): Promise<readonly TestEngine[]> {
  found ??= probeEngines();
  return found;
}

async function probeEngines(): Promise<TestEngine[]> {
  const engines: TestEngine[] = [];
  for (const name of ENGINE_NAMES) {
    try {
      engines.push({ name, skip: false, engine: await startEngine(name) });
    } catch (error) {
      const isMissing = error instanceof TrainerError && error.code === 'ENGINE_UNAVAILABLE';
      // wasm runs on every machine: that it does not start is a fault, never a reason to skip.
      if (!isMissing || name === 'wasm') throw error;
      engines.push({ name, skip: messageOf(error), engine: null });
    }
  }
  return engines;
}

/**
 * Declares a test for each engine, `<title> (wasm)` and so on, with that engine as the backend; skipped with its reason
 * where the engine does not run. Await it at the top level of the test file.
 */
export async function testOnEngines(
  title: string,
  body: (engine: Engine, context: TestContext) => void | Promise<void>,
): Promise<void> {
  for (const { name, skip } of await testEngines()) {
    test(`${title} (${name})`, { skip }, (context) =>
      withEngine(name, (engine) => body(engine, context)),
    );
  }
}

/**
 * Starts the engine, which leaves its backend as the current one, and runs `work` on it. Not to be nested, nor run beside
 * another: work that asks the tensor library itself finds the backend of the engine that was started last.
 */
export async function withEngine<T>(
  name: EngineName,
  work: (engine: Engine) => T | Promise<T>,
): Promise<T> {
  return await work(await startEngine(name));
}
