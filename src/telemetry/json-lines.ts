/**
 * An append-only file of JSON lines: `events.jsonl`, `metrics.jsonl`. Lines are kept in order and handed to the operating
 * system once a tick, so that a killed process loses at most the lines of that tick; a torn last line is cut off on open.
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

export interface JsonLines {
  /** Adds one line; an earlier failure to write is thrown here. */
  append(record: unknown): void;
  /** Returns when every line is on disk, safe from a power cut. */
  sync(): void;
  /** Syncs and closes; may be called twice. */
  close(): void;
}

/** Opens or makes the file, and cuts off a last line that a crash left without its newline. */
export function openJsonLines(path: string): JsonLines {
  // Append mode would put lines at the end whatever a reader or a truncation does in between.
  const file = openSync(path, 'a+');
  cutTornLine(file);
  let pending: string[] = [];
  let scheduled: NodeJS.Immediate | null = null;
  let failure: unknown = null;
  let isOpen = true;

  const flush = (): void => {
    scheduled = null;
    if (pending.length === 0) return;
    const bytes = Buffer.from(pending.join(''));
    pending = [];
    for (let from = 0; from < bytes.length;) from += writeSync(file, bytes, from);
  };
  const flushLater = (): void => {
    try {
      flush();
    } catch (error) {
      failure = error; // a full disk: nobody is there to catch it in this tick
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
