/**
 * List files of images: `.txt` and `.lst` with a path a line, `.csv` and `.tsv` with a column of
 * paths, `.ndjson` and `.jsonl` with an object a line. Paths are relative to the list's folder. A
 * column or key `label` (or `class`) is truth for evaluation. The same list always has the same
 * entries: the disk is asked only where a text has two readings of one entry.
 */
import { lstatSync } from 'node:fs';
import { extname } from 'node:path';
import { dataUnreadable } from '../../errors.ts';
import type { ListContext, ListEntry } from './lists/entry.ts';
import { pathsInside } from './lists/paths.ts';
import { parseRecords } from './lists/records.ts';
import { parseTable } from './lists/table.ts';
import { parseText } from './lists/text.ts';
import { fileAt, textFromBytes } from './path-bytes.ts';

type Parser = (text: string, context: ListContext) => ListEntry[];

const PARSERS: ReadonlyMap<string, Parser> = new Map([
  ['.txt', parseText],
  ['.lst', parseText],
  ['.csv', parseTable],
  ['.tsv', parseTable],
  ['.ndjson', parseRecords],
  ['.jsonl', parseRecords],
]);

export const LIST_EXTENSIONS: readonly string[] = [...PARSERS.keys()];

export interface ImageList {
  /** Relative POSIX paths as path-bytes.ts has them, in the order of the list. */
  readonly paths: string[];
  /** One a path; null unless every entry has one. */
  readonly labels: string[] | null;
}

export function isListFile(path: string): boolean {
  return PARSERS.has(extname(path).toLowerCase());
}

/**
 * The text of a list file: UTF-8, with bytes that are none as path-bytes.ts has them, or UTF-16
 * with its mark.
 * @throws TrainerError DATA_UNREADABLE
 */
export function listText(spec: string, content: Buffer): string {
  const mark = content.toString('hex', 0, 2);
  const encoding = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : null;
  if (encoding === null) return textFromBytes(content);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(content);
  } catch (cause) {
    const problem = 'begins as UTF-16 and goes on as something else';
    throw dataUnreadable(spec, problem, 'save it as UTF-8', cause);
  }
}

/**
 * Reads the text of a list.
 * @param spec the list file: its extension tells the format, and messages name it
 * @param root absolute folder of the list
 * @throws TrainerError DATA_UNREADABLE naming file and line
 */
export function readImageList(spec: string, root: string, content: string): ImageList {
  const text = content.replace(/^\u{FEFF}/u, '');
  const parser = PARSERS.get(extname(spec).toLowerCase()) ?? parseText;
  const context = { spec, exists: (path: string) => isThere(root, path) };
  const entries = parser(text, context);
  const labels = entries.map((entry) => entry.label);
  return {
    paths: pathsInside(root, entries, context),
    labels: labels.every((label) => label !== null) ? labels : null,
  };
}

/** Whether the root has an entry of this very name; nothing outside it is looked at. */
function isThere(root: string, path: string): boolean {
  if (path.includes('\0') || path.split('/').includes('..') || path.startsWith('/')) return false;
  try {
    return lstatSync(fileAt(root, path), { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false; // too long a name, say
  }
}
