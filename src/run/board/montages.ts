/** Pictures of a run's largest clusters: images from the centroid outward, side by side. */
import { jpegSheet, type Picture } from '../../data/pixels/sprites.ts';
import { readPixels } from '../report/thumbnails.ts';
import { largestOf, type ClusteredImages } from './clustered-images.ts';

export interface Montage {
  readonly cluster: number;
  /** JPEG */
  readonly picture: Picture;
}

const CLUSTERS = 12;
const IMAGES = 24;
const COLUMNS = 6;
/** Of an image [px]. */
const SIDE = 96;

/**
 * The largest cluster first. Images that cannot be read are left out, and so are clusters without
 * any other.
 */
export async function clusterMontages(images: ClusteredImages): Promise<Montage[]> {
  const montages: Montage[] = [];
  for (const cluster of largestOf(images, CLUSTERS)) {
    const nearest = images.members[cluster]!.subarray(0, IMAGES);
    const read = await readPixels([...nearest], images.source, SIDE);
    const cells = read.filter((cell) => cell !== null);
    if (cells.length === 0) continue;
    const columns = Math.min(cells.length, COLUMNS);
    montages.push({ cluster, picture: await jpegSheet(cells, SIDE, columns) });
  }
  return montages;
}
