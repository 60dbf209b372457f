/**
 * A file of events, in the folder that `tensorboard --logdir` is given. Each process that goes on
 * with a run opens a file of its own, as TensorBoard expects: it reads them in the order of their
 * names.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { restartRecord, valuesRecord, versionRecord, type EventValue } from './events.ts';

export interface EventFile {
  /** What earlier files have of this step and later ones is void. */
  restart(step: number): void;
  add(step: number, values: readonly EventValue[]): void;
  /** Writes what waits. */
  flush(): void;
  close(): void;
}

export interface EventFileOptions {
  readonly folder: string;
  /** Later files of a run have greater ones. */
  readonly term: number;
  readonly nowMs: () => number;
  /** Whether the run is still this process's: otherwise nothing is written. */
  readonly isWriter: () => boolean;
  /**
   * Told once, of the first write that fails, for instance since the disk is full: nothing is
   * written any more.
   */
  readonly onFailure: (error: unknown) => void;
}

/** Bytes that wait to be written together. */
const MOST_WAITING = 64 * 1024;

/** A file that cannot be made or written costs its events, and nothing else. */
export function openEventFile(options: EventFileOptions): EventFile {
  const { folder, term, nowMs, isWriter, onFailure } = options;
  let file: number | null = null;
  let hasFailed = false;
  let waiting: Buffer[] = [];
  let bytes = 0;

  const attempt = (work: () => void): void => {
    if (hasFailed) return;
    try {
      work();
    } catch (error) {
      hasFailed = true;
      waiting = [];
      onFailure(error);
    }
  };
  const flush = (): void => {
    attempt(() => {
      if (!isWriter()) waiting = [];
      if (waiting.length === 0) return;
      file ??= openNew(folder, term, nowMs());
      let rest = Buffer.concat(waiting);
      waiting = [];
      bytes = 0;
      while (rest.length > 0) rest = rest.subarray(writeSync(file, rest));
    });
  };
  const put = (record: Buffer): void => {
    if (hasFailed) return;
    waiting.push(record);
    bytes += record.length;
    if (bytes >= MOST_WAITING) flush();
  };
  put(versionRecord(nowMs() / 1000));
  return {
    restart: (step) => {
      put(restartRecord(nowMs() / 1000, step));
    },
    add: (step, values) => {
      put(valuesRecord(nowMs() / 1000, step, values));
    },
    flush,
    close: () => {
      flush();
      const open = file;
      file = null;
      if (open === null) return;
      attempt(() => {
        closeSync(open);
      });
    },
  };
}

function openNew(folder: string, term: number, nowMs: number): number {
  mkdirSync(folder, { recursive: true });
  const seconds = String(Math.floor(nowMs / 1000)).padStart(10, '0');
  return openSync(join(folder, `events.out.tfevents.${seconds}.${hostname()}.${term}`), 'a');
}
