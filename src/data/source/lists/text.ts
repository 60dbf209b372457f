/**
 * Lists with a path a line: `.txt`, `.lst`. A path may hold blanks, so a line is `path label` only
 * where the path ends as an image's name does and the line does not; the few first such lines are
 * looked up as files, in case they are names after all. Quotes around a path are taken off; `# …`
 * is a comment.
 */
import { hasImageName } from '../../pixels/formats.ts';
import {
  filledLines,
  isRemark,
  malformed,
  quoted,
  type ListContext,
  type ListEntry,
} from './entry.ts';
import { hasTableHeader, parseTable } from './table.ts';

/**
 * Lines that are looked up on the disk: enough to know what a list is like, too few to take time.
 */
const LOOKED_UP = 16;

/** Characters of a line; no path has as many. */
const MAX_LINE = 65_536;

/** @throws TrainerError DATA_UNREADABLE naming list and line */
export function parseText(text: string, context: ListContext): ListEntry[] {
  const filled = filledLines(text);
  const long = filled.find(({ content }) => content.length > MAX_LINE);
  if (long !== undefined) {
    const problem = `has ${long.content.length} characters, which is no path`;
    throw malformed(context.spec, long.line, problem, 'write one path a line');
  }
  const lines = filled.filter(({ line, content }) => !isComment(content, line, context));
  const first = lines[0];
  if (first !== undefined && hasTableHeader(first.content, context.spec, first.line)) {
    return parseTable(text, context);
  }
  const split = lines.map(({ content }) => splitLine(content));
  const doubtful = lines.filter(({ content }, i) => split[i]!.path !== unquoted(content));
  // A label more or less changes no image's id, so what the disk says here may not matter.
  const areNames = doubtful
    .slice(0, LOOKED_UP)
    .some(({ content }) => context.exists(unquoted(content)));
  return lines.map(({ line, content }, i) =>
    areNames ? { line, path: unquoted(content), label: null } : { line, ...split[i]! },
  );
}

/**
 * Whether a line is a comment. `#a.jpg` may be one, or a file's name: it is an entry only where
 * there is such a file.
 * @throws TrainerError DATA_UNREADABLE where it could be either
 */
function isComment(content: string, line: number, { spec, exists }: ListContext): boolean {
  if (isRemark(content)) return true;
  if (!content.startsWith('#') || exists(content)) return false;
  throw malformed(
    spec,
    line,
    `is ${quoted(content)}, a comment or the name of a file that is not there`,
    `write "# ..." with a blank for a comment, or ./${content.slice(0, 40)} for a file`,
  );
}

type Part = Pick<ListEntry, 'path' | 'label'>;

function splitLine(content: string): Part {
  return splitQuoted(content) ?? splitTabs(content) ?? splitName(content) ?? alone(content);
}

function alone(path: string): Part {
  return { path: unquoted(path), label: null };
}

/** `"a b.jpg"`, and the same with a label after it. */
function splitQuoted(content: string): Part | null {
  const found = /^(["'])((?:(?!\1).|\1\1)+)\1(?:[\s,;]+(.*))?$/su.exec(content);
  if (found === null) return null;
  const [, quote = '', inner = '', label = ''] = found;
  if (hasImageName(label)) return null;
  return { path: inner.replaceAll(quote + quote, quote), label: labelOf(label) };
}

/** Fields between tabs, of which one is an image's name; `index label path` is how MXNet has it. */
function splitTabs(content: string): Part | null {
  const fields = content.split('\t').map((field) => unquoted(field.trim()));
  const at = fields.findIndex(hasImageName);
  if (fields.length < 2 || at < 0 || fields.slice(at + 1).some(hasImageName)) return null;
  const isMxnet = fields.length === 3 && at === 2 && /^\d+$/.test(fields[0]!);
  const label = fields.length === 2 ? fields[1 - at]! : isMxnet ? fields[1]! : '';
  return { path: fields[at]!, label: labelOf(label) };
}

/**
 * `a b.jpg 7`, `a.jpg,7`: the longest beginning that is an image's name and ends before a blank,
 * comma or semicolon.
 */
function splitName(content: string): Part | null {
  if (hasImageName(content)) return null;
  const ends = [...content.matchAll(/\.\w+(?=[\s,;])/gu)].map(
    ({ 0: match, index }) => index + match.length,
  );
  const end = ends.findLast((at) => hasImageName(content.slice(0, at)));
  if (end === undefined) return null;
  const label = content.slice(end).replace(/^[\s,;]+/u, '');
  return { path: content.slice(0, end), label: labelOf(label) };
}

function labelOf(text: string): string | null {
  const label = unquoted(text.trim());
  return label === '' ? null : label;
}

function unquoted(text: string): string {
  const found = /^(["'])((?:(?!\1).|\1\1)+)\1$/su.exec(text);
  if (found === null) return text;
  const [, quote = '', inner = ''] = found;
  return inner.replaceAll(quote + quote, quote);
}
