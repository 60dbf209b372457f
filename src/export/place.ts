/**
 * Where an export goes: beside its place at first, and to it only once it has been read back.
 * What lies there already stays, unless it is an export and may be replaced.
 */
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { writeDurably } from '../checkpoint/checkpoint-files.ts';
import { TrainerError, messageOf } from '../errors.ts';
import { isDiskFull } from '../process/disk-full.ts';
import type { EncodedExport, ExportFormat } from './format.ts';

/** Of an export that is a folder: all that such a folder ever holds. */
const OWN_FILES = /^(README\.md|model\.json|saved_model\.pb|group\d+-shard\d+of\d+\.bin)$/;

export interface Place {
  /** The file or folder. */
  readonly out: string;
  /** The card: inside a folder, beside a file. */
  readonly card: string;
}

export function placeOf(out: string, { isFolder }: Pick<ExportFormat, 'isFolder'>): Place {
  return { out, card: isFolder ? join(out, 'README.md') : `${out}.md` };
}

/** @throws TrainerError CONFIG_INVALID where something else lies that must stay */
export async function requireFree(
  { out }: Place,
  { isFolder }: Pick<ExportFormat, 'isFolder'>,
  mayReplace: boolean,
): Promise<void> {
  const found = await stat(out).catch(() => null);
  if (found === null) return;
  if (!mayReplace) {
    throw placeInvalid(
      out,
      'is there already; add --force to replace it, or name another place with --out',
    );
  }
  if (found.isDirectory() !== isFolder) {
    const [is, needed] = isFolder ? ['a file', 'a folder'] : ['a folder', 'a file'];
    throw placeInvalid(
      out,
      `is ${is}, where this format needs ${needed}; name another place with --out`,
    );
  }
  if (!isFolder) return;
  const other = (await readdir(out)).find((name) => !OWN_FILES.test(name));
  if (other === undefined) return;
  throw placeInvalid(
    out,
    `holds ${other}, which is no part of an export, and stays; name another place with --out`,
  );
}

/**
 * Writes the export under another name, has it checked, and gives it its own; nothing is left
 * where that fails.
 * @param check reads it back
 * @returns bytes that were written, and what `check` gave
 * @throws TrainerError CONFIG_INVALID where it cannot be written; what `check` throws
 */
export async function writeChecked<T>(
  { out, card }: Place,
  { isFolder }: Pick<ExportFormat, 'isFolder'>,
  { files }: EncodedExport,
  check: (path: string) => Promise<T>,
): Promise<{ bytes: number; checked: T; writeCard: (text: string) => Promise<void> }> {
  const partial = join(dirname(resolve(out)), `.${basename(out)}.${process.pid}.partial`);
  try {
    const bytes = await writeFiles(partial, isFolder, files).catch((error: unknown) => {
      if (isDiskFull(error)) throw error;
      throw placeInvalid(
        out,
        `cannot be written (${messageOf(error)}); name another place with --out`,
      );
    });
    const checked = await check(partial);
    if (isFolder) await rm(out, { recursive: true, force: true });
    await rename(partial, out);
    return { bytes, checked, writeCard: (text) => writeFile(card, text) };
  } finally {
    // It fails only where nothing could be written to begin with.
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function writeFiles(
  partial: string,
  isFolder: boolean,
  files: EncodedExport['files'],
): Promise<number> {
  await mkdir(isFolder ? partial : dirname(partial), { recursive: true });
  let total = 0;
  for (const { path, chunks } of files) {
    const { bytes } = await writeDurably(path === '' ? partial : join(partial, path), chunks);
    total += bytes;
  }
  return total;
}

function placeInvalid(out: string, problem: string): TrainerError {
  return new TrainerError('CONFIG_INVALID', `export ${out}: ${problem}`, { out });
}
