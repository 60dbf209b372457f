/**
 * Starts an engine: which one runs here, and why. An engine that was asked for is never replaced by
 * another in silence.
 */
import { messageOf } from '../errors.ts';
import type { Engine, EngineOptions, LoadEngine } from './engine.ts';
import { ENGINE_NAMES, engineNamed, type EngineChoice } from './registry.ts';

/**
 * Starts an engine; `auto` takes the fastest that loads. One that runs already in this process is
 * given again, unless it is asked for with another number of threads: then the one before is
 * closed.
 * @throws TrainerError ENGINE_UNAVAILABLE, if the named engine, or under `auto` every engine, fails
 *   to start
 */
export function startEngine(name: EngineChoice, options: EngineOptions = {}): Promise<Engine> {
  const started = before.then(() => startNow(name, options));
  before = started.then(
    () => undefined,
    () => undefined,
  );
  return started;
}

/** The start before: one at a time, since the tensor library is one for all. */
let before: Promise<void> = Promise.resolve();

async function startNow(name: EngineChoice, options: EngineOptions): Promise<Engine> {
  return name === 'auto' ? await startFastest(options) : (await load(name, options))('as asked');
}

async function startFastest(options: EngineOptions): Promise<Engine> {
  let why = 'the fastest that there is';
  let failure: unknown;
  for (const name of ENGINE_NAMES) {
    let make: (why: string) => Engine;
    try {
      make = await load(name, options);
    } catch (error) {
      failure = error;
      why = `since ${name} is missing (${messageOf(error)})`;
      continue;
    }
    // Beyond the try: a GPU that is there and not used is an error here, too, and no reason to be
    // slower still.
    return make(why);
  }
  throw failure;
}

/** By the name of its folder, so that the list of names is the only one. */
async function load(name: string, options: EngineOptions): Promise<(why: string) => Engine> {
  const file = `./${engineNamed(name)}/engine.ts`;
  const { loadEngine } = (await import(file)) as { readonly loadEngine: LoadEngine };
  return loadEngine(options);
}
