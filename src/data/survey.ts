/** Whether images are where the source found them: by their files' sizes, without reading them. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { forEachInLanes } from './lanes.ts';
import type { ImageSource } from './source.ts';
import { reasonOf, type UnreadableImage } from './unreadable.ts';

/** Questions to the file system at a time: a network share answers slowly, but many at once. */
const LANES = 32;

/**
 * Those of the samples whose file is gone, is no file any more, or has another size than the source found; in the order given.
 * A file that has its size and decodes no more is not found so.
 */
export async function absentImages(
  source: Pick<ImageSource, 'root' | 'path' | 'size'>,
  ids: ArrayLike<number>,
  signal?: AbortSignal,
): Promise<UnreadableImage[]> {
  const reasons: (string | null)[] = Array.from({ length: ids.length }, () => null);
  const look = async (i: number): Promise<void> => {
    const id = ids[i]!;
    reasons[i] = await stat(join(source.root, source.path(id))).then(
      (file) => (file.isFile() ? changeOf(file.size, source.size(id)) : 'not a regular file'),
      reasonOf,
    );
  };
  await forEachInLanes(ids.length, LANES, look, signal);
  return reasons.flatMap((reason, i) => {
    const id = ids[i]!;
    return reason === null ? [] : [{ id, path: source.path(id), reason }];
  });
}

function changeOf(bytes: number, before: number): string | null {
  if (before < 0 || bytes === before) return null;
  return `a file of ${bytes} bytes, it had ${before}`;
}
