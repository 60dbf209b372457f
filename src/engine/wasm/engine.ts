/**
 * The engine `wasm`: the library's SIMD backend with this project's gradient kernels, which needs
 * nothing but `npm install`. Its memory is a heap of 4 GiB at most, in the program's own.
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths, version_wasm, type BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { engineUnavailable } from '../../errors.ts';
import { searchOnCpu } from '../clustering/searches.ts';
import type { Engine, EngineFacts, LoadEngine } from '../engine.ts';
import { engineOver } from '../tfjs/backend-engine.ts';
import { startBackend } from '../tfjs/scope.ts';
import { copiedOneByOne, uploadEach } from '../tfjs/transfer.ts';
import { viewOf } from './backend.ts';
import { withinHeap } from './heap.ts';
import { registerWasmKernels } from './register.ts';
import { leaseWasm, type WasmLease } from './threads/threads.ts';

const BACKEND = 'wasm';

export const loadEngine: LoadEngine = async (options) => {
  const require = createRequire(import.meta.url);
  const binary =
    require.resolve('@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm');
  setWasmPaths(`${dirname(binary)}/`);
  if ((await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) !== true) {
    const remedy = 'use a CPU with SSE 4.1 or NEON';
    throw engineUnavailable('wasm', 'this CPU has no SIMD that V8 can use', remedy);
  }
  const threads = options.threads ?? wasmThreads();
  const lease = await withoutProcessListeners(() =>
    startBackend(BACKEND, 'reinstall the packages with `npm ci`', () => leaseWasm(threads)),
  );
  const { isFused } = registerWasmKernels();
  return (why) => makeEngine(factsOf(threads, isFused, why), lease);
};

function factsOf(threads: number, isFused: boolean, why: string): EngineFacts {
  const kind = isFused ? 'SIMD with fused multiply-adds' : 'SIMD without fused multiply-adds';
  const reason = `wasm: ${kind}, ${threads === 1 ? 'one thread' : `${threads} threads`}, ${why}`;
  const device = 'CPU';
  return { name: 'wasm', version: version_wasm, reason, device, threads, hasOwnKernels: true };
}

function makeEngine(facts: EngineFacts, lease: WasmLease): Engine {
  const backend = tf.findBackend(BACKEND) as unknown as BackendWasm;
  return engineOver({
    facts,
    backend: BACKEND,
    lease,
    // Numbers are copied to the heap at once.
    upload: uploadEach({ keepsArrays: false }),
    createStepResults: (layout, gradients) =>
      copiedOneByOne(
        layout,
        (tensor, target, offset) => {
          target.set(viewOf(backend, tensor), offset);
        },
        gradients,
      ),
    withinMemory: (images, run) => withinHeap(backend, images, run),
    products: { multiply: tf.matMul, factorRounding: 0, bfloat16: () => null },
    makeSearch: (products) => searchOnCpu(facts.threads, products),
    close: lease.release,
  });
}

/** What a launcher that shares out the cores says, or what there is. */
function wasmThreads(): number {
  const given = Number(process.env['OMP_NUM_THREADS']);
  return Number.isInteger(given) && given > 0 ? given : availableParallelism();
}

/**
 * Runs `start` and takes away the listeners that it added to the process: the wasm module's answer
 * to any uncaught error of the program is to throw it again from its own file, which hides the
 * error and its exit code.
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
