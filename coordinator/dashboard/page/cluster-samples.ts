/**
 * A few images of the largest clusters of the newest clustering. They are read only while somebody
 * watches, and not often: the run has the disks and the cores.
 */
import { clusterSizes } from '../../../src/clustering/agreement.ts';
import type { ImageSource } from '../../../src/data/source/source.ts';
import { largestClusters } from '../../../src/report/gallery/cluster-order.ts';
import type { ClusterSample } from '../../../src/report/report-data.ts';
import { sampleImages } from '../../../src/run/report/sample-images.ts';

const CLUSTERS = 6;
const IMAGES_PER_CLUSTER = 6;
/** Shown at half of it, so that they are sharp on dense screens [px]. */
const SIDE = 96;
/** Images read at a time. */
const LANES = 2;
/** Least time between two times that images are read [ms]. */
const PAUSE_MS = 15_000;

export interface SampleDeps {
  readonly source: Pick<ImageSource, 'read' | 'path'>;
  /** Of clusters. */
  readonly k: number;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

export class ClusterSamples {
  readonly #deps: SampleDeps;
  #shown: readonly ClusterSample[] = [];
  /** Of the clustering that is shown, or being read. */
  #key = '';
  #isReading = false;
  #readMs = -Infinity;

  constructor(deps: SampleDeps) {
    this.#deps = deps;
  }

  /** Largest cluster first; empty before the first clustering. */
  get shown(): readonly ClusterSample[] {
    return this.#shown;
  }

  /**
   * Reads the images of a clustering that is not shown yet, unless some were read just before.
   * @param key another one for another clustering
   * @param labels [images]; only looked at before this returns
   */
  refresh(key: string, labels: ArrayLike<number>): Promise<void> {
    const nowMs = this.#deps.nowMs();
    const isDue = key !== this.#key && !this.#isReading && nowMs - this.#readMs >= PAUSE_MS;
    if (!isDue || labels.length === 0) return Promise.resolve();
    this.#key = key;
    this.#readMs = nowMs;
    this.#isReading = true;
    return this.#read(membersOfLargest(labels, this.#deps.k))
      .then(
        (samples) => {
          this.#shown = samples;
        },
        () => undefined, // the run ends
      )
      .finally(() => {
        this.#isReading = false;
      });
  }

  async #read(clusters: readonly Members[]): Promise<ClusterSample[]> {
    const { source, signal } = this.#deps;
    const samples: ClusterSample[] = [];
    for (const { cluster, ids } of clusters) {
      const some = spread(ids, IMAGES_PER_CLUSTER);
      const images = await sampleImages(some, source, { side: SIDE, lanes: LANES, signal });
      samples.push({ cluster, size: ids.length, images });
    }
    return samples;
  }
}

interface Members {
  readonly cluster: number;
  /** Ids of images, ascending. */
  readonly ids: readonly number[];
}

/** The largest clusters that have an image, the largest first; of equal ones the lower index. */
export function membersOfLargest(labels: ArrayLike<number>, k: number): Members[] {
  const sizes = clusterSizes(Int32Array.from(labels), k);
  const largest = largestClusters(sizes, CLUSTERS);
  const members = new Map<number, number[]>(largest.map((cluster) => [cluster, []]));
  for (let id = 0; id < labels.length; id += 1) members.get(labels[id]!)?.push(id);
  return [...members].map(([cluster, ids]) => ({ cluster, ids }));
}

/** At most `count` of the ids, evenly over all. */
function spread(ids: readonly number[], count: number): number[] {
  if (ids.length <= count) return [...ids];
  return Array.from(
    { length: count },
    (_, i) => ids[Math.floor(((i + 0.5) * ids.length) / count)]!,
  );
}
