/**
 * JSON lines on stderr: `ts level component event`, then the fields. `event` is a stable dotted
 * name in the past tense. Loggers are passed in; a child adds fields such as runId, epoch, workerId
 * to every line.
 */
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import winston from 'winston';
import { TrainerError, messageOf } from '../errors.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface Logger {
  /** A logger to the same place that adds fields to every line; `component` may be replaced. */
  child(fields: LogFields): Logger;
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  /** Will wake a person if it repeats. */
  warn(event: string, fields?: LogFields): void;
  /** Wakes a person. */
  error(event: string, fields?: LogFields): void;
  /** Resolves when every line is written; ends this logger and all its kin. */
  close(): Promise<void>;
}

export interface LoggerOptions {
  /** Part of the program that speaks: coordinator, worker, launch. */
  readonly component: string;
  /** Least level that is written. */
  readonly level: LogLevel;
  /** Takes each line with its newline; stderr by default. */
  readonly write?: (line: string) => void;
}

export function createLogger({ component, level, write = writeStderr }: LoggerOptions): Logger {
  const stream = new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      write(line);
      done();
    },
  });
  const transport = new winston.transports.Stream({ stream });
  const root = winston.createLogger({
    level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: winston.format.printf(lineOf),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston types its transports as interfaces
    transports: [transport],
  });
  const close = async (): Promise<void> => {
    const written = finished(transport);
    root.end();
    await written;
  };
  return loggerOver(root, { component }, close);
}

function writeStderr(line: string): void {
  process.stderr.write(line);
}

function loggerOver(root: winston.Logger, base: LogFields, close: () => Promise<void>): Logger {
  const log =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}): void => {
      root.log({ level, message: event, fields: { ...base, ...fields } });
    };
  return {
    child: (fields) => loggerOver(root, { ...base, ...fields }, close),
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    close,
  };
}

function lineOf(entry: winston.Logform.TransformableInfo): string {
  const { component, ...fields } = entry['fields'] as LogFields;
  const line = { component, event: entry.message, ...fields };
  return JSON.stringify({ ts: new Date().toISOString(), level: entry.level, ...line }, forReading);
}

/**
 * An expected error is its message, another one its stack; bulk, which no log should hold, is its
 * type and length.
 */
function forReading(_key: string, value: unknown): unknown {
  if (value instanceof TrainerError) return messageOf(value);
  if (value instanceof Error) return value.stack ?? messageOf(value);
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}[${value.byteLength} bytes]`;
  if (typeof value === 'bigint') return Number(value);
  return value;
}
