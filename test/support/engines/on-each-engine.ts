/** Tests of clustering on every engine that this machine has. */
import { test } from 'node:test';
import type { ClusteringKernels } from '../../../src/clustering/kernels.ts';
import { clusteringKernels } from '../../../src/engine/clustering/kernels.ts';
import type { Products } from '../../../src/engine/clustering/products.ts';
import {
  searchOnEngine,
  searchOnGpu,
  type MakeSearch,
} from '../../../src/engine/clustering/searches.ts';
import type { EngineName } from '../../../src/engine/registry.ts';
import { startEngine } from '../../../src/engine/start.ts';
import { testEngines } from './engines.ts';

/**
 * One test for each engine, without the host kernels; skipped, with the reason, where it is not
 * installed.
 */
export function onEachEngine(
  name: string,
  body: (kernels: ClusteringKernels, products: Products) => void,
): void {
  for (const engine of ['wasm', 'tensorflow'] as const) onEngine(engine, engine, name, body);
}

/** Besides these, the search that is for GPUs, on the CPU where there is none. */
export function onEachSearch(name: string, body: (kernels: ClusteringKernels) => void): void {
  onEachEngine(name, body);
  onEngine('tensorflow, as on a GPU', 'tensorflow', name, body, (products) =>
    searchOnGpu(() => null, products),
  );
}

function onEngine(
  kind: string,
  engine: EngineName,
  name: string,
  body: (kernels: ClusteringKernels, products: Products) => void,
  searchOf: (products: Products) => MakeSearch = searchOnEngine,
): void {
  test(`${kind}: ${name}`, async (t) => {
    const skip = (await testEngines()).find((one) => one.name === engine)?.skip ?? false;
    if (skip !== false) {
      t.skip(skip);
      return;
    }
    const { products } = await startEngine(engine);
    body(clusteringKernels(products, searchOf(products)), products);
  });
}
