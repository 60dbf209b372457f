/** Watches which files a decoder opens or lists: none may lie outside the folder that it was given, by name or by link. */
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { sep } from 'node:path';

/** Calls that read or write what a path names. */
const ASYNC_CALLS = ['open', 'readFile', 'readdir', 'opendir', 'writeFile', 'mkdir'] as const;
const SYNC_CALLS = [
  'openSync',
  'readFileSync',
  'readdirSync',
  'writeFileSync',
  'mkdirSync',
] as const;

type PathCall = (path: unknown, ...rest: unknown[]) => unknown;

/**
 * Runs `decode` and looks at every path that it opened.
 * @param root real path of the folder
 * @throws Error naming the first path outside it, whatever else `decode` came to
 */
export async function withinRoot<T>(root: string, decode: () => T | Promise<T>): Promise<T> {
  const opened: string[] = [];
  const restores = [
    ...ASYNC_CALLS.map((name) => record(fsPromises as never, name, opened)),
    ...SYNC_CALLS.map((name) => record(fs as never, name, opened)),
  ];
  syncBuiltinESMExports();
  try {
    return await decode();
  } finally {
    for (const restore of restores) restore();
    syncBuiltinESMExports();
    const outside = opened.map(realPathOf).find((path) => !isInside(root, path));
    // What leaves the root is the defect, and what the decoder threw is no longer of interest.
    if (outside !== undefined) throw new Error(`opened ${outside}, which is outside its root`);
  }
}

function record(module: Record<string, PathCall>, name: string, opened: string[]): () => void {
  const original = module[name]!;
  module[name] = (path, ...rest) => {
    if (typeof path === 'string') opened.push(path);
    return original.call(module, path, ...rest);
  };
  return () => {
    module[name] = original;
  };
}

function realPathOf(path: string): string {
  try {
    return fs.realpathSync(path);
  } catch {
    return path;
  }
}

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(`${root}${sep}`);
}
