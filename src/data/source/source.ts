/**
 * Where the images are: a folder of them, or a list file. The position in the source is the sample id everywhere else, so
 * the order must be the same on every machine: a folder is sorted by path, a list is taken as written.
 * Reading lists is in image-list.ts, decoding in decode.ts.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { dataAbsent, dataUnreadable, protocolViolation } from '../../errors.ts';
import { listImages } from './folder.ts';
import { READ_NAMES } from '../pixels/formats.ts';
import { readImage, type ImageLocator } from './image-file.ts';
import { isListFile, LIST_EXTENSIONS, listText, readImageList } from './image-list.ts';
import { forEachInLanes } from '../lanes.ts';
import { passedOverLine, type PassedOver } from './passed-over.ts';
import { bytesOf, fileAt, shownPath } from './path-bytes.ts';

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
  /** The same as an absolute path. */
  readonly location: string;
  /** Absolute folder that paths are relative to. */
  readonly root: string;
  readonly count: number;
  /**
   * sha256 in hex of relative paths and byte sizes by id, of folders and lists alike: equal data,
   * equal digest.
   */
  readonly digest: string;
  /**
   * Relative POSIX path of a sample, as path-bytes.ts has it: for messages and pages take its
   * `shownPath`.
   */
  path(id: number): string;
  /** Bytes of the sample's file when the source was opened; -1 where it was not there. */
  size(id: number): number;
  /** Where the image is, for threads that read it themselves. */
  locator(id: number): ImageLocator;
  /**
   * The file's bytes; rejects with the file system's error, and where they are not as many as they
   * were.
   */
  read(id: number, signal?: AbortSignal): Promise<Buffer>;
  /**
   * The list's label column; else the first folder of each path where all images lie in sub-folders and there are two or
   * more; else null.
   */
  readonly truth: Truth | null;
  /** Files of a folder that look like images but are of no kind that is read; left out: none. */
  readonly passedOver?: readonly PassedOver[];
}

/** Some millions of paths; a file of more is no list, or no text. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;

/** Questions to the file system at a time: a network share answers slowly, but many at once. */
const LANES = 32;

/**
 * Opens a folder (nested or flat; symbolic links are followed) or a list file of images.
 * @throws TrainerError DATA_UNREADABLE where it does not exist, is neither, is malformed, or holds no image
 */
export async function openImageSource(spec: string): Promise<ImageSource> {
  const found = await findImages(spec);
  return sourceOf(found, await sizesOf(found.root, found.paths));
}

/**
 * The images of a folder or a list by name alone, in the order of their ids: no file is looked at.
 * @throws TrainerError as {@link openImageSource}
 */
export async function findImages(spec: string): Promise<FoundImages> {
  const location = resolve(spec);
  const found = await stat(location).catch((cause: unknown) => {
    throw dataAbsent(
      spec,
      'there is no such folder or file, or it may not be read',
      spec.includes('\u{FFFD}')
        ? 'if its name is not UTF-8, make a link with a plain name to it and name that: ln -s FOLDER images'
        : 'name a folder of images or a list file',
      cause,
    );
  });
  if (found.isDirectory()) return findInFolder(spec, location);
  if (found.isFile() && isListFile(location)) return findInList(spec, location, found.size);
  throw dataUnreadable(
    spec,
    'is a file, but not a list of images',
    `name a folder, or a list ending in ${LIST_EXTENSIONS.join(', ')}`,
  );
}

async function findInFolder(spec: string, root: string): Promise<FoundImages> {
  const { paths, passedOver } = await listImages(spec, root);
  const truth = truthFromFolders(paths);
  return atLeastOne({ spec, location: root, root, paths, truth, passedOver });
}

