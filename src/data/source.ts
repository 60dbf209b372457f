/**
 * Where the images are: a folder of them, or a list file. The position in the source is the sample id everywhere else, so
 * the order must be the same on every machine: a folder is sorted by path, a list is taken as written.
 * Reading lists is in image-list.ts, decoding in decode.ts.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { dataUnreadable, protocolViolation } from '../errors.ts';
import { readImageFile } from './image-file.ts';
import { isListFile, LIST_EXTENSIONS, readImageList } from './image-list.ts';
import { forEachInLanes } from './lanes.ts';

/** Classes of a source, for evaluation only: nothing that trains may read them. */
export interface Truth {
  /** [N] index into `names`, by sample id. */
  readonly labels: Int32Array;
  /** In order of code units; at least two. */
  readonly names: string[];
}

export interface ImageSource {
  /** As it was given. */
  readonly spec: string;
  /** Absolute folder that paths are relative to. */
  readonly root: string;
  readonly count: number;
  /** sha256 in hex of a folder's relative paths and byte sizes, or of a list's content: equal data, equal digest. */
  readonly digest: string;
  /** Relative POSIX path of a sample. */
  path(id: number): string;
  /** Of the sample's file as it was found when the source was opened [bytes]; -1 where it was not, or not looked for. */
  size(id: number): number;
  /** The file's bytes; rejects with the file system's error. */
  read(id: number, signal?: AbortSignal): Promise<Buffer>;
  /**
   * The list's label column; else the first folder of each path where all images lie in sub-folders and there are two or
   * more; else null.
   */
  readonly truth: Truth | null;
}

const IMAGE_EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.webp']);

/** Some millions of paths; a file of more is no list, or no text. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;

/** Questions to the file system at a time: a network share answers slowly, but many at once. */
const LANES = 32;

/**
 * Opens a folder (nested or flat; symbolic links are followed) or a list file (.txt, .csv, .ndjson) of images.
 * @throws TrainerError DATA_UNREADABLE where it does not exist, is neither, is malformed, or holds no image
 */
export async function openImageSource(spec: string): Promise<ImageSource> {
  const location = resolve(spec);
  const found = await stat(location).catch((cause: unknown) => {
    throw dataUnreadable(
      spec,
      'there is no such folder or file, or it may not be read',
      'name a folder of images or a list file',
      cause,
    );
  });
  if (found.isDirectory()) return openFolder(spec, location);
  if (found.isFile() && isListFile(location)) return openList(spec, location, found.size);
  throw dataUnreadable(
    spec,
    'is a file, but not a list of images',
    `name a folder, or a list ending in ${LIST_EXTENSIONS.join(', ')}`,
  );
}

async function openFolder(spec: string, root: string): Promise<ImageSource> {
  const paths = (await findImages(spec, root)).sort(); // by code units, whatever the order of the disk
  const sizes = new Float64Array(paths.length);
  await forEachInLanes(paths.length, LANES, async (i) => {
    sizes[i] = await stat(join(root, paths[i]!)).then(
      (file) => file.size,
      () => -1, // a broken link: an unreadable image, reported when it is read
    );
  });
  const hash = createHash('sha256');
  paths.forEach((path, i) => hash.update(`${path}\0${sizes[i]!}\n`));
  return createSource(spec, root, paths, sizes, hash.digest('hex'), truthFromFolders(paths));
}

async function openList(spec: string, location: string, bytes: number): Promise<ImageSource> {
  if (bytes > MAX_LIST_BYTES) {
    throw dataUnreadable(
      spec,
      `the list has ${bytes} bytes, at most ${MAX_LIST_BYTES} are read`,
      'name a folder of the images instead',
    );
  }
  const root = dirname(location);
  const content = await readFile(location).catch((cause: unknown) => {
    throw dataUnreadable(spec, 'the list cannot be read', 'check its permissions', cause);
  });
  const { paths, labels } = readImageList(spec, root, content.toString('utf8'));
  const digest = createHash('sha256').update(content).digest('hex');
  const truth = labels === null ? truthFromFolders(paths) : truthFromLabels(labels);
  return createSource(spec, root, paths, null, digest, truth);
}

function createSource(
  spec: string,
  root: string,
  paths: readonly string[],
  sizes: Float64Array | null,
  digest: string,
  truth: Truth | null,
): ImageSource {
  if (paths.length === 0) {
    throw dataUnreadable(
      spec,
      'expected at least one image, found none',
      `a folder's images end in ${[...IMAGE_EXTENSIONS].join(', ')}; a list names one a line`,
    );
  }
  const path = (id: number): string => {
    const found = paths[id];
    if (found === undefined) {
      const remedy = 'workers and coordinator must open the same data';
      throw protocolViolation(`sample id in ${spec}`, `0 to ${paths.length - 1}`, id, remedy);
    }
    return found;
  };
  return {
    spec,
    root,
    count: paths.length,
    digest,
    truth,
    path,
    size: (id) => sizes?.[id] ?? -1,
    read: (id, signal) => readImageFile(join(root, path(id)), signal),
  };
}

/** Relative paths of all images under a folder, in no particular order. Hidden files and folders are passed over. */
async function findImages(spec: string, root: string): Promise<string[]> {
  const images: string[] = [];
  /** @param ancestors real paths from the root down to here: meeting one again is a circle of links. */
  const visit = async (prefix: string, ancestors: readonly string[]): Promise<void> => {
    const folder = join(root, prefix);
    const real = await realpath(folder);
    if (ancestors.includes(real)) return;
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      const isFolder = entry.isSymbolicLink()
        ? await leadsToFolder(join(root, path))
        : entry.isDirectory();
      if (isFolder) await visit(path, [...ancestors, real]);
      else if ((entry.isFile() || entry.isSymbolicLink()) && hasImageName(path)) images.push(path);
    }
  };
  await visit('', []).catch((cause: unknown) => {
    throw dataUnreadable(spec, 'a folder in it cannot be listed', 'check its permissions', cause);
  });
  return images;
}

async function leadsToFolder(link: string): Promise<boolean> {
  return stat(link).then(
    (target) => target.isDirectory(),
    () => false,
  );
}

function hasImageName(path: string): boolean {
  return IMAGE_EXTENSIONS.has(extname(path).toLowerCase());
}

function truthFromFolders(paths: readonly string[]): Truth | null {
  if (!paths.every((path) => path.includes('/'))) return null;
  return truthFromLabels(paths.map((path) => path.slice(0, path.indexOf('/'))));
}

function truthFromLabels(labels: readonly string[]): Truth | null {
  const names = [...new Set(labels)].sort();
  if (names.length < 2) return null;
  const indexOf = new Map(names.map((name, index) => [name, index]));
  return { labels: Int32Array.from(labels, (label) => indexOf.get(label)!), names };
}
