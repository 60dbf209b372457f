/**
 * What the page's script shows of the clusters, and how it is written into the page: JSON, with
 * arrays of numbers as base64 of their little-endian bytes. client/decode.js reads it. Shapes: n
 * images that are listed, by cluster, then from the centroid outward; K clusters; m points.
 */

export interface GalleryData {
  /** Images that have a cluster, listed or not. */
  readonly images: number;
  /** `file:` address of the folder that paths are relative to; null where it is not told. */
  readonly folder: string | null;
  /** [n] as the source names them. */
  readonly paths: readonly string[];
  /** [K + 1] where each cluster begins among the listed images. */
  readonly starts: Int32Array;
  /** [n] to the centroid of the own cluster; null where none are known, as the next two. */
  readonly distances: Float32Array | null;
  /** [n] the cluster that comes next; -1 where there is none. */
  readonly seconds: Int32Array | null;
  /** [n] */
  readonly secondDistances: Float32Array | null;
  /** Names of the classes; null where there is no truth. */
  readonly classes: readonly string[] | null;
  /** [n] index into `classes`; null likewise. */
  readonly labels: Int32Array | null;
  /** [n] place of the thumbnail in the sprite sheets, -1 where there is none. */
  readonly cells: Int32Array;
  readonly clusters: GalleryClusters;
  readonly sprites: Sprites;
  readonly map: GalleryMap | null;
}

/** [K] each, over all images of a cluster. */
export interface GalleryClusters {
  readonly sizes: Int32Array;
  /** Mean distance to the centroid; NaN where it is not known. */
  readonly meanDistances: Float32Array;
  /** Beyond which an image is far; NaN where there is no telling. */
  readonly fences: Float32Array;
  /** Most frequent class, -1 in an empty cluster; null where there is no truth. */
  readonly majorities: Int32Array | null;
  /** Its share; NaN in an empty cluster. */
  readonly purities: Float32Array | null;
  /** Nearest other clusters, nearest first; null where no centroids are known. */
  readonly neighbours: readonly (readonly number[])[] | null;
}

/** Thumbnails are the cells of sheets, row by row, sheet after sheet. */
export interface Sprites {
  /** Of a cell [px]. */
  readonly side: number;
  /** Of a sheet. */
  readonly columns: number;
  /** Cells of a full sheet. */
  readonly perSheet: number;
  readonly sheets: SpriteSheets;
}

export type SpriteSheets =
  /** WebP, written into the page. */
  | { readonly kind: 'inside'; readonly webp: readonly Uint8Array[] }
  /** Files beside the page, by relative path. */
  | { readonly kind: 'beside'; readonly files: readonly string[] };

export interface GalleryMap {
  /** Whether a point is an image, or a cluster. */
  readonly of: 'images' | 'clusters';
  /** How it was made, for people. */
  readonly explanation: string;
  /** [m, 2] */
  readonly points: Float32Array;
  /** [m] place among the listed images; of a cluster, that of its nearest one. */
  readonly images: Int32Array;
  /** [m] */
  readonly clusters: Int32Array;
}

/** What the script reads as JSON; sheets inside the page are blocks of their own. */
export function galleryJson(data: GalleryData): unknown {
  const { clusters, sprites, map } = data;
  return {
    ...data,
    starts: base64(data.starts),
    distances: base64(data.distances),
    seconds: base64(data.seconds),
    secondDistances: base64(data.secondDistances),
    labels: base64(data.labels),
    cells: base64(data.cells),
    clusters: {
      sizes: base64(clusters.sizes),
      meanDistances: base64(clusters.meanDistances),
      fences: base64(clusters.fences),
      majorities: base64(clusters.majorities),
      purities: base64(clusters.purities),
      neighbours: clusters.neighbours,
    },
    sprites: {
      ...sprites,
      sheets: sprites.sheets.kind === 'beside' ? sprites.sheets.files : null,
    },
    map: map === null ? null : mapJson(map),
  };
}

function mapJson({ points, images, clusters, ...rest }: GalleryMap): unknown {
  return {
    ...rest,
    points: base64(points),
    images: base64(images),
    clusters: base64(clusters),
  };
}

/** Node runs on little-endian machines alone, as browsers do. */
function base64(array: Int32Array | Float32Array | null): string | null {
  if (array === null) return null;
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');
}
