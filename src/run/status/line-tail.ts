/** The end of a file of JSON lines that another process writes to, and then what it adds. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Of a file that has grown large the last bytes are read: epochs of events. */
const FIRST_BYTES = 4 * 1024 * 1024;

const NEWLINE = 0x0a;

export class LineTail {
  readonly #path: string;
  /** Up to here the file has been read; null: not at all. */
  #offset: number | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Whole lines that were not there before, as objects; those that are none are passed over.
   * Empty where there is no such file. A file that a successor has replaced goes on as its copy.
   */
  read(): Readonly<Record<string, unknown>>[] {
    let file: number;
    try {
      file = openSync(this.#path, 'r');
    } catch {
      return [];
    }
    try {
      const { size } = fstatSync(file);
      const isFirst = this.#offset === null || this.#offset > size;
      const start = isFirst ? Math.max(0, size - FIRST_BYTES) : this.#offset!;
      const bytes = Buffer.alloc(size - start);
      const read = bytes.subarray(0, readSync(file, bytes, 0, bytes.length, start));
      const end = read.lastIndexOf(NEWLINE) + 1;
      this.#offset = start + end;
      const lines = read.toString('utf8', 0, end).split('\n');
      // The beginning of a part is the end of a line.
      return (isFirst && start > 0 ? lines.slice(1) : lines).flatMap(objectOf);
    } finally {
      closeSync(file);
    }
  }
}

function objectOf(line: string): Readonly<Record<string, unknown>>[] {
  if (!line.startsWith('{')) return [];
  try {
    return [JSON.parse(line) as Readonly<Record<string, unknown>>];
  } catch {
    return [];
  }
}
