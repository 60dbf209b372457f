/**
 * Lists that are tables: `.csv`, `.tsv`, with commas, semicolons, tabs or bars between the fields,
 * as the first line tells. It is a header where it names a known column; else it must hold an
 * image's name, and all lines are entries.
 */
import { parse } from 'csv-parse/sync';
import { messageOf } from '../../../errors.ts';
import { hasImageName } from '../../pixels/formats.ts';
import {
  columnsOf,
  isRemark,
  malformed,
  NAME_IT,
  quoted,
  type Columns,
  type ListContext,
  type ListEntry,
} from './entry.ts';
import { withStandIns } from '../path-bytes.ts';

/** In order of preference, where the first line has several. */
const DELIMITERS = [',', ';', '\t', '|'] as const;

interface Row {
  readonly line: number;
  readonly fields: readonly string[];
}

/** Whether a first line names at least two columns, the path's among them. */
export function hasTableHeader(content: string, spec: string, line: number): boolean {
  return DELIMITERS.some((delimiter) => {
    const fields = fieldsOf(content, delimiter);
    return fields.length > 1 && columnsOf(fields, spec, line) !== null;
  });
}

/** @throws TrainerError DATA_UNREADABLE naming list and line */
export function parseTable(text: string, { spec }: ListContext): ListEntry[] {
  const body = withoutComments(text);
  const firstLine = /^.*\S.*$/mu.exec(body)?.[0];
  if (firstLine === undefined) return [];
  const rows = parseRows(spec, body, delimiterOf(firstLine));
  const [first] = rows;
  if (first === undefined) return [];
  const header = columnsOf(first.fields, spec, first.line);
  const columns = header ?? columnsByContent(spec, first);
  return rows.slice(header === null ? 0 : 1).map((row) => {
    const { line } = row;
    const fields = requireFields(spec, row, first, header !== null);
    const path = fields[columns.path]!;
    if (path === '') {
      const name = header === null ? 'path' : first.fields[columns.path]!;
      throw malformed(spec, line, `has no ${quoted(name)}: ${quoted(fields.join(','))}`, FILL_IN);
    }
    return { line, path, label: fields[columns.label] || null };
  });
}

const FILL_IN = 'name an image there, or remove the line';

/** Comments before the first line of the table are blanked, so that lines keep their numbers. */
function withoutComments(text: string): string {
  const lines = /[^\r\n]*(?:\r\n|\n|\r)/uy;
  let end = 0;
  for (let found = lines.exec(text); found !== null; found = lines.exec(text)) {
    const content = found[0].trim();
    if (content !== '' && !isRemark(content)) break;
    end = lines.lastIndex;
  }
  return text.slice(0, end).replaceAll(/[^\r\n]/gu, '') + text.slice(end);
}

/**
 * The first delimiter that shows a known column; else the first that parts an image's name from
 * something; else a comma.
 */
function delimiterOf(firstLine: string): string {
  const parted = DELIMITERS.map((delimiter) => ({
    delimiter,
    fields: fieldsOf(firstLine, delimiter),
  })).filter(({ fields }) => fields.length > 1);
  const named = parted.find(({ fields }) => fields.some((field) => columnsOf([field], '', 1)));
  const imaged = parted.find(({ fields }) => fields.some(hasImageName));
  return (named ?? imaged ?? parted[0])?.delimiter ?? ',';
}

function fieldsOf(line: string, delimiter: string): string[] {
  return line.split(delimiter).map((field) => field.trim().replace(/^"(.*)"$/u, '$1'));
}

function parseRows(spec: string, text: string, delimiter: string): Row[] {
  const standing = withStandIns(text);
  try {
    const rows = parse(standing.text, {
      delimiter,
      info: true,
      relax_column_count: true, // told in our words
      relax_quotes: true, // 5" photo.jpg
      skip_empty_lines: true,
      trim: true,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return rows.map(({ record, info }) => ({
      line: info.lines,
      fields: record.map(standing.restore),
    }));
  } catch (cause) {
    const line = (cause as { lines?: number }).lines ?? 1;
    const problem = `cannot be read as a table: ${messageOf(cause)}`;
    throw malformed(spec, line, problem, 'write "" for a quote inside quotes', cause);
  }
}

/**
 * Without a header the one field that is an image's name is the path, and of two fields the other
 * is the label.
 */
function columnsByContent(spec: string, { line, fields }: Row): Columns {
  const images = [...fields.keys()].filter((at) => hasImageName(fields[at]!));
  if (images.length === 1) {
    return { path: images[0]!, label: fields.length === 2 ? 1 - images[0]! : -1 };
  }
  const shown = fields.map(quoted).join(', ');
  const problem =
    images.length === 0
      ? `has ${shown}: neither a known column of paths nor an image's name`
      : `has ${shown}: several names of images, and no header that says which to take`;
  const remedy = fields.some((field) => field === '')
    ? NAME_IT
    : `${NAME_IT}, or begin the list with a header such as path,label`;
  throw malformed(spec, line, problem, remedy);
}

/** The fields of a row, as many as the first has; empty ones too many are let pass. */
function requireFields(
  spec: string,
  { line, fields }: Row,
  first: Row,
  isHeader: boolean,
): readonly string[] {
  const expected = first.fields.length;
  const isRagged = fields.length < expected || fields.slice(expected).some((field) => field !== '');
  if (!isRagged) return fields;
  const than = isHeader ? 'the header' : `line ${first.line}`;
  const has = `has ${fields.length} field${fields.length === 1 ? '' : 's'} where ${than} has ${expected}`;
  throw malformed(
    spec,
    line,
    `${has}: ${quoted(fields.join(','))}`,
    'write all fields, an empty one where there is nothing, and quotes around one with a delimiter',
  );
}
