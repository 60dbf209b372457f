/** What settings depend on of a collection of images: how many there are, and how large they are. */
import { forEachInLanes } from '../data/lanes.ts';
import { readDimensions, type Dimensions } from '../data/pixels/dimensions.ts';
import { fileAt } from '../data/source/path-bytes.ts';
import { findImages } from '../data/source/source.ts';
import { dataUnreadable } from '../errors.ts';

export interface Collection {
  readonly images: number;
  /** Of the images that were looked at, the median of the shorter sides [px]. */
  readonly shorterSide: number;
  /** Of the same, the mean of width * height [px]. */
  readonly pixels: number;
  /** Images that were looked at, and those of them that have a size. */
  readonly sampled: number;
  readonly readable: number;
}

/** Images whose headers are read. */
const SAMPLE = 200;
const LANES = 16;

/**
 * Lists the images, and reads the headers of some that are spread evenly over them.
 * @throws TrainerError DATA_UNREADABLE where there are none, or none of the sample can be read
 */
export async function lookAtCollection(spec: string, signal: AbortSignal): Promise<Collection> {
  const { root, paths } = await findImages(spec);
  const ids = sampledIds(paths.length);
  const found: (Dimensions | null)[] = ids.map(() => null);
  const look = async (i: number): Promise<void> => {
    found[i] = await readDimensions(fileAt(root, paths[ids[i]!]!));
  };
  await forEachInLanes(ids.length, LANES, look, signal);
  const sizes = found.filter((size) => size !== null);
  if (sizes.length === 0) {
    throw dataUnreadable(
      spec,
      `none of ${ids.length} images that were looked at can be read`,
      'deepcluster data verify --data says why',
    );
  }
  return { images: paths.length, sampled: ids.length, ...statisticsOf(sizes) };
}

/** At most so many ids, from the middles of equal parts. */
export function sampledIds(images: number, most: number = SAMPLE): number[] {
  const count = Math.min(images, most);
  return Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * images) / count));
}

/** @param sizes at least one */
export function statisticsOf(
  sizes: readonly Dimensions[],
): Pick<Collection, 'shorterSide' | 'pixels' | 'readable'> {
  const sides = sizes.map(({ width, height }) => Math.min(width, height)).sort((a, b) => a - b);
  const pixels = sizes.reduce((sum, { width, height }) => sum + width * height, 0) / sizes.length;
  return { shorterSide: sides[Math.floor(sides.length / 2)]!, pixels, readable: sizes.length };
}
