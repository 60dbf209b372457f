/**
 * The files of a folder that take part as images, by name where the name tells and else by their
 * first bytes; and those that look like images and are of a kind that nothing here reads, counted
 * by kind.
 */
import { constants } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { dataAbsent } from '../../errors.ts';
import { formatOf, HEAD_BYTES, judgeName, type Format } from '../pixels/formats.ts';
import { forEachInLanes } from '../lanes.ts';
import { bytesOf, fileAt, textFromBytes } from './path-bytes.ts';
import type { PassedOver } from './passed-over.ts';

export interface FolderListing {
  /**
   * Relative POSIX paths as path-bytes.ts has them, in order of code units, whatever the order of
   * the disk.
   */
  readonly paths: string[];
  /** The most frequent kind first. */
  readonly passedOver: PassedOver[];
}

/** Questions to the file system at a time: a network share answers slowly, but many at once. */
const LANES = 32;

/** What systems leave in the folders that people look into, and what a disk has at its root. */
const CLUTTER: ReadonlySet<string> = new Set([
  '__MACOSX',
  'Thumbs.db',
  'desktop.ini',
  '@eaDir',
  'lost+found',
  '$RECYCLE.BIN',
  'System Volume Information',
]);

/**
 * Lists the images under a folder; symbolic links are followed, hidden files and folders are passed
 * over. A broken link with an image's name takes part: it is an image that cannot be read, and not
 * one to forget in silence.
 * @throws TrainerError DATA_UNREADABLE where a folder cannot be listed
 */
export async function listImages(spec: string, root: string): Promise<FolderListing> {
  const found: Found = { images: [], unsure: [], passedOver: new Map() };
  await visit(root, '', [], found).catch((cause: unknown) => {
    throw dataAbsent(spec, 'a folder in it cannot be listed', 'check its permissions', cause);
  });
  const byBytes = await judgeBytes(root, found.unsure);
  found.unsure.forEach(({ path, named }, i) => {
    const format = byBytes[i] ?? named;
    if (format?.isRead === true) found.images.push(path);
    else if (format !== null) count(found.passedOver, format, path);
  });
  return { paths: found.images.sort(), passedOver: inOrder(found.passedOver) };
}

interface Unsure {
  readonly path: string;
  readonly named: Format | null;
}

interface Found {
  readonly images: string[];
  readonly unsure: Unsure[];
  readonly passedOver: Map<string, PassedOver>;
}

/**
 * @param ancestors real paths from the root down to here: meeting one again is a circle of links.
 */
async function visit(
  root: string,
  prefix: string,
  ancestors: readonly string[],
  found: Found,
): Promise<void> {
  const folder = bytesOf(join(root, prefix));
  const real = textFromBytes(await realpath(folder, { encoding: 'buffer' }));
  if (ancestors.includes(real)) return;
  for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
    const name = textFromBytes(entry.name);
    if (name.startsWith('.') || CLUTTER.has(name)) continue;
    const path = prefix === '' ? name : `${prefix}/${name}`;
    const isFolder = entry.isSymbolicLink()
      ? await leadsToFolder(fileAt(root, path))
      : entry.isDirectory();
    if (isFolder) await visit(root, path, [...ancestors, real], found);
    else if (entry.isFile() || entry.isSymbolicLink()) judge(path, found);
  }
}

function judge(path: string, { images, unsure, passedOver }: Found): void {
  const said = judgeName(path);
  if (said.kind === 'image') images.push(path);
  else if (said.kind === 'unsure') unsure.push({ path, named: said.named });
  else if (said.kind === 'passedOver') count(passedOver, said.format, path);
}

/** The kinds of files by their first bytes; null where they tell none or cannot be read. */
async function judgeBytes(root: string, files: readonly Unsure[]): Promise<(Format | null)[]> {
  const formats: (Format | null)[] = files.map(() => null);
  await forEachInLanes(files.length, LANES, async (i) => {
    const head = await readHead(fileAt(root, files[i]!.path)).catch(() => null);
    if (head !== null) formats[i] = formatOf(head);
  });
  return formats;
}

async function readHead(path: string | Buffer): Promise<Buffer | null> {
  // A pipe that nobody writes to is not waited for.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) return null;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function count(counts: Map<string, PassedOver>, { name }: Format, path: string): void {
  const known = counts.get(name);
  const isFirst = known === undefined || path < known.example;
  counts.set(name, {
    kind: name,
    count: (known?.count ?? 0) + 1,
    example: isFirst ? path : known.example,
  });
}

function inOrder(counts: ReadonlyMap<string, PassedOver>): PassedOver[] {
  return [...counts.values()].sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1));
}

async function leadsToFolder(link: string | Buffer): Promise<boolean> {
  return stat(link).then(
    (target) => target.isDirectory(),
    () => false,
  );
}
