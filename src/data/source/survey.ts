/** Whether images are where the source found them: by their files' sizes, without reading them. */
import { forEachInLanes } from '../lanes.ts';
import { lookAtImage } from './image-file.ts';
import type { ImageSource } from './source.ts';
import { shownPath } from './path-bytes.ts';
import { changeOf, reasonOf, type UnreadableImage } from './unreadable.ts';

/** Questions to the file system at a time: a network share answers slowly, but many at once. */
const LANES = 32;

/**
 * Those of the samples whose file is gone, is no file any more, or has another size than the source
 * found; in the order given. A file that has its size and decodes no more is not found so.
 */
export async function absentImages(
  source: Pick<ImageSource, 'locator' | 'path'>,
  ids: ArrayLike<number>,
  signal?: AbortSignal,
): Promise<UnreadableImage[]> {
  const reasons: (string | null)[] = Array.from({ length: ids.length }, () => null);
  const look = async (i: number): Promise<void> => {
    const id = ids[i]!;
    const locator = source.locator(id);
    reasons[i] = await lookAtImage(locator).then(
      ({ isFile, bytes }) => (isFile ? reasonOfSize(bytes, locator.bytes) : 'not a regular file'),
      reasonOf,
    );
  };
  await forEachInLanes(ids.length, LANES, look, signal);
  return reasons.flatMap((reason, i) => {
    const id = ids[i]!;
    return reason === null ? [] : [{ id, path: shownPath(source.path(id)), reason }];
  });
}

function reasonOfSize(bytes: number, before: number): string | null {
  return before < 0 || bytes === before ? null : changeOf(bytes, before);
}
