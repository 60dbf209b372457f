/**
 * A trace of what a process does when: spans in Chrome's trace-event format, for Perfetto
 * (ui.perfetto.dev) or chrome://tracing. One event a line, written as it ends; the array's closing
 * bracket comes last, and the format allows for its absence, so a killed process leaves a readable
 * file. Times are the machine's monotonic clock, the same in all processes: traces of several
 * workers can be opened together.
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

export type TraceArgs = Readonly<Record<string, string | number>>;

export interface Trace {
  /**
   * Begins a span of the main thread, within the one begun before; the returned function ends it.
   */
  begin(name: string, args?: TraceArgs): () => void;
  /**
   * Records a span of something that runs beside the main thread, and beside others of its kind.
   */
  beside(name: string, beginUs: number, endUs: number, args?: TraceArgs): void;
  /** Ends the array and closes the file; later spans are dropped. */
  close(): void;
}

const nothing = (): void => undefined;

/** Records nothing. */
export const NO_TRACE: Trace = { begin: () => nothing, beside: nothing, close: nothing };

export interface TraceOptions {
  /** As the trace shows the process. */
  readonly processName: string;
  /** Told once when the file cannot be written any more; tracing then ends, and nothing else. */
  readonly onFailure: (error: unknown) => void;
  /** The file grows up to this size, then tracing ends [bytes]. */
  readonly limitBytes?: number;
}

/** Some 500,000 events; the viewers still open it. */
const LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * Opens a trace file, with the folders it needs. One that is there goes on: what a worker did
 * before it died belongs to the same picture.
 * @throws the file system's error
 */
export function openTrace(path: string, options: TraceOptions): Trace {
  mkdirSync(dirname(path), { recursive: true });
  return new TraceFile(openSync(path, 'a+'), options);
}

/** Where the main thread's spans are shown. */
const MAIN_TRACK = 1;

class TraceFile implements Trace {
  /** Null once closed, full or failed. */
  #file: number | null;
  #bytes: number;
  /** Tells spans apart that run beside each other. */
  #besides = 0;
  readonly #options: TraceOptions;

  constructor(file: number, options: TraceOptions) {
    this.#file = file;
    this.#options = options;
    this.#bytes = cutBracket(file);
    if (this.#bytes === 0) this.#write('[\n');
    this.#event({ ph: 'M', name: 'process_name', args: { name: options.processName } });
    this.#event({ ph: 'M', name: 'thread_name', tid: MAIN_TRACK, args: { name: 'main thread' } });
  }

  begin(name: string, args: TraceArgs = {}): () => void {
    const ts = traceNowUs();
    return () => {
      this.#event({ ph: 'X', name, tid: MAIN_TRACK, ts, dur: traceNowUs() - ts, args });
    };
  }

  beside(name: string, beginUs: number, endUs: number, args: TraceArgs = {}): void {
    // Complete events of one track must nest; a pair with an id of its own need not.
    const pair = { name, cat: 'beside', id: this.#besides++ };
    this.#event({ ph: 'b', ...pair, ts: beginUs, args });
    this.#event({ ph: 'e', ...pair, ts: endUs });
  }

  close(): void {
    this.#end('');
  }

  #event(event: Readonly<Record<string, unknown>>): void {
    const comma = this.#bytes > 2 ? ',' : '';
    const line = `${comma}${JSON.stringify({ pid: process.pid, ...event })}\n`;
    const { limitBytes = LIMIT_BYTES } = this.#options;
    if (this.#bytes + line.length > limitBytes) this.#end('trace is full');
    else this.#write(line);
  }

  #end(reason: string): void {
    if (reason !== '') {
      const ts = traceNowUs();
      const event = { pid: process.pid, ph: 'i', s: 'p', name: reason, tid: MAIN_TRACK, ts };
      this.#write(`,${JSON.stringify(event)}\n`);
    }
    this.#write(']\n');
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  /** In one call of the system, so that a kill does not tear a line. */
  #write(text: string): void {
    if (this.#file === null) return;
    try {
      this.#bytes += writeSync(this.#file, text);
    } catch (error) {
      closeSync(this.#file);
      this.#file = null;
      this.#options.onFailure(error);
    }
  }
}

/** Monotonic, the same for all processes and threads of a machine [us]. */
export function traceNowUs(): number {
  return Number(process.hrtime.bigint()) / 1000;
}

/** The last lines of a trace are shorter than this. */
const TAIL_BYTES = 4096;

/**
 * Takes a torn line and the closing bracket off the end of a trace.
 * @returns the bytes left; 0 for a new file
 */
function cutBracket(file: number): number {
  const { size } = fstatSync(file);
  const start = Buffer.alloc(2);
  if (readSync(file, start, 0, 2, 0) > 0 && start.toString() !== '[\n') {
    throw new Error('the file is there already, and is no trace');
  }
  const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
  readSync(file, tail, 0, tail.length, size - tail.length);
  const lines = tail.subarray(0, tail.lastIndexOf('\n') + 1).toString('latin1');
  const kept = lines.endsWith('\n]\n') ? lines.length - 2 : lines.length;
  const bytes = kept === 0 ? 0 : size - tail.length + kept;
  ftruncateSync(file, bytes);
  return bytes;
}
