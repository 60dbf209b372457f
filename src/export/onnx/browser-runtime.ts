/**
 * ONNX Runtime for a page that opens from disk. Such a page can import no module and fetch no file,
 * so the module that brings its own loader becomes a classic script, and its WebAssembly goes with
 * it as bytes.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export interface BrowserRuntime {
  /** Classic script; its value is the runtime's default export. */
  readonly code: string;
  /** For `env.wasm.wasmBinary`. */
  readonly wasm: Buffer;
}

/** The build for WebAssembly alone, with its loader inside. */
const MODULE = 'onnxruntime-web/wasm';
const WASM = 'onnxruntime-web/ort-wasm-simd-threaded.wasm';

/** @returns null where it is not installed */
export async function readBrowserRuntime(): Promise<BrowserRuntime | null> {
  const module = installedFile(MODULE);
  const wasm = installedFile(WASM);
  if (module === null || wasm === null) return null;
  return { code: asClassicScript(await readFile(module, 'utf8')), wasm: await readFile(wasm) };
}

function installedFile(specifier: string): string | null {
  try {
    return fileURLToPath(import.meta.resolve(specifier));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return null;
    throw error;
  }
}

/**
 * An expression whose value is the default export of a bundled module. The module asks for its own
 * address only to find files that are not there: it gets that of the page.
 * @throws Error for a module of another form
 */
export function asClassicScript(module: string): string {
  const exported = /\bexport\s*\{[^}]*?([\w$]+) as default\b[^}]*\};?/;
  const name = exported.exec(module)?.[1];
  if (name === undefined) throw new Error(`${MODULE} has no default export that is known`);
  const body = module
    .replace(exported, () => `return ${name};`)
    .replaceAll('import.meta.url', 'document.baseURI')
    .replace(/^\/\/# sourceMappingURL=.*$/m, '');
  return `(() => {'use strict';\n${body}\n})()`;
}
