/**
 * What the launcher shows of its processes' logs: everything from a level on, or warnings and
 * errors in a short line.
 */
import type { LogLevel } from '../telemetry/logger.ts';
import { LOG_LEVELS } from '../telemetry/logger.ts';

interface LogLine {
  readonly level: LogLevel;
  readonly event: string;
  /** The file that the line is about, in the form for people. */
  readonly path?: unknown;
  readonly reason?: unknown;
}

/**
 * The line to show, or null for none.
 * @param shown level from which on log lines are shown as they are; null for warnings and errors
 *   only, shortened
 */
export function shownLine(id: string, line: string, shown: LogLevel | null): string | null {
  const entry = parseLogLine(line);
  if (shown !== null) {
    if (entry === null) return `${id}: ${line}`;
    return LOG_LEVELS.indexOf(entry.level) >= LOG_LEVELS.indexOf(shown) ? line : null;
  }
  if (entry === null || (entry.level !== 'warn' && entry.level !== 'error')) return null;
  const told = [entry.path, entry.reason].filter((part) => typeof part === 'string');
  const story = told.length > 0 ? told : factsOf(entry);
  return [`${id} ${entry.level} ${entry.event}`, ...story].join(': ');
}

/** What every line has, or every line of a process. */
const COMMON: ReadonlySet<string> = new Set([
  ...['ts', 'level', 'component', 'event'],
  ...['runId', 'workerId', 'incarnation', 'term'],
]);

/** `splits 3, unfilled 1`: what an event without a sentence tells. */
function factsOf(entry: LogLine): string[] {
  const facts = Object.entries(entry).filter(([name]) => !COMMON.has(name));
  if (facts.length === 0) return [];
  return [facts.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ')];
}

/** A line of src/telemetry/logger.ts, or null for anything else a process prints. */
function parseLogLine(line: string): LogLine | null {
  if (!line.startsWith('{')) return null;
  try {
    const entry = JSON.parse(line) as Partial<LogLine>;
    const isLogLine = typeof entry.event === 'string' && LOG_LEVELS.includes(entry.level!);
    return isLogLine ? (entry as LogLine) : null;
  } catch {
    return null;
  }
}
