/**
 * The backend's own SIMD module over a memory that other threads share. Upstream's module declares
 * a memory of its own; the same code with that memory imported, and declared as shared, computes
 * the same. Its own code stays on one thread. Source of the format: WebAssembly Core Specification
 * 2.0, section 5, with the threads proposal's limits.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { MAX_PAGES, text, unsigned, sized } from '../../assembly/assembler.ts';

/** What upstream's glue makes of a module: the backend's constructor takes it. */
type GlueModule = ConstructorParameters<typeof BackendWasm>[0];

interface Glue extends Record<string, unknown> {
  readonly cwrap: (name: string, result: string | null, parameters: readonly string[]) => unknown;
}

type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

interface GlueOptions {
  readonly instantiateWasm: (
    imports: Imports,
    receive: (instance: WebAssembly.Instance) => void,
  ) => unknown;
}

/** A backend whose memory may be handed to other threads. */
export async function createSharedBackend(): Promise<BackendWasm> {
  const require = createRequire(import.meta.url);
  const folder = '@tensorflow/tfjs-backend-wasm/wasm-out';
  const code = readFileSync(require.resolve(`${folder}/tfjs-backend-wasm-simd.wasm`));
  const start = require(`${folder}/tfjs-backend-wasm.js`) as (
    options: GlueOptions,
  ) => Promise<Glue>;
  const { binary, initialPages } = withSharedMemory(code);
  const memory = new WebAssembly.Memory({
    initial: initialPages,
    maximum: MAX_PAGES,
    shared: true,
  });
  const module = new WebAssembly.Module(binary);
  const glue = await start({
    instantiateWasm: (imports, receive) => {
      const env = { ...imports['env'], memory };
      const instance = new WebAssembly.Instance(module, { ...imports, env });
      receive(instance);
      return instance.exports;
    },
  });
  glue['tfjs'] = wrapFunctions(glue);
  return new BackendWasm(glue as unknown as GlueModule);
}

/** The functions that the backend calls, as its package wraps them. */
function wrapFunctions({ cwrap }: Glue): Readonly<Record<string, unknown>> {
  return {
    init: cwrap('init', null, []),
    initWithThreadsCount: cwrap('init_with_threads_count', null, ['number']),
    getThreadsCount: cwrap('get_threads_count', 'number', []),
    registerTensor: cwrap('register_tensor', null, ['number', 'number', 'number']),
    disposeData: cwrap('dispose_data', null, ['number']),
    dispose: cwrap('dispose', null, []),
  };
}

const SECTION = { import: 2, memory: 5 } as const;

/**
 * The same module with its memory imported, as `env.memory`, and shared.
 * @returns with it the pages of 64 KiB that it begins with
 */
export function withSharedMemory(code: Uint8Array): {
  binary: Uint8Array<ArrayBuffer>;
  initialPages: number;
} {
  const headerBytes = 8;
  const sections = sectionsOf(code, headerBytes);
  const memory = sections.find(({ id }) => id === SECTION.memory);
  const imports = sections.find(({ id }) => id === SECTION.import);
  if (memory === undefined || imports === undefined) {
    throw new TypeError('the module has no memory of its own, or no imports');
  }
  // A vector with one memory: its length, a flag for the maximum, the initial pages.
  const initialPages = readUnsigned(memory.content, 2).value;
  const { value: count, next } = readUnsigned(imports.content, 0);
  const limits = [0x03, ...unsigned(initialPages), ...unsigned(MAX_PAGES)];
  const entry = [...text('env'), ...text('memory'), 0x02, ...limits];
  const extended = [...unsigned(count + 1), ...imports.content.subarray(next), ...entry];
  const parts = sections
    .filter(({ id }) => id !== SECTION.memory)
    .map(({ id, whole }) => (id === SECTION.import ? [id, ...sized(extended)] : whole));
  const binary = Buffer.concat([
    code.subarray(0, headerBytes),
    ...parts.map((p) => Uint8Array.from(p)),
  ]);
  return { binary: new Uint8Array(binary), initialPages };
}

interface Section {
  readonly id: number;
  readonly content: Uint8Array;
  /** With id and length. */
  readonly whole: Uint8Array;
}

function sectionsOf(code: Uint8Array, begin: number): Section[] {
  const sections: Section[] = [];
  for (let at = begin; at < code.length;) {
    const { value: length, next } = readUnsigned(code, at + 1);
    const end = next + length;
    const whole = code.subarray(at, end);
    sections.push({ id: code[at]!, content: code.subarray(next, end), whole });
    at = end;
  }
  return sections;
}

/** LEB128 */
function readUnsigned(code: Uint8Array, at: number): { value: number; next: number } {
  let value = 0;
  for (let next = at, shift = 0; ; next += 1, shift += 7) {
    const byte = code[next]!;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, next: next + 1 };
  }
}
