/** What pictures and points of a run's clusters are made of, and how its images are read for them. */
import type { ImageSource } from '../../data/source/source.ts';
import { largestClusters, orderByCluster } from '../../report/gallery/cluster-order.ts';
import type { AssignmentDetails } from '../../work/assign.ts';

/** Shapes: N images, K clusters. */
export interface ClusteredImages {
  readonly source: Pick<ImageSource, 'read' | 'path' | 'truth'>;
  /** [N] -1 where an image has none. */
  readonly clusters: Int32Array;
  /** Null where none are known. */
  readonly details: AssignmentDetails | null;
  /** [K] ids of each cluster's images, nearest to the centroid first. */
  readonly members: readonly Int32Array[];
}

/** @param k K */
export function clusteredImages(
  source: ClusteredImages['source'],
  { clusters, details, k }: Pick<ClusteredImages, 'clusters' | 'details'> & { readonly k: number },
): ClusteredImages {
  const { ids, starts } = orderByCluster(clusters, details?.distances ?? null, k);
  const members = Array.from({ length: k }, (_, cluster) =>
    ids.subarray(starts[cluster], starts[cluster + 1]),
  );
  return { source, clusters, details, members };
}

/** At most `count`, the largest first, of equal ones the lower index; empty ones never. */
export function largestOf({ members }: ClusteredImages, count: number): number[] {
  return largestClusters(
    Int32Array.from(members, ({ length }) => length),
    count,
  );
}

/**
 * The same images, of which none can be read any more once the signal is aborted, whatever the disk
 * does: whoever draws them goes on with those that are there.
 */
export function readableUntil(
  source: ClusteredImages['source'],
  signal: AbortSignal,
): ClusteredImages['source'] {
  const isOver = new Promise<never>((_resolve, reject) => {
    const end = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
  isOver.catch(() => undefined); // each read is told of it
  return {
    truth: source.truth,
    path: (id) => source.path(id),
    read: (id) => (signal.aborted ? isOver : Promise.race([source.read(id, signal), isOver])),
  };
}
