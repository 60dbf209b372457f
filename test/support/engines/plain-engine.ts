/**
 * An engine over the library's plain JavaScript backend, with none of this project's kernels: every
 * operation is composed, or a plain loop. What other engines are compared with; of the program's
 * own registry it is no part.
 */
import * as tf from '@tensorflow/tfjs';
import { searchOnEngine } from '../../../src/engine/clustering/searches.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { engineOver } from '../../../src/engine/tfjs/backend-engine.ts';
import { copiedOneByOne, readByCopy, uploadEach } from '../../../src/engine/tfjs/transfer.ts';

export function plainEngine(): Engine {
  tf.env().set('IS_TEST', true); // no banner of the JavaScript backend
  return engineOver({
    facts: {
      name: 'cpu',
      version: tf.version_core,
      reason: 'cpu: for comparison',
      device: 'CPU',
      threads: 1,
      hasOwnKernels: false,
    },
    backend: 'cpu',
    lease: { isOpen: true },
    upload: uploadEach({ keepsArrays: true }),
    createStepResults: (layout, gradients) => copiedOneByOne(layout, readByCopy, gradients),
    withinMemory: (images, run) => run(images),
    products: { multiply: tf.matMul, factorRounding: 0, bfloat16: () => null },
    makeSearch: searchOnEngine,
    close: () => Promise.resolve(),
  });
}
