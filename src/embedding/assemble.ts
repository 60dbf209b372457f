/**
 * The blocks of an embedding put together: the file that was asked for, and what goes beside it.
 */
import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { shownPath } from '../data/source/path-bytes.ts';
import type { ImageSource } from '../data/source/source.ts';
import type { UnreadableImage } from '../data/source/unreadable.ts';
import { dataUnreadable } from '../errors.ts';
import { hitFailpoint } from '../process/failpoints.ts';
import { csvText } from '../tables/csv.ts';
import { dimOf } from './layers.ts';
import { blocksOf, readBlock, type Parts } from './parts.ts';
import { createTable, type FileKind } from './table-files.ts';

export interface AssembleRequest {
  readonly parts: Parts;
  /** Of the engine whose blocks they are. */
  readonly tag: string;
  readonly source: ImageSource;
  readonly out: string;
  readonly kind: FileKind;
  readonly signal: AbortSignal;
}

export interface Assembled {
  /** Images with a row. */
  readonly rows: number;
  readonly unreadable: number;
}

/** Beside an array: its rows' paths, clusters and distances. */
export function pathsFileOf(out: string): string {
  return `${out}.paths.csv`;
}

export function unreadableFileOf(out: string): string {
  return `${out}.unreadable.csv`;
}

/**
 * Memory holds one block at a time. The file takes its name once all is in it, and the parts go
 * then.
 * @throws TrainerError DATA_UNREADABLE where no image can be read; the signal's reason
 */
export async function assemble(request: AssembleRequest): Promise<Assembled> {
  const { parts, tag, source, out, kind, signal } = request;
  const { layer } = parts.plan;
  const inside = (name: string): string => join(parts.folder, name);
  const files = { file: inside('assembled'), paths: inside('assembled.paths') };
  const dim = layer === null ? null : dimOf(parts.values, layer);
  const table = await createTable(kind, files, dim);
  const unreadable: UnreadableImage[] = [];
  let rows = 0;
  for (const block of blocksOf(parts.plan)) {
    signal.throwIfAborted();
    const part = await readBlock(parts.folder, block, tag);
    const paths = Array.from(part.ids, (id) => shownPath(source.path(id)));
    if (paths.length > 0) await table.write({ ...part, paths });
    unreadable.push(...part.unreadable);
    rows += paths.length;
  }
  await table.close();
  if (rows === 0) {
    const problem = `none of its ${source.count} images can be read (first ${firstOf(unreadable)})`;
    throw dataUnreadable(source.spec, problem, 'mend them, or name others');
  }
  hitFailpoint('embedding.assembled');
  await writeUnreadable(unreadableFileOf(out), unreadable);
  if (kind === 'npy') await fs.rename(files.paths, pathsFileOf(out));
  await fs.rename(files.file, out);
  await fs.rm(parts.folder, { recursive: true });
  return { rows, unreadable: unreadable.length };
}

function firstOf([first]: readonly UnreadableImage[]): string {
  return first === undefined ? 'none' : `"${first.path}": ${first.reason}`;
}

/** The list of an earlier call goes where there is nothing to list. */
async function writeUnreadable(file: string, images: readonly UnreadableImage[]): Promise<void> {
  if (images.length === 0) {
    if (existsSync(file)) await fs.rm(file);
    return;
  }
  const lines = images.map(({ path, reason }) => `${csvText(path)},${csvText(reason)}\n`);
  await fs.writeFile(file, ['path,reason\n', ...lines].join(''));
}
