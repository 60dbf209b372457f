/** Spans of a trace file, whether it was closed or its process killed. */
import { readFileSync } from 'node:fs';

export interface Span {
  readonly name: string;
  readonly beginUs: number;
  readonly endUs: number;
  readonly args: Readonly<Record<string, unknown>>;
}

interface Event {
  readonly ph: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly id: number;
  readonly args: Readonly<Record<string, unknown>>;
}

/** Spans in the order they were written: `X` of the main thread, `b` of what runs beside it. */
export function eventsOf(path: string, kind: 'X' | 'b'): Span[] {
  const text = readFileSync(path, 'utf8').trimEnd();
  const events = JSON.parse(text.endsWith(']') ? text : `${text}]`) as Event[];
  return events
    .filter(({ ph }) => ph === kind)
    .map(({ name, ts, dur, id, args }) => {
      const end = events.find((event) => event.ph === 'e' && event.id === id)?.ts;
      return { name, beginUs: ts, endUs: kind === 'X' ? ts + dur : (end ?? Infinity), args };
    });
}
