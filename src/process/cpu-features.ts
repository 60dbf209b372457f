/** Which vector instructions the processor has, as far as the engines choose their kernels by them. */
import { readFileSync } from 'node:fs';

/** Linux's names of what the engines' kernels choose by. */
const CPU_FEATURES = ['avx2', 'fma', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_bf16'];

/** Null where the system does not say. */
export function readCpuFeatures(): string[] | null {
  try {
    return parseCpuFeatures(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return null;
  }
}

/** Those of CPU_FEATURES that the first processor has, or null where the text lists none. */
export function parseCpuFeatures(cpuInfo: string): string[] | null {
  const flags = /^flags\s*: (.*)$/m.exec(cpuInfo)?.[1]?.split(' ');
  return flags === undefined ? null : CPU_FEATURES.filter((feature) => flags.includes(feature));
}
