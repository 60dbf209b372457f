/**
 * The images of a finished run, by its listing: those that are gone have no thumbnail, and
 * nothing else is lost.
 */
import { dirname, join, resolve } from 'node:path';
import { stat } from 'node:fs/promises';
import { TrainerError, messageOf } from '../../errors.ts';
import { LISTING_FILE, readListing } from '../../data/source/listing.ts';
import { listedSource, type ImageSource, type ListedImage } from '../../data/source/source.ts';
import type { OpenedRun } from '../open-run.ts';

/**
 * @param data folder or list where the images lie now; null: where they were
 * @throws TrainerError CONFIG_INVALID where the listing does not fit the run
 */
export async function sourceOfRun(
  { path: folder, images }: Pick<OpenedRun, 'path' | 'images'>,
  data: string | null,
): Promise<ImageSource> {
  const location = resolve(data ?? images.path);
  const isFolder = await stat(location).then(
    (found) => found.isDirectory(),
    () => !/\.[a-z]+$/i.test(location),
  );
  const listed = await listingOf(folder);
  if (listed.length !== images.count) {
    throw invalid(folder, `${LISTING_FILE} has ${listed.length} images, the run ${images.count}`);
  }
  const root = isFolder ? location : dirname(location);
  return listedSource(listed, { spec: data ?? images.path, location, root });
}

async function listingOf(folder: string): Promise<ListedImage[]> {
  const listed: ListedImage[] = [];
  try {
    for await (const image of readListing(join(folder, LISTING_FILE))) listed.push(image);
  } catch (error) {
    throw invalid(folder, `${LISTING_FILE} cannot be read (${messageOf(error)})`);
  }
  return listed;
}

function invalid(folder: string, problem: string): TrainerError {
  return new TrainerError('CONFIG_INVALID', `run folder ${folder}: ${problem}`, { folder });
}
