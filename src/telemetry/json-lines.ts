/**
 * An append-only file of JSON lines: `events.jsonl`, `metrics.jsonl`. Lines are kept in order and
 * handed to the operating system once a tick, so that a killed process loses at most the lines of
 * that tick; a torn last line is cut off on open. While the disk is full, lines wait in memory and
 * are written when there is room again. Lines of a writer that has lost the file to another are
 * dropped.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { isDiskFull } from '../process/disk-full.ts';

export interface JsonLines {
  /** Adds one line; an earlier failure to write is thrown here, unless it was a full disk. */
  append(record: unknown): void;
  /** Returns when every line is on disk, safe from a power cut. */
  sync(): void;
  /** Syncs and closes; may be called twice. */
  close(): void;
}

/**
 * Opens or makes the file, and cuts off a last line that a crash left without its newline.
 * @param isWriter asked before every write: whether the file is still this writer's
 */
export function openJsonLines(path: string, isWriter: () => boolean = () => true): JsonLines {
  // Append mode would put lines at the end whatever a reader or a truncation does in between.
  const file = openSync(path, 'a+');
  cutTornLine(file);
  let pending: string[] = [];
  /** What the disk has not taken of earlier lines. */
  let rest: Buffer = Buffer.alloc(0);
  let scheduled: NodeJS.Immediate | null = null;
  let failure: unknown = null;
  let isOpen = true;

  const flush = (): void => {
    scheduled = null;
    if (!isWriter()) {
      pending = [];
      rest = Buffer.alloc(0);
      return;
    }
    rest = Buffer.concat([rest, Buffer.from(pending.join(''))]);
    pending = [];
    while (rest.length > 0) rest = rest.subarray(writeSync(file, rest));
  };
  const flushLater = (): void => {
    try {
      flush();
    } catch (error) {
      // Nobody is there to catch it in this tick. With the next line, a full disk is tried again.
      if (!isDiskFull(error) || rest.length > MOST_WAITING_BYTES) failure = error;
    }
  };
  const flushNow = (): void => {
    if (scheduled) clearImmediate(scheduled);
    if (failure) throw failure as Error;
    flush();
  };
  return {
    append(record) {
      if (failure) throw failure as Error;
      pending.push(`${JSON.stringify(record)}\n`);
      scheduled ??= setImmediate(flushLater);
    },
    sync() {
      flushNow();
      fsyncSync(file);
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      try {
        flushNow();
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    },
  };
}

/**
 * Whether some line of a file satisfies `has`; only those are read as JSON that contain `text`. The
 * file may have grown large: it is read block by block, and a last line that is torn is passed
 * over.
 */
export function someJsonLine(
  path: string,
  text: string,
  has: (line: Readonly<Record<string, unknown>>) => boolean,
): boolean {
  const file = openSync(path, 'r');
  try {
    const block = Buffer.alloc(BLOCK_BYTES);
    let rest: Buffer = Buffer.alloc(0);
    for (let read = readSync(file, block); read > 0; read = readSync(file, block)) {
      const bytes = Buffer.concat([rest, block.subarray(0, read)]);
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      rest = bytes.subarray(end);
      const lines = bytes.toString('utf8', 0, end).split('\n');
      const found = lines.filter((line) => line.includes(text));
      if (found.some((line) => has(JSON.parse(line) as Record<string, unknown>))) return true;
    }
    return false;
  } finally {
    closeSync(file);
  }
}

/** The last whole line of a file, unless it is longer than a block; null where there is none. */
export function lastJsonLine(path: string): Readonly<Record<string, unknown>> | null {
  const file = openSync(path, 'r');
  try {
    const start = Math.max(0, fstatSync(file).size - BLOCK_BYTES);
    const block = Buffer.alloc(BLOCK_BYTES);
    const read = readSync(file, block, 0, block.length, start);
    const end = block.subarray(0, read).lastIndexOf(NEWLINE);
    if (end < 0) return null;
    const begin = end === 0 ? 0 : block.lastIndexOf(NEWLINE, end - 1) + 1;
    if (begin === 0 && start > 0) return null;
    return JSON.parse(block.toString('utf8', begin, end)) as Record<string, unknown>;
  } finally {
    closeSync(file);
  }
}

/** Lines that may wait for room on a full disk [bytes]: days of them. */
const MOST_WAITING_BYTES = 64 * 1024 * 1024;

const NEWLINE = 0x0a;
const BLOCK_BYTES = 64 * 1024;

function cutTornLine(file: number): void {
  const size = fstatSync(file).size;
  let end = size;
  while (end > 0) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const block = Buffer.alloc(end - start);
    const read = readSync(file, block, 0, block.length, start);
    const newline = block.subarray(0, read).lastIndexOf(NEWLINE);
    if (newline >= 0) {
      end = start + newline + 1;
      break;
    }
    end = start;
  }
  if (end < size) ftruncateSync(file, end);
}
