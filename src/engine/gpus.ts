/**
 * The GPUs of this machine, as the driver's own tool lists them, and which of them a process may
 * use. Loads no tensor library.
 */
import { execFileSync } from 'node:child_process';

export interface Gpu {
  /** As the driver counts. */
  readonly index: string;
  readonly name: string;
  /** All of its memory [MiB], or null where the driver does not say. */
  readonly memoryMib: number | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** GPUs that the driver's tool lists, whatever may use them; none where there is no such tool. */
export function listGpus(env: Environment): Gpu[] {
  const query = ['--query-gpu=index,name,memory.total', '--format=csv,noheader,nounits'];
  try {
    const listing = execFileSync('nvidia-smi', query, {
      encoding: 'utf8',
      env,
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return parseGpuList(listing);
  } catch {
    return []; // no driver, no GPU to train on
  }
}

/** `0, NVIDIA H200, 143771`, one line a GPU. */
export function parseGpuList(listing: string): Gpu[] {
  return [...listing.matchAll(/^(\d+), (.*), ([^,\n]*)$/gm)].map(([, index, name, memory]) => ({
    index: index!,
    name: name!,
    memoryMib: /^\d+$/.test(memory!) ? Number(memory) : null,
  }));
}

/**
 * The GPUs that a process with this environment may use, as CUDA_VISIBLE_DEVICES names them:
 * indices, or the names it holds. As CUDA reads it: what is no device ends the list, so `-1` and an
 * empty text hide all.
 */
export function visibleGpus(env: Environment, found: readonly Gpu[]): string[] {
  const setting = env['CUDA_VISIBLE_DEVICES'];
  if (setting === undefined) return found.map(({ index }) => index);
  const names = setting.split(',').map((name) => name.trim());
  const end = names.findIndex((name) => name === '' || name.startsWith('-'));
  const visible = end === -1 ? names : names.slice(0, end);
  return found.length === 0 ? [] : visible;
}

/**
 * A GPU for a person: `GPU 0 (NVIDIA H200)`, or by its name alone where the driver counts
 * otherwise.
 */
export function gpuTitle(visible: string, found: readonly Gpu[]): string {
  const gpu = found.find(({ index }) => index === visible);
  return gpu === undefined ? `GPU ${visible}` : `GPU ${gpu.index} (${gpu.name})`;
}
