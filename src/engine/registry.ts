/**
 * The engines by name, the fastest first: `auto` takes the first that loads. An engine is a folder
 * and a line here; settings, flags, messages and benchmarks take the names from this list. Importing
 * this file loads no tensor library.
 */
import type { LoadEngine } from './engine.ts';

/** What is known of an engine that has not been loaded. */
interface EngineEntry {
  /** Whether it computes on GPUs where there are some. */
  readonly usesGpus: boolean;
  /** Whether its tensors lie in a heap of its own, which no setting of the C allocator reaches. */
  readonly hasOwnHeap: boolean;
  /** The file of its folder that starts it. */
  readonly load: () => Promise<{ readonly loadEngine: LoadEngine }>;
}

const ENGINES = {
  tensorflow: { usesGpus: true, hasOwnHeap: false, load: () => import('./tensorflow/engine.ts') },
  wasm: { usesGpus: false, hasOwnHeap: true, load: () => import('./wasm/engine.ts') },
} as const satisfies Readonly<Record<string, EngineEntry>>;

export type EngineName = keyof typeof ENGINES;

export const ENGINE_NAMES = Object.keys(ENGINES) as readonly EngineName[];

/** What a setting or a flag may say. */
export type EngineChoice = 'auto' | EngineName;

export const ENGINE_CHOICES = ['auto', ...ENGINE_NAMES] as const satisfies readonly EngineChoice[];

/** @param choice one of ENGINE_CHOICES; `auto` stands for the first engine */
export function engineEntry(choice: string): EngineEntry {
  const name = choice === 'auto' ? ENGINE_NAMES[0] : ENGINE_NAMES.find((one) => one === choice);
  if (name === undefined) throw new TypeError(`no engine has the name ${choice}`);
  return ENGINES[name];
}
