/** What every engine has in common that is a backend of TensorFlow.js. */
import * as tf from '@tensorflow/tfjs';
import { clusteringKernels } from '../clustering/kernels.ts';
import type { Products } from '../clustering/products.ts';
import type { MakeSearch } from '../clustering/searches.ts';
import type { Engine, EngineFacts } from '../engine.ts';
import { operationsOn } from './operations.ts';
import { withinBackend, type Lease } from './scope.ts';

/** What each such engine brings of its own. */
export interface BackendParts extends Pick<
  Engine,
  'upload' | 'createStepResults' | 'withinMemory' | 'close'
> {
  readonly facts: EngineFacts;
  /** As the library knows it. */
  readonly backend: string;
  readonly lease: Lease;
  /** Of its matrix products. */
  readonly products: Omit<Products, 'run'>;
  /** The fastest search of the nearest centroids that it has here. */
  readonly makeSearch: (products: Products) => MakeSearch;
}

export function engineOver(parts: BackendParts): Engine {
  const { facts, backend, lease, makeSearch, upload, createStepResults, withinMemory, close } =
    parts;
  const run: Engine['run'] = (work) => withinBackend(backend, lease, work);
  const products: Products = { ...parts.products, run };
  return {
    ...facts,
    run,
    tidy: (work) => run(() => tf.tidy(work)),
    operations: operationsOn(backend),
    ...{ upload, createStepResults, withinMemory, close },
    clustering: clusteringKernels(products, makeSearch(products)),
    products,
    memory: () => {
      const { numTensors, numBytes } = tf.memory();
      return { tensors: numTensors, bytes: numBytes };
    },
  };
}
