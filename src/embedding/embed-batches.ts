/**
 * Images through a network, batch after batch, into arrays of their rows.
 * Shapes: n images, m of them that could be read, D dimensions of the layer.
 */
import type { CentreBatches } from '../data/loader/centre-batches.ts';
import type { UnreadableImage } from '../data/source/unreadable.ts';
import type { AssignmentDetails } from '../work/assign.ts';
import { dimOf } from './layers.ts';
import { rowsOf, type RunNetwork, type WantedRows } from './network.ts';

/** What there is of some images. */
export interface EmbeddedRows {
  /** [m] image ids, in the order of the batches. */
  readonly ids: Int32Array;
  /** [m, D]; null: clusters alone. */
  readonly features: Float32Array | null;
  /** [m]; null where the run has not clustered yet. */
  readonly clusters: Int32Array | null;
  readonly details: AssignmentDetails | null;
  readonly unreadable: readonly UnreadableImage[];
}

export interface EmbedBatchesOptions extends WantedRows {
  /** Told after each batch how many images it had, those that cannot be read among them. */
  readonly onImages: (images: number) => void;
}

/**
 * @param images n: as many as the batches have
 * @returns the rows, and the time of the forward passes
 */
export async function embedBatches(
  network: RunNetwork,
  batches: CentreBatches,
  images: number,
  { onImages, ...wanted }: EmbedBatchesOptions,
): Promise<{ readonly rows: EmbeddedRows; readonly forwardMs: number }> {
  const { layer } = wanted;
  const dim = layer === null ? 0 : dimOf(network.values, layer);
  const ids = new Int32Array(images);
  const features = new Float32Array(images * dim);
  const clusters = new Int32Array(images);
  const distances = new Float32Array(images);
  const seconds = new Int32Array(images);
  const secondDistances = new Float32Array(images);
  const unreadable: UnreadableImage[] = [];
  let m = 0;
  let forwardMs = 0;
  for (let batch = batches.next(); batch; batch = batches.next()) {
    const views = await batch;
    unreadable.push(...views.unreadable);
    if (views.ids.length > 0) {
      const rows = rowsOf(network, views, wanted);
      forwardMs += rows.forwardMs;
      ids.set(views.ids, m);
      if (rows.features !== null) features.set(rows.features, m * dim);
      if (rows.found !== null) {
        clusters.set(rows.found.first, m);
        distances.set(rows.found.distances, m);
        seconds.set(rows.found.second, m);
        secondDistances.set(rows.found.secondDistances, m);
      }
      m += views.ids.length;
    }
    onImages(views.ids.length + views.unreadable.length);
  }
  const details = {
    distances: distances.slice(0, m),
    seconds: seconds.slice(0, m),
    secondDistances: secondDistances.slice(0, m),
  };
  const isClustered = network.values.centroids !== null;
  return {
    rows: {
      ids: ids.slice(0, m),
      features: layer === null ? null : features.slice(0, m * dim),
      clusters: isClustered ? clusters.slice(0, m) : null,
      details: isClustered ? details : null,
      unreadable,
    },
    forwardMs,
  };
}
