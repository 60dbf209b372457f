/**
 * The ways in which an engine may find the nearest centroids; labels and sums are the same bits by
 * all of them.
 */
import { hostKernels, PORTABLE, type HostModule } from './host/host-kernels.ts';
import { HostSearch, sumByLabelOnHost, type HostOptions } from './host/host-search.ts';
import type { Products } from './products.ts';
import { GpuSearch } from './search/gpu-search.ts';
import { NearestCentroids } from './search/nearest.ts';
import type { RowSearch, SumByLabel } from './search/row-search.ts';
import { sumByLabel } from './search/sum-by-label.ts';

/**
 * What finds the nearest centroids of these rows: [n, D]. Called, and asked, within `run` of its
 * engine.
 */
export type MakeSearch = (features: Float32Array, count: number, dim: number) => RowSearch;

/** Kernels of the host, and how they run. */
export interface Host extends HostOptions {
  readonly module: HostModule;
}

/** By the engine's products and a scan on the host. */
export function searchOnEngine(products: Products): MakeSearch {
  return (features, count, dim) => new NearestCentroids(products, features, count, dim);
}

/** By the host kernels; what has more dimensions than they take, the engine searches. */
export function searchOnHost(host: Host, products: Products): MakeSearch {
  const onEngine = searchOnEngine(products);
  return (features, count, dim) =>
    dim <= host.module.mostDim
      ? new HostSearch(host.module, features, count, dim, host)
      : onEngine(features, count, dim);
}

/** On the GPU, with sums by the host kernels where there are any. */
export function searchOnGpu(host: () => Host | null, products: Products): MakeSearch {
  return (features, count, dim) => {
    const found = host();
    const sums: SumByLabel = found === null ? sumByLabel : sumByLabelOnHost(found.module, found);
    return new GpuSearch(products, features, count, dim, sums);
  };
}

/**
 * For an engine on the CPU: by the host kernels if they are fast here, else by its own products.
 */
export function searchOnCpu(threads: number, products: Products): MakeSearch {
  return (...rows) => {
    const host = fastHost(threads);
    return (host === null ? searchOnEngine(products) : searchOnHost(host, products))(...rows);
  };
}

/**
 * The host kernels, where they are made for this processor's instructions; they are loaded when
 * they are first asked for.
 */
export function fastHost(threads: number): Host | null {
  const { module } = hostKernels();
  return module !== null && module.kernels[0] !== PORTABLE ? { module, threads } : null;
}