async function findInList(spec: string, location: string, bytes: number): Promise<FoundImages> {
  if (bytes > MAX_LIST_BYTES) {
    throw dataUnreadable(
      spec,
      `the list has ${bytes} bytes, at most ${MAX_LIST_BYTES} are read`,
      'name a folder of the images instead',
    );
  }
  const root = dirname(location);
  const content = await readFile(location).catch((cause: unknown) => {
    throw dataAbsent(spec, 'the list cannot be read', 'check its permissions', cause);
  });
  const { paths, labels } = readImageList(spec, root, listText(spec, content));
  const truth = labels === null ? truthFromFolders(paths) : truthFromLabels(labels);
  return atLeastOne({ spec, location, root, paths, truth });
}

/** An image as a run's listing has it. */
export interface ListedImage {
  /** Relative, as path-bytes.ts has it. */
  readonly path: string;
  /** Bytes; -1 where the file was not there. */
  readonly size: number;
  /** Its class, where there is truth. */
  readonly label?: string;
}

/**
 * The images of a run's listing, as they were when the run began, whether their files are there now
 * or not.
 * @param place where they lie now: its folder is what their paths are relative to
 */
export function listedSource(
  images: readonly ListedImage[],
  { spec, location, root }: Pick<ImageSource, 'spec' | 'location' | 'root'>,
): ImageSource {
  const paths = images.map(({ path }) => path);
  const labels = images.flatMap(({ label }) => (label === undefined ? [] : [label]));
  const truth = labels.length === images.length ? truthFromLabels(labels) : null;
  return sourceOf(
    { spec, location, root, paths, truth },
    Float64Array.from(images, ({ size }) => size),
  );
}

/** Where images were found. */
export type FoundImages = Pick<
  ImageSource,
  'spec' | 'location' | 'root' | 'truth' | 'passedOver'
> & {
  readonly paths: readonly string[];
};

function atLeastOne(found: FoundImages): FoundImages {
  const { spec, paths, passedOver = [] } = found;
  if (paths.length > 0) return found;
  throw dataAbsent(
    spec,
    'expected at least one image, found none',
    passedOverLine(passedOver) ??
      `name a folder of images (${READ_NAMES.join(', ')}), or a list that names one a line`,
  );
}

/** @param sizes [N] bytes */
function sourceOf(found: FoundImages, sizes: Float64Array): ImageSource {
  const { spec, root, paths } = found;
  const path = (id: number): string => {
    const known = paths[id];
    if (known === undefined) {
      const remedy = 'workers and coordinator must open the same data';
      throw protocolViolation(`sample id in ${spec}`, `0 to ${paths.length - 1}`, id, remedy);
    }
    return known;
  };
  const size = (id: number): number => sizes[id] ?? -1;
  const locator = (id: number): ImageLocator => ({
    kind: 'file',
    root,
    path: path(id),
    bytes: size(id),
  });
  return {
    ...found,
    count: paths.length,
    digest: digestOf(paths, sizes),
    path,
    size,
    locator,
    read: (id, signal) => readImage(locator(id), signal),
  };
}

/**
 * @returns [N] bytes; -1 for a file that is not there, a broken link: an unreadable image, reported
 * when it is read
 */
async function sizesOf(root: string, paths: readonly string[]): Promise<Float64Array> {
  const sizes = new Float64Array(paths.length);
  await forEachInLanes(paths.length, LANES, async (i) => {
    sizes[i] = await stat(fileAt(root, paths[i]!)).then(
      (file) => file.size,
      () => -1,
    );
  });
  return sizes;
}

function digestOf(paths: readonly string[], sizes: Float64Array): string {
  const hash = createHash('sha256');
  paths.forEach((path, i) => hash.update(bytesOf(`${path}\0${sizes[i]!}\n`)));
  return hash.digest('hex');
}

function truthFromFolders(paths: readonly string[]): Truth | null {
  if (!paths.every((path) => path.includes('/'))) return null;
  return truthFromLabels(paths.map((path) => path.slice(0, path.indexOf('/'))));
}

function truthFromLabels(labels: readonly string[]): Truth | null {
  const names = [...new Set(labels)].sort();
  if (names.length < 2) return null;
  const indexOf = new Map(names.map((name, index) => [name, index]));
  return {
    labels: Int32Array.from(labels, (label) => indexOf.get(label)!),
    names: names.map(shownPath),
  };
}
