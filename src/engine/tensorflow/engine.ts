/**
 * The engine `tensorflow`: the native addon over the TensorFlow runtime (CUDA, or oneDNN on CPUs),
 * with this project's own kernels where its setup has compiled them.
 */
import * as tf from '@tensorflow/tfjs';
import { splitProduct } from '../clustering/float32-product.ts';
import { fastHost, searchOnCpu, searchOnGpu } from '../clustering/searches.ts';
import type { Engine, EngineFacts, LoadEngine } from '../engine.ts';
import { engineOver } from '../tfjs/backend-engine.ts';
import { startBackend } from '../tfjs/scope.ts';
import { uploadEach } from '../tfjs/transfer.ts';
import { describeTensorflow, loadAddon, TENSORFLOW_REMEDY } from './addon.ts';
import { bfloat16Of } from './bfloat16.ts';
import { registerTensorflowKernels } from './register.ts';
import { runtimeOf } from './runtime.ts';
import { createStepResults, uploadWhole } from './step-results.ts';

const BACKEND = 'tensorflow';
/** By which a GPU rounds the factors of a product that it multiplies as TF32. */
const TF32_ROUNDING = 2 ** -11;

export const loadEngine: LoadEngine = async ({ threads }) => {
  await loadAddon(threads);
  await startBackend(BACKEND, TENSORFLOW_REMEDY, () => undefined);
  return makeEngine;
};

/** Products in bfloat16 of the one addon that a process has: whether they pay is measured once. */
let bfloat16: ReturnType<typeof bfloat16Of> | null = null;

function makeEngine(why: string): Engine {
  registerTensorflowKernels();
  const facts = factsOf(why);
  const backend = tf.findBackend(BACKEND);
  const { isGpu } = runtimeOf(backend);
  // The addon cannot be unloaded: an engine that is closed is not asked again, and that is all.
  const lease = { isOpen: true };
  return engineOver({
    facts,
    backend: BACKEND,
    lease,
    upload: isGpu ? uploadWhole : uploadEach({ keepsArrays: true }),
    createStepResults: (layout, gradients) => createStepResults(layout, isGpu, gradients),
    withinMemory: (images, run) => run(images),
    products: {
      multiply: isGpu ? splitProduct : tf.matMul,
      factorRounding: isGpu ? TF32_ROUNDING : 0,
      bfloat16: (bfloat16 ??= bfloat16Of(backend)),
    },
    makeSearch: (products) =>
      isGpu
        ? searchOnGpu(() => fastHost(facts.threads), products)
        : searchOnCpu(facts.threads, products),
    close: () => {
      lease.isOpen = false;
      return Promise.resolve();
    },
  });
}

/**
 * @throws TrainerError ENGINE_UNAVAILABLE for a GPU that is there, and could be used, and is not
 */
function factsOf(why: string): EngineFacts {
  const { version, device, remark, threads, hasOwnKernels } = describeTensorflow();
  const place = device === 'CPU' ? `the CPU, threads: ${threads}` : device;
  const story = `tensorflow: TensorFlow ${version} on ${place}, ${why}`;
  const reason = remark === null ? story : `${story}; ${remark}`;
  return { name: 'tensorflow', version, reason, device, threads, hasOwnKernels };
}
