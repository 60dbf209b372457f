/** The bytes of an image file: of a regular file that an image can be, whatever its name is found to lead to. */
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { fileAt } from './path-bytes.ts';
import { changeOf } from './unreadable.ts';

/** A larger one is refused before memory is taken for it. */
const MAX_IMAGE_BYTES = 512 * 1024 * 1024;

/**
 * Where the bytes of an image are, as plain data: any thread reads and looks by it, without the source that it comes from.
 * Images that are no files of their own are a further kind of it, and a case in the two functions below.
 */
export interface ImageLocator {
  readonly kind: 'file';
  /** Absolute folder that the path is relative to. */
  readonly root: string;
  /** Relative POSIX path, as path-bytes.ts has it. */
  readonly path: string;
  /** Of the image when its source was opened; -1 where that is not known. */
  readonly bytes: number;
}

/** The image's bytes. @throws Error as {@link readImageFile} */
export function readImage(
  { root, path, bytes }: ImageLocator,
  signal?: AbortSignal,
): Promise<Buffer> {
  return readImageFile(fileAt(root, path), bytes, signal);
}

/** What is where the image was. @throws Error of the file system where nothing is */
export async function lookAtImage({
  root,
  path,
}: ImageLocator): Promise<{ readonly isFile: boolean; readonly bytes: number }> {
  const found = await stat(fileAt(root, path));
  return { isFile: found.isFile(), bytes: found.size };
}

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
