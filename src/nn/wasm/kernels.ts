/** The kernels written for this project, as functions over the memory of the wasm backend. */
import { setFlagsFromString } from 'node:v8';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { assembleModule } from './assembler.ts';
import { channelKernelCode, channelKernelsOf, type ChannelKernels } from './channel-kernels.ts';
import { matrixKernelCode, matrixKernelsOf, type MatrixKernels } from './matrix-kernels.ts';

export interface Kernels extends MatrixKernels, ChannelKernels {
  /** Whether multiply-adds are fused; results then differ in rounding from those of machines where they are not. */
  readonly isFused: boolean;
}

const kernelsByMemory = new WeakMap<WebAssembly.Memory, Kernels>();

/** The kernels over the backend's own memory, made when first asked for. */
export function kernelsOf({ wasm }: BackendWasm): Kernels {
  const { memory } = (wasm as unknown as { asm: { memory: WebAssembly.Memory } }).asm;
  const kernels = kernelsByMemory.get(memory) ?? createKernels(memory, true);
  kernelsByMemory.set(memory, kernels);
  return kernels;
}

/** @param allowFused false keeps to plain multiply and add */
export function createKernels(memory: WebAssembly.Memory, allowFused: boolean): Kernels {
  const isFused = allowFused && canFuse();
  const code = assembleModule([...matrixKernelCode(isFused), ...channelKernelCode()]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } });
  return { isFused, ...matrixKernelsOf(exports), ...channelKernelsOf(exports) };
}

/** Node 20 has relaxed SIMD behind a flag of V8, Node 22 without. */
function canFuse(): boolean {
  const isValid = (): boolean => WebAssembly.validate(assembleModule(matrixKernelCode(true)));
  if (isValid()) return true;
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  return isValid();
}
