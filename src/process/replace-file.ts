/** Files that are written whole or not at all. */
import { rename, rm, writeFile } from 'node:fs/promises';

/** Text or bytes; text in parts is written a part at a time. */
export type FileContent = string | Uint8Array | Iterable<string>;

/** Whoever has the file open, or reads it meanwhile, has the old one or the new one. */
export async function replaceFile(file: string, content: FileContent): Promise<void> {
  const partial = `${file}.${process.pid}.partial`;
  try {
    await writeFile(partial, content);
    await rename(partial, file);
  } finally {
    await rm(partial, { force: true });
  }
}
