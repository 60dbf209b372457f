/** The bytes of an image file: of a regular file that an image can be, whatever its name is found to lead to. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { changeOf } from './unreadable.ts';

/** A larger one is refused before memory is taken for it. */
const MAX_IMAGE_BYTES = 512 * 1024 * 1024;

/**
 * @param listedBytes size of the file when its source was opened; -1 where that is not known
 * @throws Error of the file system, or one that says in a line why this is no image's file, or not
 *   the one it was
 */
export async function readImageFile(
  path: string | Buffer,
  listedBytes: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  // A pipe that nobody writes to is not waited for.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    // Of a folder the file system says so itself.
    if (!stats.isFile() && !stats.isDirectory()) throw new Error('not a regular file');
    if (stats.size > MAX_IMAGE_BYTES) {
      throw new Error(`a file of ${stats.size} bytes, at most ${MAX_IMAGE_BYTES} are read`);
    }
    const bytes = await file.readFile(signal === undefined ? {} : { signal });
    if (listedBytes >= 0 && bytes.length !== listedBytes) {
      throw new Error(changeOf(bytes.length, listedBytes));
    }
    return bytes;
  } finally {
    await file.close();
  }
}
