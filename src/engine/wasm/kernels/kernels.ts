/** The kernels written for this project, as functions over the memory of the wasm backend. */
import { setFlagsFromString } from 'node:v8';
import { assembleModule } from '../../assembly/assembler.ts';
import { channelKernelCode, channelKernelsOf, type ChannelKernels } from './channel-kernels.ts';
import { copyKernelCode, copyKernelsOf, type CopyKernels } from './copy-kernels.ts';
import { tileKernelCode, tileKernelsOf, type TileKernels } from './tile-kernels.ts';
import { matrixKernelCode, matrixKernelsOf, type MatrixKernels } from './matrix-kernels.ts';

export type Kernels = MatrixKernels & ChannelKernels & CopyKernels & TileKernels;

export interface KernelModule {
  /** Compiled; other threads of the process may instantiate it too. */
  readonly module: WebAssembly.Module;
  /**
   * Whether multiply-adds are fused; results then differ in rounding from those of machines where
   * they are not.
   */
  readonly isFused: boolean;
}

/**
 * @param isShared whether the memory they will work in is
 * @param allowFused false keeps to plain multiply and add
 */
export function compileKernels(isShared: boolean, allowFused = true): KernelModule {
  const isFused = allowFused && canFuse();
  const functions = [
    ...[...matrixKernelCode(isFused), ...channelKernelCode()],
    ...[...copyKernelCode(), ...tileKernelCode()],
  ];
  return { module: new WebAssembly.Module(assembleModule(functions, isShared)), isFused };
}

export function instantiateKernels(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Kernels {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return {
    ...{ ...matrixKernelsOf(exports), ...channelKernelsOf(exports) },
    ...{ ...copyKernelsOf(exports), ...tileKernelsOf(exports) },
  };
}

let isFusedHere: boolean | null = null;

/**
 * Whether multiply-adds are fused here. Node 20 has relaxed SIMD behind a flag of V8, Node 22
 * without.
 */
export function canFuse(): boolean {
  if (isFusedHere !== null) return isFusedHere;
  const isValid = (): boolean => WebAssembly.validate(assembleModule(matrixKernelCode(true)));
  isFusedHere = isValid();
  if (isFusedHere) return true;
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  isFusedHere = isValid();
  return isFusedHere;
}
