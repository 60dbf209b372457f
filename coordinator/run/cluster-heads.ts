/**
 * Several k-means over the sample memory where its rows are few: each by one worker, side by side,
 * with the bits of the one that all workers share (clustering-round.ts).
 */
import type { Clustering, MemoryHead, MemoryToCluster } from '../../src/algorithms/strategy.ts';
import { requireFilledClusters } from '../../src/clustering/clusterable.ts';
import { idRange } from '../../src/data/loader/centre-batches.ts';
import { clusterHead } from '../../src/work/cluster-head.ts';
import { requireEnough } from '../images/enough-images.ts';
import type { ClusteringDeps } from '../clustering/clustering-deps.ts';

/** @returns in the order of `heads` */
export async function clusterHeadsWhole(
  epoch: number,
  parameterVersion: number,
  { heads, hasRow }: MemoryToCluster,
  { config, imageCount, dispatcher, artifacts, enterPhase, progress }: ClusteringDeps,
): Promise<Clustering[]> {
  const byNumber = new Map(heads.map((head) => [head.head, head]));
  const leftOut = [...idRange(0, imageCount)].filter((id) => !hasRow(id));
  requireEnough({ total: imageCount, readable: imageCount - leftOut.length, damaged: 0 }, config);
  const found = new Map<MemoryHead, Clustering>();
  const tell = (): void => {
    const place = { epoch, epochs: config.epochs, phase: clusterHead.phase };
    progress({ ...place, unit: 'heads', done: found.size, total: heads.length });
  };
  artifacts.clear();
  enterPhase(clusterHead);
  tell();
  await dispatcher.runPhase({
    ...{ kind: clusterHead, epoch, parameterVersion },
    work: heads.map(({ head }) => ({ kind: 'clusterHead' as const, head })),
    order: ({ head }) => {
      const { parts, part } = byNumber.get(head)!;
      return { head, parts, part, leftOut };
    },
    take: ({ head }, { labels: pseudoLabels, ...rest }) => {
      const clusterCount = config.clustering.k;
      const clustering = { ...rest, pseudoLabels, clusterCount, whitening: {}, spread: null };
      found.set(byNumber.get(head)!, clustering);
      tell();
    },
  });
  const clusterings = heads.map((head) => found.get(head)!);
  if (epoch === 0) {
    for (const { pseudoLabels, inertia } of clusterings) {
      requireFilledClusters(pseudoLabels, inertia, config.clustering.k);
    }
  }
  return clusterings;
}
