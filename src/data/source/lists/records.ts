/**
 * Lists with a JSON object a line: `.ndjson`, `.jsonl`; a line may also be the path alone, as a
 * JSON string.
 */
import { messageOf } from '../../../errors.ts';
import {
  columnsOf,
  filledLines,
  malformed,
  quoted,
  type ListContext,
  type ListEntry,
} from './entry.ts';

const EXAMPLE = 'write {"path": "a.jpg"}, with "label" if there is one';

/** @throws TrainerError DATA_UNREADABLE naming list and line */
export function parseRecords(text: string, { spec }: ListContext): ListEntry[] {
  return filledLines(text)
    .filter(({ content }) => !content.startsWith('#'))
    .map(({ line, content }) => {
      let record: unknown;
      try {
        record = JSON.parse(content);
      } catch (cause) {
        throw malformed(spec, line, `is not JSON: ${messageOf(cause)}`, EXAMPLE, cause);
      }
      if (typeof record === 'string' && record !== '') return { line, path: record, label: null };
      const isObject = typeof record === 'object' && record !== null && !Array.isArray(record);
      return entryOf(spec, line, content, isObject ? (record as Record<string, unknown>) : {});
    });
}

function entryOf(
  spec: string,
  line: number,
  content: string,
  record: Record<string, unknown>,
): ListEntry {
  const names = Object.keys(record);
  const columns = columnsOf(names, spec, line);
  const path = columns === null ? undefined : record[names[columns.path]!];
  if (typeof path !== 'string' || path === '') {
    throw malformed(spec, line, `has no 'path': ${quoted(content)}`, EXAMPLE);
  }
  const label = record[names[columns?.label ?? -1] ?? ''];
  const isLabel = (typeof label === 'string' && label !== '') || typeof label === 'number';
  return { line, path, label: isLabel ? String(label) : null };
}
