/**
 * The engine `tensorflow`: the native addon over a TensorFlow runtime. What the runtime reads from
 * the environment is set before the addon loads, since there is no other way to tell it; then it is
 * asked which device it really uses.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { addonModule } from '../../process/setup-folder.ts';
import { engineUnavailable, messageOf } from '../../errors.ts';
import { gpuTitle, listGpus, visibleGpus } from '../gpus.ts';
import { runtimeOf } from './runtime.ts';

export const TENSORFLOW_REMEDY = 'set it up with `npx deepcluster setup`, or take engine wasm';

/** What the addon's backend has beyond the interface of TensorFlow.js. */
interface TensorflowBackend extends tf.KernelBackend {
  readonly binding: { readonly TF_Version: string };
  readonly isUsingGpuDevice: boolean;
}

export interface TensorflowRuntime {
  /** Of the runtime. */
  readonly version: string;
  /** `CPU`, or the GPU in use by index and name. */
  readonly device: string;
  /**
   * A remark for a person on a device that is there and not used, or on missing kernels, or null.
   */
  readonly remark: string | null;
  /** Threads that compute one operation. */
  readonly threads: number;
  /** Whether the addon has this project's kernels. */
  readonly hasOwnKernels: boolean;
}

/**
 * Loads the addon, which registers its backend.
 * @param threads compute threads on the CPU; where absent, TF_NUM_INTRAOP_THREADS or one a core.
 *   The first load decides.
 * @throws TrainerError ENGINE_UNAVAILABLE
 */
export async function loadAddon(threads?: number): Promise<void> {
  setRuntimeEnvironment(process.env, threads);
  restoreNodeFunctions();
  try {
    await import(addonModule());
  } catch (cause) {
    throw engineUnavailable('tensorflow', addonProblem(cause), TENSORFLOW_REMEDY, cause);
  }
}

/** Sets what the runtime reads when it starts; what a person has set stays. */
export function setRuntimeEnvironment(
  env: Record<string, string | undefined>,
  threads?: number,
): void {
  if (threads !== undefined) env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  env['TF_NUM_INTRAOP_THREADS'] ??= String(availableParallelism());
  // Operations come one after the other: a second pool would only compete with the first for the
  // cores.
  env['TF_NUM_INTEROP_THREADS'] ??= '1';
  // Else one process takes nearly all memory of the GPU, whatever it needs.
  env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  // Errors only: its greetings would stand between the lines of the log.
  env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
}

/**
 * Two functions of Node that the addon's package calls; Node 22 warns of them, and later ones have
 * them no more.
 */
function restoreNodeFunctions(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util['isArray'] = Array.isArray;
  util['isNullOrUndefined'] = (value: unknown): boolean => value === null || value === undefined;
}

/**
 * What runs, once the backend `tensorflow` has started.
 * @throws TrainerError ENGINE_UNAVAILABLE, if the runtime is built for GPUs, sees one, and computes
 *   on the CPU all the same
 */
export function describeTensorflow(): TensorflowRuntime {
  const { env } = process;
  const backend = tf.findBackend('tensorflow') as TensorflowBackend;
  const { binding, isUsingGpuDevice } = backend;
  const found = listGpus(env);
  const titles = visibleGpus(env, found).map((gpu) => gpuTitle(gpu, found));
  const isIdle = !isUsingGpuDevice && titles.length > 0;
  if (isIdle && isCudaBuild()) {
    throw engineUnavailable(
      'tensorflow',
      `its CUDA build computes on the CPU, though there is ${titles.join(', ')}`,
      'see "A GPU that is not used" in docs/engines.md, or hide the GPU with CUDA_VISIBLE_DEVICES=',
    );
  }
  const { hasOwnKernels } = runtimeOf(backend);
  const remarks = [
    ...(isIdle
      ? [
          `${titles.join(', ')} not used: this TensorFlow has no CUDA (npx deepcluster setup --variant cuda)`,
        ]
      : []),
    ...(hasOwnKernels ? [] : ["its addon lacks this project's kernels (npx deepcluster setup)"]),
  ];
  return {
    version: binding.TF_Version,
    // The addon takes the last of the GPUs that it sees.
    device: isUsingGpuDevice ? (titles.at(-1) ?? 'GPU') : 'CPU',
    remark: remarks.length === 0 ? null : remarks.join('; '),
    hasOwnKernels,
    // The runtime takes 0 for one a core.
    threads: Number(env['TF_NUM_INTRAOP_THREADS']) || availableParallelism(),
  };
}

/**
 * Whether the TensorFlow that this process has loaded was built for CUDA, by its own record or
 * NVIDIA's wheels beside it.
 */
function isCudaBuild(): boolean {
  const library = /\S*\/libtensorflow_cc\.so\S*/.exec(readTextOr('/proc/self/maps', ''))?.[0];
  if (library === undefined) return false;
  const folder = dirname(library);
  const record = readTextOr(join(folder, 'python', 'platform', 'build_info.py'), null);
  return record === null
    ? existsSync(join(folder, '..', 'nvidia'))
    : /'is_cuda_build'\W+True/.test(record);
}

function readTextOr<T>(file: string, otherwise: T): string | T {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}

/** The package's own message is a page of advice for another system: one cause, one line. */
function addonProblem(cause: unknown): string {
  const message = messageOf(cause);
  return /native addon module|Cannot find package '@tensorflow\/tfjs-node-gpu'/.test(message)
    ? 'its native addon is not installed'
    : `its native addon does not load: ${message.slice(0, 200)}`;
}
