/** Made-up clusters for the report's explorer: images of each in a ring around its place on the map. */
import type { GalleryData, SpriteSheets } from '../../../src/report/gallery/gallery-data.ts';
import { nearestClusters } from '../../../src/report/gallery/neighbours.ts';
import { lcg } from './lcg.ts';

export interface GalleryShape {
  readonly clusters: number;
  readonly perCluster: number;
  readonly classes: number;
  /** Left out: one sheet of no picture. */
  readonly sheets?: SpriteSheets;
  /** Images on the map at most. */
  readonly mapped?: number;
}

export function madeGallery(shape: GalleryShape): GalleryData {
  const { clusters: k, perCluster, classes, sheets = { kind: 'inside', webp: [] } } = shape;
  const n = k * perCluster;
  const random = lcg(17);
  const clusterOf = (image: number): number => Math.floor(image / perCluster);
  // The last image of each cluster is far out.
  const distances = Float32Array.from({ length: n }, (_, image) => {
    const rank = image % perCluster;
    return rank === perCluster - 1 ? 9 : 1 + rank / perCluster;
  });
  const centres = Float32Array.from({ length: 2 * k }, () => 20 * random());
  const images = Int32Array.from({ length: Math.min(n, shape.mapped ?? n) }, (_, i) =>
    Math.floor((i * n) / Math.min(n, shape.mapped ?? n)),
  );
  const cells = sheets.kind === 'inside' && sheets.webp.length === 0 ? -1 : 0;
  return {
    images: n,
    folder: null,
    paths: Array.from(
      { length: n },
      (_, i) => `class-${clusterOf(i) % classes}/${String(i).padStart(6, '0')}.jpg`,
    ),
    starts: Int32Array.from({ length: k + 1 }, (_, cluster) => cluster * perCluster),
    distances,
    seconds: Int32Array.from({ length: n }, (_, i) => (clusterOf(i) + 1) % k),
    secondDistances: distances.map((distance) => distance + 1),
    classes: Array.from({ length: classes }, (_, i) => `class-${i}`),
    labels: Int32Array.from({ length: n }, (_, i) => clusterOf(i) % classes),
    cells: Int32Array.from({ length: n }, (_, i) => (cells < 0 ? -1 : i)),
    clusters: {
      sizes: new Int32Array(k).fill(perCluster),
      meanDistances: Float32Array.from({ length: k }, (_, i) => 1 + i / k),
      fences: new Float32Array(k).fill(3),
      majorities: Int32Array.from({ length: k }, (_, i) => i % classes),
      purities: Float32Array.from({ length: k }, (_, i) => 1 - i / (2 * k)),
      neighbours: nearestClusters(centres, 2, new Int32Array(k).fill(1), 5),
    },
    sprites: { side: 64, columns: 8, perSheet: 64, sheets },
    map: {
      of: 'images',
      explanation: 'Made.',
      points: Float32Array.from({ length: 2 * images.length }, (_, i) => {
        const centre = centres[2 * clusterOf(images[i >> 1]!) + (i % 2)]!;
        return centre + random() - 0.5;
      }),
      images,
      clusters: images.map(clusterOf),
    },
  };
}
