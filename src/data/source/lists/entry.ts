/**
 * What all kinds of list files have in common: an entry, the names of its columns, how a fault in
 * it is told.
 */
import { dataUnreadable, type TrainerError } from '../../../errors.ts';
import { hasImageName } from '../../pixels/formats.ts';
import { shownPath } from '../path-bytes.ts';

export interface ListEntry {
  /** From 1. */
  readonly line: number;
  /** As it is written, quotes taken off. */
  readonly path: string;
  readonly label: string | null;
}

/** What a parser needs to know of the list beside its text. */
export interface ListContext {
  /** The list file, for messages. */
  readonly spec: string;
  /** Whether the list's folder has a file of just this relative path; asked a few times at most. */
  readonly exists: (path: string) => boolean;
}

/**
 * Columns and keys that hold the path, beside `path` itself, which goes before them; without
 * spaces, `_` and `-`.
 */
const PATH_NAMES: ReadonlySet<string> = new Set([
  'file',
  'filename',
  'filepath',
  'image',
  'imagefile',
  'imagefilename',
  'imagename',
  'imagepath',
  'img',
  'imgname',
  'imgpath',
]);
const LABEL_NAMES: readonly string[] = ['label', 'class'];

export interface Columns {
  readonly path: number;
  /** -1: there is none. */
  readonly label: number;
}

/**
 * Which names are those of the path and of the label, whatever their case; null where none is that
 * of the path.
 * @throws TrainerError DATA_UNREADABLE where several may be
 */
export function columnsOf(names: readonly string[], spec: string, line: number): Columns | null {
  const plain = names.map((name) => name.toLowerCase().replaceAll(/[\s_-]/g, ''));
  const label = LABEL_NAMES.map((name) => plain.indexOf(name)).find((at) => at >= 0) ?? -1;
  const exact = names.includes('path') ? names.indexOf('path') : plain.indexOf('path');
  if (exact >= 0) return { path: exact, label };
  const known = [...plain.keys()].filter((at) => PATH_NAMES.has(plain[at]!));
  if (known.length > 1) {
    const shown = known.map((at) => quoted(names[at]!)).join(' and ');
    throw malformed(spec, line, `has ${shown}, and either may hold the paths`, NAME_IT);
  }
  return known.length === 0 ? null : { path: known[0]!, label };
}

export const NAME_IT = "call the one with the paths 'path'";

/** `data photos.csv: line 9 has 1 field …; remedy` */
export function malformed(
  spec: string,
  line: number,
  problem: string,
  remedy: string,
  cause?: unknown,
): TrainerError {
  return dataUnreadable(spec, `line ${line} ${problem}`, remedy, cause);
}

/** A part of a list in a message. */
export function quoted(text: string): string {
  const shown = shownPath(text);
  return JSON.stringify(shown.length > MAX_QUOTED ? `${shown.slice(0, MAX_QUOTED)}…` : shown);
}

const MAX_QUOTED = 120;

/** Whether a line is surely a comment: `# …`, or `#…` without an image's name. */
export function isRemark(content: string): boolean {
  if (!content.startsWith('#')) return false;
  return /^#+(\s|$)/u.test(content) || !content.split(/[\s,;]+/u).some(hasImageName);
}

/**
 * The lines that hold something, without the blanks around it. A text without line feeds may end
 * its lines by returns.
 */
export function filledLines(text: string): { line: number; content: string }[] {
  return text
    .split(text.includes('\n') ? '\n' : '\r')
    .map((content, index) => ({ line: index + 1, content: content.trim() }))
    .filter(({ content }) => content !== '');
}
