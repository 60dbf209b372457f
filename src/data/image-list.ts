/**
 * List files of images: `.txt` with one path a line, `.csv` with a header and a column `path`, `.ndjson` with one object a
 * line. Paths are relative to the list's folder and never leave it, since a list may come from somebody else.
 * A column or key `label` (or `class`) is truth for evaluation.
 */
import { extname, isAbsolute, relative, resolve, sep } from 'node:path';
import { parse } from 'csv-parse/sync';
import { dataUnreadable, messageOf, TrainerError } from '../errors.ts';
import { shownPath, standsForBytes, withStandIns } from './path-bytes.ts';

export const LIST_EXTENSIONS: readonly string[] = ['.txt', '.csv', '.ndjson'];

export interface ImageList {
  /** Relative POSIX paths as path-bytes.ts has them, in the order of the list. */
  readonly paths: string[];
  /** One a path; null unless every entry has one. */
  readonly labels: string[] | null;
}

interface ListEntry {
  readonly line: number;
  readonly path: string;
  readonly label: string | null;
}

export function isListFile(path: string): boolean {
  return LIST_EXTENSIONS.includes(extname(path).toLowerCase());
}

/**
 * Reads the content of a list.
 * @param spec the list file: its extension tells the format, and messages name it
 * @param root absolute folder of the list
 * @throws TrainerError DATA_UNREADABLE naming file and line
 */
export function readImageList(spec: string, root: string, content: string): ImageList {
  const text = content.replace(/^\u{FEFF}/u, '');
  const entries = parserOf(spec)(spec, text);
  const labels = entries.map((entry) => entry.label);
  return {
    paths: entries.map((entry) => insideRoot(spec, root, entry)),
    labels: labels.every((label) => label !== null) ? labels : null,
  };
}

function parserOf(spec: string): (spec: string, text: string) => ListEntry[] {
  const extension = extname(spec).toLowerCase();
  if (extension === '.csv') return parseCsv;
  return extension === '.ndjson' ? parseNdjson : parseTxt;
}

function parseTxt(_spec: string, text: string): ListEntry[] {
  return filledLines(text).map(({ line, content }) => ({ line, path: content, label: null }));
}

function parseNdjson(spec: string, text: string): ListEntry[] {
  return filledLines(text).map(({ line, content }) => {
    let record: Record<string, unknown> | null;
    try {
      record = JSON.parse(content) as Record<string, unknown> | null;
    } catch (cause) {
      throw malformed(spec, line, `is not JSON: ${messageOf(cause)}`, cause);
    }
    return entryOf(spec, line, typeof record === 'object' && record !== null ? record : {});
  });
}

function parseCsv(spec: string, text: string): ListEntry[] {
  const options = { columns: true, skip_empty_lines: true, info: true, trim: true } as const;
  try {
    const standing = withStandIns(text);
    const rows = parse(standing.text, options) as unknown as {
      record: Record<string, unknown>;
      info: { lines: number };
    }[];
    return rows.map(({ record, info }) => {
      const restored = Object.entries(record).map(
        ([name, value]) =>
          [name, typeof value === 'string' ? standing.restore(value) : value] as const,
      );
      return entryOf(spec, info.lines, Object.fromEntries(restored));
    });
  } catch (cause) {
    if (cause instanceof TrainerError) throw cause;
    throw dataUnreadable(
      spec,
      `is not CSV with a header: ${messageOf(cause)}`,
      'mend the list',
      cause,
    );
  }
}

function entryOf(spec: string, line: number, record: Record<string, unknown>): ListEntry {
  const path = record['path'];
  if (typeof path !== 'string' || path === '') {
    throw malformed(spec, line, "has no 'path'");
  }
  const label = record['label'] ?? record['class'];
  const isLabel = (typeof label === 'string' && label !== '') || typeof label === 'number';
  return { line, path, label: isLabel ? String(label) : null };
}

function filledLines(text: string): { line: number; content: string }[] {
  return text
    .split('\n')
    .map((content, index) => ({ line: index + 1, content: content.trim() }))
    .filter(({ content }) => content !== '');
}

/** The entry's path relative to the root, by its text alone: links inside the root may lead where they like. */
function insideRoot(spec: string, root: string, { line, path }: ListEntry): string {
  if (path.includes('\0')) throw malformed(spec, line, 'names a file with a NUL character');
  if (!standsForBytes(path)) {
    throw malformed(spec, line, 'names a file with half a character (a lone surrogate)');
  }
  const inside = relative(root, resolve(root, path));
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    throw dataUnreadable(
      spec,
      `line ${line} names ${JSON.stringify(shownPath(path))}, which is not inside the list's folder`,
      'move the list to a folder that holds all its images',
    );
  }
  return inside.split(sep).join('/');
}

function malformed(spec: string, line: number, problem: string, cause?: unknown): TrainerError {
  return dataUnreadable(spec, `line ${line} ${problem}`, 'mend the list', cause);
}
