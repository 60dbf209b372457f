/**
 * A run's clusters and images as points of TensorBoard's embedding projector: each with a thumbnail
 * and with what is known of it. Shapes: N images, K clusters, d columns of centroids.
 */
import { squareSheet } from '../../data/pixels/sprites.ts';
import type { Embedding } from '../../tensorboard/projector.ts';
import type { Centroids } from '../open-run.ts';
import type { SampledFeatures } from '../report/gallery.ts';
import { majorityOf } from '../report/majority.ts';
import { readPixels } from '../report/thumbnails.ts';
import { largestOf, type ClusteredImages } from './clustered-images.ts';

/** As many as the projector's t-SNE takes; of more it takes a sample. */
const MOST_POINTS = 10_000;
/**
 * Sides of a thumbnail [px], the first one as long as a sheet has at most {@link SHEET_SIDE}: 4,096
 * thumbnails of 64 px, or 10,000 of 32 px. The plugin refuses sheets beyond 8192 px.
 */
const THUMBNAIL_SIDES = [64, 32] as const;
const SHEET_SIDE = 4096;

/**
 * The centroids of the clusters that have images, by index; of more than 10,000 the largest. Each
 * has the thumbnail of its medoid, which is the image nearest to it. Null where there are none.
 */
export async function clusterEmbedding(
  images: ClusteredImages,
  { values, dim }: Centroids,
): Promise<Embedding | null> {
  const { source, details, members } = images;
  const points = largestOf(images, members.length)
    .filter((c) => isFinite(values, dim, c))
    .slice(0, MOST_POINTS)
    .sort((a, b) => a - b);
  const rows = points.map((c) => {
    const ids = members[c]!;
    const majority = majorityOf(ids, source.truth);
    return [
      ...[String(c), String(ids.length), source.path(ids[0]!)],
      ...(details === null ? [] : [shown(meanOf(ids, details.distances))]),
      ...(majority === null ? [] : [majority.name, shown(majority.share)]),
    ];
  });
  const columns = [
    ...['cluster', 'size', 'medoid'],
    ...(details === null ? [] : ['mean distance']),
    ...(source.truth === null ? [] : ['majority class', 'its share']),
  ];
  const thumbnails = points.map((c) => members[c]![0]!);
  return embeddingOf('clusters', { values, dim, points, columns, rows, thumbnails }, source);
}

/** Some images by their features. Null where there are none. */
export async function imageEmbedding(
  { source, clusters, details }: ClusteredImages,
  { ids, values, dim }: SampledFeatures,
): Promise<Embedding | null> {
  const { truth } = source;
  const points = [...ids.keys()].filter((row) => isFinite(values, dim, row)).slice(0, MOST_POINTS);
  const thumbnails = points.map((row) => ids[row]!);
  const rows = thumbnails.map((id) => [
    ...[source.path(id), String(clusters[id]!)],
    ...(details === null ? [] : [shown(details.distances[id]!)]),
    ...(truth === null ? [] : [truth.names[truth.labels[id]!]!]),
  ]);
  const columns = [
    ...['path', 'cluster'],
    ...(details === null ? [] : ['distance']),
    ...(truth === null ? [] : ['class']),
  ];
  return embeddingOf('images', { values, dim, points, columns, rows, thumbnails }, source);
}

interface Points extends Pick<Embedding, 'dim' | 'columns' | 'rows'> {
  /** [any, dim] */
  readonly values: Float32Array;
  /** [n] rows of these. */
  readonly points: readonly number[];
  /** [n] id of the image that is shown for each. */
  readonly thumbnails: readonly number[];
}

async function embeddingOf(
  name: string,
  { values, points, thumbnails, ...rest }: Points,
  source: ClusteredImages['source'],
): Promise<Embedding | null> {
  const { dim } = rest;
  if (points.length === 0) return null;
  const picked = new Float32Array(points.length * dim);
  points.forEach((row, i) => {
    picked.set(values.subarray(row * dim, (row + 1) * dim), i * dim);
  });
  const side = thumbnailSide(points.length);
  const cells = await readPixels(thumbnails, source, side);
  const { encoded: png } = await squareSheet(cells, side);
  return { name, values: picked, ...rest, sheet: { png, side } };
}

function thumbnailSide(count: number): number {
  const [large, small] = THUMBNAIL_SIDES;
  return Math.ceil(Math.sqrt(count)) * large <= SHEET_SIDE ? large : small;
}

function meanOf(ids: Int32Array, values: Float32Array): number {
  return ids.reduce((sum, id) => sum + values[id]!, 0) / ids.length;
}

function isFinite(values: Float32Array, dim: number, row: number): boolean {
  return values.subarray(row * dim, (row + 1) * dim).every(Number.isFinite);
}

/** Empty where it is not known. */
function shown(value: number): string {
  return Number.isNaN(value) ? '' : String(Number(value.toPrecision(4)));
}
