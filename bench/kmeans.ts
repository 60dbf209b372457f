/**
 * `deepcluster bench kmeans`: ten steps of k-means, and PCA with whitening, over made features in one process.
 * The peer is faiss on the same rows (bench/peers/faiss_clustering.py). Shapes: N rows, D dimensions, K centroids.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusteringKernels } from '../src/clustering/kernels.ts';
import { initialCentroidIds } from '../src/clustering/kmeans.ts';
import { kmeansOnEngine, pcaOnEngine } from '../src/engine/clustering/reference/run-on-engine.ts';
import type { EngineCase, Prepared } from './measure.ts';
import { featureLikeRows, unitRows } from './made-features.ts';
import type { PeerWork } from './peer.ts';

const STEPS = 10;
const SEED = 1234;

interface KmeansSize {
  readonly n: number;
  readonly dim: number;
  readonly k: number;
}

interface PcaSize {
  readonly n: number;
  /** A power of two. */
  readonly dim: number;
  readonly outDim: number;
}

export function clusteringCases(isQuick: boolean): EngineCase[] {
  return isQuick
    ? [kmeansCase({ n: 2000, dim: 64, k: 50 }), pcaCase({ n: 500, dim: 64, outDim: 16 })]
    : [
        kmeansCase({ n: 100_000, dim: 256, k: 1000 }),
        pcaCase({ n: 20_000, dim: 4096, outDim: 256 }),
      ];
}

function kmeansCase({ n, dim, k }: KmeansSize): EngineCase {
  return {
    name: `kmeans/${n}x${dim}/k${k}`,
    // The products of rows with centroids; sums and means are small beside them.
    quantity: { unit: 's', images: 1, flops: 2 * n * dim * k * STEPS },
    isGemmLimited: true,
    prepare: ({ clustering }) => {
      const rows = unitRows(n, dim, SEED);
      const work = { mode: 'kmeans', n, dim, k, steps: STEPS };
      return withPeerFile(rows, work, () => {
        runSteps(clustering, rows, { n, dim, k });
      });
    },
  };
}

function runSteps(kernels: ClusteringKernels, rows: Float32Array, { n, dim, k }: KmeansSize): void {
  const initialIds = initialCentroidIds(n, k, SEED);
  const { objectives } = kmeansOnEngine(kernels, rows, n, dim, k, STEPS, initialIds, false);
  objectives.slice(1).forEach((inertia, step) => {
    requireFalling(inertia, objectives[step]!);
  });
}

/**
 * Each step lowers the inertia, but for the split of a large cluster: a time for anything else is worth nothing.
 */
function requireFalling(inertia: number, before: number): void {
  if (inertia <= before * 1.001) return;
  throw new Error(`k-means: expected the inertia to fall from ${before}, got ${inertia}`);
}

function pcaCase({ n, dim, outDim }: PcaSize): EngineCase {
  return {
    name: `pca/${n}x${dim}-${outDim}`,
    quantity: { unit: 's', images: 1, flops: null },
    isGemmLimited: false,
    prepare: ({ clustering }) => {
      const rows = featureLikeRows(n, dim, SEED);
      return withPeerFile(rows, { mode: 'pca', n, dim, outDim }, () => {
        pcaOnEngine(clustering, rows, n, dim, outDim);
      });
    },
  };
}

/** The peer reads the same rows from a file, which lives as long as the case. */
function withPeerFile(rows: Float32Array, work: PeerWork, run: () => void): Prepared {
  let folder: string | null = null;
  return {
    run,
    peerWork: () => {
      folder = mkdtempSync(join(tmpdir(), 'deepcluster-bench-'));
      const file = join(folder, 'rows.f32');
      writeFileSync(file, rows);
      return { ...work, file };
    },
    dispose: () => {
      if (folder !== null) rmSync(folder, { recursive: true, force: true });
    },
  };
}
