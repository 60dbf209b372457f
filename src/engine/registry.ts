/**
 * The engines by name, the fastest first: `auto` takes the first that loads. An engine is a line
 * here and a folder of its name, whose engine.ts has a `loadEngine`. Settings, flags, messages and
 * benchmarks take the names from this list; importing it loads no tensor library.
 */

/** What is known of an engine that has not been loaded. */
interface EngineEntry {
  /** Whether it computes on GPUs where there are some. */
  readonly usesGpus: boolean;
  /** Whether its tensors lie in a heap of its own, which no setting of the C allocator reaches. */
  readonly hasOwnHeap: boolean;
}

const ENGINES = {
  tensorflow: { usesGpus: true, hasOwnHeap: false },
  wasm: { usesGpus: false, hasOwnHeap: true },
} as const satisfies Readonly<Record<string, EngineEntry>>;

export type EngineName = keyof typeof ENGINES;

export const ENGINE_NAMES = Object.keys(ENGINES) as readonly EngineName[];

/** What a setting or a flag may say. */
export type EngineChoice = 'auto' | EngineName;

export const ENGINE_CHOICES = ['auto', ...ENGINE_NAMES] as const satisfies readonly EngineChoice[];

/** @param choice one of ENGINE_CHOICES; `auto` stands for the first engine */
export function engineEntry(choice: string): EngineEntry {
  return ENGINES[choice === 'auto' ? ENGINE_NAMES[0]! : engineNamed(choice)];
}

/** The name of this spelling. @throws TypeError where the list has none */
export function engineNamed(spelling: string): EngineName {
  const name = ENGINE_NAMES.find((one) => one === spelling);
  if (name === undefined) throw new TypeError(`no engine has the name ${spelling}`);
  return name;
}
