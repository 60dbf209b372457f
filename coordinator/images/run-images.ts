/**
 * The images of a run, opened by the coordinator. A run that goes on has the images it began with,
 * wherever they lie now, or it does not go on: `images` in config.json says where they lay, how
 * many they were and their digest, and the listing beside it (src/data/source/listing.ts) names
 * what is different. Those that are missing are waited for.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ConfigOrigins } from '../../src/config/load.ts';
import { pause } from '../../src/process/pause.ts';
import { configFileOf } from '../../src/run/folder.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import { awaitImages, firstThere } from '../../src/data/source/await-images.ts';
import {
  LISTING_FILE,
  compareImages,
  describeDifference,
  readListing,
  withFewMissing,
  type ListingDifference,
} from '../../src/data/source/listing.ts';
import {
  openImageSource,
  type ImageSource,
  type ListedImage,
} from '../../src/data/source/source.ts';
import { configInvalid, dataUnreadable, type TrainerError } from '../../src/errors.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { runImagesSchema, type RunImages } from '../../src/run/run-images.ts';
import type { RunFolder } from '../record/run-folder.ts';

/** The part of config.json that is read here. */
const savedSchema = z.looseObject({
  images: runImagesSchema,
  config: z.looseObject({ data: z.looseObject({ source: z.string().nullable() }) }),
});

export interface RunImagesDeps {
  readonly config: RunConfig;
  readonly origins: ConfigOrigins;
  /** The run's folder. */
  readonly out: string;
  readonly resume: boolean;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Opens the images of a run that begins, or of one that goes on.
 * @throws TrainerError UNAVAILABLE where images are missing for too long, DATA_UNREADABLE where
 *   they are others
 */
export async function openRunImages(deps: RunImagesDeps): Promise<ImageSource> {
  const { config, out, resume } = deps;
  const given = config.data.source;
  if (given === null) {
    throw configInvalid('data.source', 'must name a folder or a list of images (--data)', null);
  }
  const begun = resume ? readRunImages(out) : null;
  if (begun === null) return openImageSource(given);
  return openAgain(placesOf(given, begun, deps), begun, deps);
}

/** Writes the listing of a run that has none yet. */
export function keepListing(
  folder: Pick<RunFolder, 'path' | 'writeListing'>,
  source: ImageSource,
  resume: boolean,
): void {
  if (!resume || !existsSync(join(folder.path, LISTING_FILE))) folder.writeListing(source);
}

/** What config.json says of a run's images. */
interface SavedImages extends RunImages {
  /** As they were given. */
  readonly given: string | null;
}

/**
 * Null where config.json has none: its run was begun by an earlier release, and its checkpoint
 * alone knows the digest.
 */
function readRunImages(out: string): SavedImages | null {
  try {
    const saved = savedSchema.parse(JSON.parse(readFileSync(configFileOf(out), 'utf8')));
    return { ...saved.images, given: saved.config.data.source };
  } catch {
    return null; // RunFolder says what is wrong with the file
  }
}

/**
 * A path of the run's own configuration means what it meant where the run began; one that is given
 * anew belongs to the working directory, and only if it is not there, and is the same text, to
 * where the run began.
 */
function placesOf(
  given: string,
  begun: SavedImages,
  { origins, out }: RunImagesDeps,
): [string, ...string[]] {
  const isSaved = origins['data.source']?.startsWith(configFileOf(out)) === true;
  if (isSaved) return [begun.path];
  return given === begun.given ? [given, begun.path] : [given];
}

async function openAgain(
  places: readonly [string, ...string[]],
  begun: RunImages,
  { config, out, logger, signal }: RunImagesDeps,
): Promise<ImageSource> {
  const listing = join(out, LISTING_FILE);
  const differenceOf = (found: ImageSource): Promise<ListingDifference | null> =>
    compareImages(readListing(listing), found).catch(() => null); // the file may be gone
  const open = async (): Promise<ImageSource> => {
    const found = await openImageSource(await firstThere(places));
    if (found.digest === begun.digest) return found;
    const most = Math.floor(config.data.maxUnreadableFraction * begun.count);
    // The file may be gone.
    const few = await withFewMissing(found, () => allOf(listing), most).catch(() => null);
    if (few?.source.digest !== begun.digest) return found;
    const { count, first } = few.missing;
    const reason = `${count} of the run's ${begun.count} images are missing in ${found.location} (first ${first}); it waits for them where it needs them`;
    logger.warn('images.missing', { reason });
    return few.source;
  };
  const source = await awaitImages({
    open,
    missing: async (found) => {
      if (found.digest === begun.digest) return null;
      const difference = await differenceOf(found);
      if (difference === null || !isOnlyMissing(difference)) return null;
      const { count, first } = difference.missing;
      return `${count} of the run's ${begun.count} images are missing in ${found.location} (first ${first})`;
    },
    remedy: 'put them back, mount the share, or name where they lie now with --data; then resume',
    waitMs: config.data.waitMs,
    nowMs: () => performance.now(),
    pause,
    signal,
    onMissing: (reason) => {
      logger.warn('images.missing', { reason });
    },
  });
  if (source.digest === begun.digest) return source;
  throw otherImages(source, begun, listing, await differenceOf(source));
}

async function allOf(listing: string): Promise<ListedImage[]> {
  const images: ListedImage[] = [];
  for await (const image of readListing(listing)) images.push(image);
  return images;
}

function isOnlyMissing({ missing, added, resized }: ListingDifference): boolean {
  return missing.count > 0 && added.count === 0 && resized.count === 0;
}

function otherImages(
  { location, root, count }: ImageSource,
  begun: RunImages,
  listing: string,
  difference: ListingDifference | null,
): TrainerError {
  const problem = `its ${count} images are not the ${begun.count} that the run began with`;
  if (difference === null) {
    return dataUnreadable(location, problem, 'resume with those, or begin a new run');
  }
  const { missing, resized } = difference;
  const remedy =
    missing.count + resized.count === 0
      ? `to go on with those it began with, copy ${listing} to ${root} and resume with --data ${join(root, LISTING_FILE)}`
      : 'put back those it began with and resume, or begin a new run';
  return dataUnreadable(location, `${problem}: ${describeDifference(difference)}`, remedy);
}
