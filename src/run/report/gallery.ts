/**
 * What the report's script shows of a run's clusters: images from the centroid outward, thumbnails,
 * neighbours, and a map.
 * Shapes: N images, K clusters, d dimensions of a centroid.
 */
import { pathToFileURL } from 'node:url';
import { sampleWithout } from './map-sample.ts';
import { shownPath } from '../../data/source/path-bytes.ts';
import type { ImageSource } from '../../data/source/source.ts';
import {
  fairShare,
  nearestAndFarthest,
  orderByCluster,
  upperFence,
  type ClusterOrder,
} from '../../report/gallery/cluster-order.ts';
import type {
  GalleryClusters,
  GalleryData,
  GalleryMap,
} from '../../report/gallery/gallery-data.ts';
import type { AssignmentDetails } from '../../work/assign.ts';
import type { Centroids } from '../open-run.ts';
import { layOut } from './layout.ts';
import { majorityOf } from './majority.ts';
import { makeThumbnails, type PutSheet } from './thumbnails.ts';

export interface GalleryInput {
  readonly source: ImageSource;
  readonly seed: number;
  readonly k: number;
  /** [N] -1 where an image has none. */
  readonly clusters: Int32Array;
  /** Null where none are known. */
  readonly details: AssignmentDetails | null;
  /** Null where none are known. */
  readonly centroids: Centroids | null;
  readonly signal?: AbortSignal;
}

export interface GalleryOptions {
  /** Images with a thumbnail at most. */
  readonly thumbnails?: number;
  /** Left out: sheets are in the page. */
  readonly putSheet?: PutSheet;
  /** Features of some images for the map; left out, as null: the map is one of the centroids. */
  readonly features?: SampledFeatures | null;
  readonly onProgress?: ReportProgress;
}

/** Told how many images of a piece of work are done. */
export type ReportProgress = (work: 'features' | 'thumbnails', done: number, total: number) => void;

export interface SampledFeatures {
  /** [m] ids */
  readonly ids: readonly number[];
  /** [m, dim] */
  readonly values: Float32Array;
  readonly dim: number;
  /** For people: `fc (256)`. */
  readonly name: string;
}

/** Images a page lists at most: their paths alone are some 4 MB. */
const LISTED = 100_000;
/** A few megabytes, and a minute of reading. */
const THUMBNAILS = 4_000;
const NEIGHBOURS = 8;
/** Centroids on a map at most, the largest clusters'. */
const MAPPED_CENTROIDS = 2_000;
/** With fewer there is nothing to see. */
const LEAST_POINTS = 6;

export async function gatherGallery(
  input: GalleryInput,
  options: GalleryOptions = {},
): Promise<GalleryData> {
  const { source, clusters, details, k, signal } = input;
  const order = orderByCluster(clusters, details?.distances ?? null, k);
  const sizes = sizesOf(order);
  const { ids, starts } = chosen(order, LISTED);
  const placeOf = new Map(Array.from(ids, (id, place) => [id, place]));
  const { map, neighbours } = await mapOf(input, { order, sizes, placeOf, options });
  const shown = new Set(chosen(order, options.thumbnails ?? THUMBNAILS).ids);
  if (map?.of === 'images') for (const place of map.images) shown.add(ids[place]!);
  const seen = [...ids].filter((id) => shown.has(id));
  const { sprites, cells } = await makeThumbnails(seen, source, {
    putSheet: options.putSheet ?? null,
    onDone: (done) => options.onProgress?.('thumbnails', done, seen.length),
    ...(signal === undefined ? {} : { signal }),
  });
  const pick = (from: Float32Array): Float32Array => Float32Array.from(ids, (id) => from[id]!);
  const { truth } = source;
  return {
    images: order.ids.length,
    folder: pathToFileURL(`${source.root}/`).href,
    paths: Array.from(ids, (id) => shownPath(source.path(id))),
    starts,
    distances: details === null ? null : pick(details.distances),
    seconds: details === null ? null : Int32Array.from(ids, (id) => details.seconds[id]!),
    secondDistances: details === null ? null : pick(details.secondDistances),
    classes: truth?.names ?? null,
    labels: truth === null ? null : Int32Array.from(ids, (id) => truth.labels[id]!),
    cells: Int32Array.from(ids, (id) => cells.get(id) ?? -1),
    clusters: { ...figuresOf(order, input), sizes, neighbours },
    ...{ sprites, map },
  };
}

function sizesOf({ starts }: ClusterOrder): Int32Array {
  return Int32Array.from({ length: starts.length - 1 }, (_, i) => starts[i + 1]! - starts[i]!);
}

