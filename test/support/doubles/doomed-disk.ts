/**
 * A disk whose process dies: counts every change made through `node:fs/promises`, lets the first `allowed` of them happen,
 * cuts the last of them in half if it is a write, and lets nothing happen any more. What is left is what a kill -9 leaves.
 */
import fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';

export interface DoomedDisk {
  /** The changes so far, in order, as `verb path`; a file's own name stands for its handle. */
  readonly changes: string[];
  restore: () => void;
}

export interface DoomOptions {
  /** What one write takes at most [bytes]; the rest is for the writer to write again. */
  readonly portionBytes?: number;
  /**
   * Called once, before the change that would be one too many; that one and all after it then
   * happen, if they can.
   */
  readonly instead?: () => void;
}

export async function doomDisk(
  allowed: number,
  { portionBytes = Infinity, instead }: DoomOptions = {},
): Promise<DoomedDisk> {
  const changes: string[] = [];
  const names = new WeakMap<object, string>();
  const admit = (change: string): void => {
    if (changes.length >= allowed && instead === undefined) {
      throw new Error(`killed before: ${change}`);
    }
    if (changes.length === allowed) instead?.();
    changes.push(change);
  };
  const prototype = await handlePrototype();
  const { open, mkdir, rename, rm, link } = fs;
  const { sync, write } = prototype;
  const mocks = [
    mock.method(fs, 'open', async (path: string, flags: string) => {
      if (flags !== 'r') admit(`create ${path}`);
      const handle = await open(path, flags);
      names.set(handle, path);
      return handle;
    }),
    mock.method(fs, 'mkdir', async (path: string, options: { recursive: true }) => {
      admit(`mkdir ${path}`);
      return mkdir(path, options);
    }),
    mock.method(fs, 'rename', async (from: string, to: string) => {
      admit(`rename ${to}`);
      await rename(from, to);
    }),
    mock.method(fs, 'link', async (from: string, to: string) => {
      admit(`link ${to}`);
      await link(from, to);
    }),
    mock.method(fs, 'rm', async (path: string, options: object) => {
      admit(`rm ${path}`);
      await rm(path, options);
    }),
    mock.method(prototype, 'sync', async function (this: FileHandle) {
      admit(`sync ${names.get(this)}`);
      await sync.call(this);
    }),
    mock.method(
      prototype,
      'write',
      async function (this: FileHandle, bytes: Uint8Array, at: number, length: number) {
        const isLast = changes.length === allowed - 1 && instead === undefined;
        admit(`write ${names.get(this)}`);
        const torn = isLast ? Math.ceil(length / 2) : Math.min(length, portionBytes);
        return write.call(this, bytes, at, torn);
      },
    ),
  ];
  const restore = (): void => {
    for (const { mock: method } of mocks) method.restore();
  };
  return { changes, restore };
}

interface HandlePrototype {
  sync: (this: FileHandle) => Promise<void>;
  write: (
    this: FileHandle,
    bytes: Uint8Array,
    at: number,
    length: number,
  ) => Promise<{ bytesWritten: number }>;
}

/** Handles have no exported class: it is read off one. */
async function handlePrototype(): Promise<HandlePrototype> {
  const path = join(tmpdir(), `handle-${process.pid}`);
  const handle = await fs.open(path, 'w');
  await handle.close();
  await fs.rm(path);
  return Object.getPrototypeOf(handle) as HandlePrototype;
}
