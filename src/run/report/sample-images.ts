/** Pictures of some images, within a page. */
import { forEachInLanes } from '../../data/lanes.ts';
import { thumbnailJpeg } from '../../data/pixels/thumbnail.ts';
import { shownPath } from '../../data/source/path-bytes.ts';
import type { ImageSource } from '../../data/source/source.ts';
import type { SampleImage } from '../../report/report-data.ts';

export interface SampleOptions {
  /** Of the square, at most [px]. */
  readonly side: number;
  /** Images read at a time. */
  readonly lanes: number;
  readonly signal?: AbortSignal;
}

/** In the order of the ids; those that cannot be read are left out. */
export async function sampleImages(
  ids: readonly number[],
  source: Pick<ImageSource, 'read' | 'path'>,
  { side, lanes, signal }: SampleOptions,
): Promise<SampleImage[]> {
  const images: (SampleImage | null)[] = ids.map(() => null);
  const read = async (i: number): Promise<void> => {
    const id = ids[i]!;
    const jpeg = await source
      .read(id, signal)
      .then((bytes) => thumbnailJpeg(bytes, side))
      .catch(() => null); // the run's record of unreadable images tells of it
    if (jpeg === null) return;
    const dataUri = `data:image/jpeg;base64,${jpeg.toString('base64')}`;
    images[i] = { dataUri, path: shownPath(source.path(id)) };
  };
  await forEachInLanes(ids.length, lanes, read, signal);
  return images.filter((image) => image !== null);
}
