/**
 * The tensor engines: which one runs here, and why. The network's code is written once against the TensorFlow.js API; an
 * engine is a backend of it. `tensorflow` is the native addon over the TensorFlow runtime (CUDA, or oneDNN on CPUs);
 * `wasm` is the SIMD backend with this project's gradient kernels, which needs nothing but `npm install`.
 * An engine that was asked for is never replaced by another in silence.
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths, version_wasm } from '@tensorflow/tfjs-backend-wasm';
import { engineUnavailable, messageOf } from '../errors.ts';
import { describeTensorflow, loadTensorflow, TENSORFLOW_REMEDY } from './tensorflow/addon.ts';
import { registerTensorflowKernels } from './tensorflow/register.ts';
import { registerWasmKernels } from './wasm/register.ts';
import { setWasmThreads } from './wasm/threads/threads.ts';

export type EngineName = 'tensorflow' | 'wasm';

export interface Engine {
  readonly name: EngineName;
  /** Of the runtime that computes: TensorFlow's, or that of the backend's package. */
  readonly version: string;
  /** Which engine and why, in one line. */
  readonly reason: string;
  /** `CPU`, or the GPU in use by index and name. */
  readonly device: string;
  /** Threads that compute one operation on the CPU. */
  readonly threads: number;
  /** Whether this project's own kernels are there: on a CPU for all that they are made for, on a GPU for two things. */
  readonly hasOwnKernels: boolean;
}

export interface EngineOptions {
  /**
   * Compute threads. If absent, `tensorflow` leaves it to its runtime; `wasm` takes OMP_NUM_THREADS, or as many as there are
   * cores for this process.
   */
  readonly threads?: number;
}

let running: Engine | null = null;

/** The engine that was started last in this process; null before. */
export function runningEngine(): Engine | null {
  return running;
}

/**
 * Starts an engine for this process; `auto` takes the fastest that loads.
 * @throws TrainerError ENGINE_UNAVAILABLE, if the named engine, or under `auto` every engine, fails to start
 */
export async function startEngine(
  name: 'auto' | EngineName,
  options: EngineOptions,
): Promise<Engine> {
  running = await startNamed(name, options);
  return running;
}

async function startNamed(name: 'auto' | EngineName, options: EngineOptions): Promise<Engine> {
  if (name === 'wasm') return startWasm('as asked', options);
  try {
    await loadTensorflow(options.threads);
    await select('tensorflow');
  } catch (error) {
    if (name === 'tensorflow') throw error;
    return await startWasm(`since tensorflow is missing (${messageOf(error)})`, options);
  }
  registerTensorflowKernels();
  // Beyond the try: a GPU that is there and not used is an error under `auto`, too, and no reason to be slower still.
  return describeEngine(name === 'auto' ? 'the fastest that there is' : 'as asked');
}

function describeEngine(why: string): Engine {
  const { version, device, remark, threads, hasOwnKernels } = describeTensorflow();
  const place = device === 'CPU' ? `the CPU, threads: ${threads}` : device;
  const story = `tensorflow: TensorFlow ${version} on ${place}, ${why}`;
  const reason = remark === null ? story : `${story}; ${remark}`;
  return { name: 'tensorflow', version, reason, device, threads, hasOwnKernels };
}

async function startWasm(why: string, options: EngineOptions): Promise<Engine> {
  const require = createRequire(import.meta.url);
  const binary =
    require.resolve('@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm');
  setWasmPaths(`${dirname(binary)}/`);
  if ((await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) !== true) {
    const remedy = 'use a CPU with SSE 4.1 or NEON';
    throw engineUnavailable('wasm', 'this CPU has no SIMD that V8 can use', remedy);
  }
  const threads = options.threads ?? wasmThreads();
  const { isFused } = await withoutProcessListeners(async () => {
    await setWasmThreads(threads);
    await select('wasm');
    return registerWasmKernels();
  });
  const kind = isFused ? 'SIMD with fused multiply-adds' : 'SIMD without fused multiply-adds';
  const reason = `wasm: ${kind}, ${threads === 1 ? 'one thread' : `${threads} threads`}, ${why}`;
  const device = 'CPU';
  return { name: 'wasm', version: version_wasm, reason, device, threads, hasOwnKernels: true };
}

/** What a launcher that shares out the cores says, or what there is. */
function wasmThreads(): number {
  const given = Number(process.env['OMP_NUM_THREADS']);
  return Number.isInteger(given) && given > 0 ? given : availableParallelism();
}

/**
 * Runs `start` and takes away the listeners that it added to the process: the wasm module's answer to any uncaught error
 * of the program is to throw it again from its own file, which hides the error and its exit code.
 */
async function withoutProcessListeners<T>(start: () => Promise<T>): Promise<T> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = new Map(events.map((event) => [event, process.rawListeners(event)]));
  try {
    return await start();
  } finally {
    for (const event of events) {
      for (const listener of process.rawListeners(event)) {
        if (before.get(event)?.includes(listener) === true) continue;
        process.removeListener(event, listener as () => void);
      }
    }
  }
}

/** Makes `name` the backend, and makes sure: TensorFlow.js falls back to its slow reference backend without a word. */
async function select(name: EngineName): Promise<void> {
  const remedy = name === 'tensorflow' ? TENSORFLOW_REMEDY : 'reinstall the packages with `npm ci`';
  let isSet: boolean;
  try {
    isSet = await tf.setBackend(name);
    await tf.ready();
  } catch (cause) {
    throw engineUnavailable(name, `did not start: ${messageOf(cause)}`, remedy, cause);
  }
  if (!isSet || tf.getBackend() !== name) {
    throw engineUnavailable(name, `TensorFlow.js chose ${tf.getBackend()} in its place`, remedy);
  }
}