/** Of every cluster its fair share. */
function chosen(order: ClusterOrder, limit: number): ClusterOrder {
  const sizes = sizesOf(order);
  const share = fairShare(sizes, limit);
  const starts = new Int32Array(order.starts.length);
  const ids: number[] = [];
  sizes.forEach((size, cluster) => {
    const begin = order.starts[cluster]!;
    for (const rank of nearestAndFarthest(size, share)) ids.push(order.ids[begin + rank]!);
    starts[cluster + 1] = ids.length;
  });
  return { ids: Int32Array.from(ids), starts };
}

function figuresOf(
  { ids, starts }: ClusterOrder,
  { details, source, k }: GalleryInput,
): Omit<GalleryClusters, 'sizes' | 'neighbours'> {
  const meanDistances = new Float32Array(k).fill(NaN);
  const fences = new Float32Array(k).fill(NaN);
  const majorities = new Int32Array(k).fill(-1);
  const purities = new Float32Array(k).fill(NaN);
  for (let cluster = 0; cluster < k; cluster += 1) {
    const members = ids.subarray(starts[cluster], starts[cluster + 1]);
    if (members.length === 0) continue;
    if (details !== null) {
      const distances = Float64Array.from(members, (id) => details.distances[id]!);
      meanDistances[cluster] = distances.reduce((sum, d) => sum + d, 0) / members.length;
      fences[cluster] = upperFence(distances);
    }
    const majority = majorityOf(members, source.truth);
    if (majority !== null)
      [majorities[cluster], purities[cluster]] = [majority.label, majority.share];
  }
  const { truth } = source;
  return {
    ...{ meanDistances, fences },
    majorities: truth === null ? null : majorities,
    purities: truth === null ? null : purities,
  };
}

interface MapContext {
  readonly order: ClusterOrder;
  readonly sizes: Int32Array;
  readonly placeOf: ReadonlyMap<number, number>;
  readonly options: GalleryOptions;
}

async function mapOf(
  input: GalleryInput,
  context: MapContext,
): Promise<{ map: GalleryMap | null; neighbours: number[][] | null }> {
  const { centroids, seed, signal } = input;
  const { sizes, options } = context;
  const points = options.features
    ? imagePoints(options.features, input, context)
    : clusterPoints(input, context);
  const { neighbours, points: places } = await layOut(
    {
      ...{ seed, neighbours: NEIGHBOURS },
      centroids:
        centroids === null ? null : { values: centroids.values, dim: centroids.dim, sizes },
      rows: points === null ? null : points.rows,
    },
    signal,
  );
  return {
    neighbours,
    map: points === null || places === null ? null : { ...points.map, points: places },
  };
}

interface Points {
  readonly rows: { readonly values: Float32Array; readonly dim: number };
  readonly map: Omit<GalleryMap, 'points'>;
}

/** Images that the page lists. */
function imagePoints(
  { ids, values, dim, name }: SampledFeatures,
  { clusters }: GalleryInput,
  { placeOf }: MapContext,
): Points | null {
  const kept = [...ids.keys()].filter((row) => placeOf.has(ids[row]!));
  if (kept.length < LEAST_POINTS) return null;
  return {
    rows: { values: rowsOf(values, dim, kept), dim },
    map: {
      of: 'images',
      explanation: `UMAP of the features ${name} of ${kept.length.toLocaleString('en')} images, drawn by the run's seed.`,
      images: Int32Array.from(kept, (row) => placeOf.get(ids[row]!)!),
      clusters: Int32Array.from(kept, (row) => clusters[ids[row]!]!),
    },
  };
}

function clusterPoints(
  { centroids, seed }: GalleryInput,
  { order, sizes, placeOf }: MapContext,
): Points | null {
  if (centroids === null) return null;
  const filled = [...sizes.keys()].filter((cluster) => sizes[cluster]! > 0);
  const mapped = sampleWithout(filled, MAPPED_CENTROIDS, seed);
  if (mapped.length < LEAST_POINTS) return null;
  return {
    rows: { values: rowsOf(centroids.values, centroids.dim, mapped), dim: centroids.dim },
    map: {
      of: 'clusters',
      explanation: 'UMAP of the centroids, each as large as its cluster.',
      images: Int32Array.from(
        mapped,
        (cluster) => placeOf.get(order.ids[order.starts[cluster]!]!) ?? -1,
      ),
      clusters: Int32Array.from(mapped),
    },
  };
}

function rowsOf(values: Float32Array, dim: number, rows: readonly number[]): Float32Array {
  const picked = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => {
    picked.set(values.subarray(row * dim, (row + 1) * dim), i * dim);
  });
  return picked;
}
