/**
 * What the kernels here need of the wasm backend: its heap, as float32 views, and its stock
 * kernels. A view is good until the next allocation: memory that grows moves, and leaves old views
 * empty. Allocate first, then view. Kernels get and return `TensorInfo`: bare records, neither
 * counted nor freed by the library's scopes. What a kernel allocates besides its result, it frees;
 * what it was given, it leaves.
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { hasKernel } from '../tfjs/named-kernels.ts';
import { compileKernels, instantiateKernels, type Kernels } from './kernels/kernels.ts';
import { soloTeam, startTeam, type Team } from './threads/team.ts';

export type Inputs = Readonly<Record<string, tf.TensorInfo>>;

/** A kernel over the backend, its named inputs and its attributes. */
export type WasmKernel = (
  backend: BackendWasm,
  inputs: Inputs,
  attributes: Readonly<Record<string, unknown>>,
) => tf.TensorInfo | tf.TensorInfo[];

const teamByMemory = new WeakMap<WebAssembly.Memory, Team>();

/**
 * Those who compute over the backend's memory: the asking thread alone, if nobody has been given to
 * it.
 */
export function teamOf(backend: BackendWasm): Team {
  const memory = memoryOf(backend);
  const team = teamByMemory.get(memory) ?? soloTeam(kernelsOver(memory));
  teamByMemory.set(memory, team);
  return team;
}

/** Gives a backend over shared memory a team, before it computes anything. */
export async function giveTeam(backend: BackendWasm, threads: number): Promise<Team> {
  const memory = memoryOf(backend);
  const { module } = compileKernels(true);
  const team = await startTeam(threads, instantiateKernels(module, memory), module, memory);
  teamByMemory.set(memory, team);
  return team;
}

function kernelsOver(memory: WebAssembly.Memory): Kernels {
  return instantiateKernels(compileKernels(isShared(memory)).module, memory);
}

function isShared({ buffer }: WebAssembly.Memory): boolean {
  return (buffer as ArrayBuffer | SharedArrayBuffer) instanceof SharedArrayBuffer;
}

function memoryOf({ wasm }: BackendWasm): WebAssembly.Memory {
  return (wasm as unknown as { asm: { memory: WebAssembly.Memory } }).asm.memory;
}

/** Puts a kernel in the place of the backend's own of that name, or adds one. */
export function registerWasmKernel(kernelName: string, kernel: WasmKernel): void {
  const stock = hasKernel(kernelName, 'wasm') ? tf.getKernel(kernelName, 'wasm') : {};
  if (hasKernel(kernelName, 'wasm')) tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({
    // With the stock kernel's own preparation: it finds the module of a backend that takes the
    // place of another.
    ...stock,
    kernelName,
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs, backend }) =>
      leavingNothingIfItFails(backend as unknown as BackendWasm, (wasm) =>
        kernel(wasm, inputs as Inputs, attrs ?? {}),
      ),
  });
}

/** What the kernel that runs has allocated and not freed. */
let allocated = new Set<tf.TensorInfo['dataId']>();

/** A full heap fails the allocation of a result or of scratch, in the midst of a kernel. */
function leavingNothingIfItFails<Result>(
  backend: BackendWasm,
  run: (backend: BackendWasm) => Result,
): Result {
  const outer = allocated;
  allocated = new Set();
  try {
    return run(backend);
  } catch (error) {
    for (const dataId of allocated) backend.disposeData(dataId);
    throw error;
  } finally {
    allocated = outer;
  }
}

function make(backend: BackendWasm, shape: readonly number[], dtype: tf.DataType): tf.TensorInfo {
  const info = backend.makeOutput([...shape], dtype);
  allocated.add(info.dataId);
  return info;
}

/** The stock kernel of that name; take it before replacing it. */
export function stockKernel(kernelName: string): WasmKernel {
  const config = tf.getKernel(kernelName, 'wasm');
  return (backend, inputs, attributes) =>
    config.kernelFunc({
      inputs,
      attrs: attributes as tf.NamedAttrMap,
      backend,
    });
}

/** An uninitialised float32 array on the heap. */
export function allocate(backend: BackendWasm, shape: readonly number[]): tf.TensorInfo {
  return make(backend, shape, 'float32');
}

export function free(backend: BackendWasm, ...infos: readonly tf.TensorInfo[]): void {
  for (const { dataId } of infos) {
    allocated.delete(dataId);
    backend.disposeData(dataId);
  }
}

/** The numbers themselves, not a copy; see the header for how long. */
export function viewOf(backend: BackendWasm, info: tf.TensorInfo): Float32Array {
  return backend.typedArrayFromHeap(info) as Float32Array;
}

/** The same numbers in another shape; no new reference, so not to be freed. */
export function reshaped(info: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
  return { ...info, shape: [...shape] };
}

/** Where the numbers begin on the heap, in bytes; good until they are freed. */
export function addressOf(backend: BackendWasm, { dataId }: tf.TensorInfo): number {
  return backend.getMemoryOffset(dataId);
}

/** Arrays on the heap that live as long as a computation. */
export class Scratch {
  readonly #backend: BackendWasm;
  readonly #infos: tf.TensorInfo[] = [];

  constructor(backend: BackendWasm) {
    this.#backend = backend;
  }

  /** Uninitialised. */
  floats(length: number): tf.TensorInfo {
    return this.#keep(make(this.#backend, [length], 'float32'));
  }

  ints(values: Int32Array): tf.TensorInfo {
    const info = this.#keep(make(this.#backend, [values.length], 'int32'));
    (this.#backend.typedArrayFromHeap(info) as Int32Array).set(values);
    return info;
  }

  free(): void {
    free(this.#backend, ...this.#infos.splice(0));
  }

  #keep(info: tf.TensorInfo): tf.TensorInfo {
    this.#infos.push(info);
    return info;
  }
}
