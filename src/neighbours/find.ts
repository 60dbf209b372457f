/**
 * What `deepcluster neighbours` finds: images like one, images that are nearly the same, images
 * like no others.
 */
import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { idRange } from '../data/loader/centre-batches.ts';
import { createImageLoader } from '../data/loader/loader.ts';
import { shownPath } from '../data/source/path-bytes.ts';
import { listedSource } from '../data/source/source.ts';
import { dataUnreadable } from '../errors.ts';
import { networkOn, rowsOf } from '../embedding/network.ts';
import { startEngine } from '../engine/start.ts';
import type { EngineChoice } from '../engine/registry.ts';
import type { Layer } from '../embedding/layers.ts';
import type { OpenedRun } from '../run/open-run.ts';
import { csvFloat, csvIndex, csvText } from '../tables/csv.ts';
import { nearestRows } from './cosine.ts';
import { duplicateGroups } from './duplicates.ts';
import { openFeatureFile } from './feature-rows.ts';
import type { GroupPicture, PictureGroup } from './picture-page.ts';
import type { StoredImages } from './stored-images.ts';

/** What was found, in every form that it is shown in. */
export interface Found {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, string | number | null>>[];
  readonly groups: readonly PictureGroup[];
}

export interface LikeRequest {
  /** A file. */
  readonly image: string;
  /** Images to find. */
  readonly k: number;
  readonly run: OpenedRun;
  readonly layer: Layer;
  readonly engine: EngineChoice;
}

/**
 * The images nearest to one from anywhere, by the cosine of their features.
 * @throws TrainerError DATA_UNREADABLE for an image that cannot be read
 */
export async function findLike(request: LikeRequest, stored: StoredImages): Promise<Found> {
  const { image, k } = request;
  const query = await featureOf(request);
  const features = openFeatureFile(stored.file);
  try {
    const near = nearestRows(query, features, k);
    const rows = near.map(({ row, distance }) => ({
      path: pathOf(stored, row),
      distance,
      cluster: orNull(stored.clusters[row]!),
    }));
    return {
      title: `Images like ${basename(image)}`,
      columns: ['path', 'distance', 'cluster'],
      rows,
      groups: [
        { title: '', pictures: near.map(({ row, distance }) => picture(stored, row, distance)) },
      ],
    };
  } finally {
    features.close();
  }
}

/** @returns [D] */
async function featureOf({
  image,
  run,
  layer,
  engine: choice,
}: LikeRequest): Promise<Float32Array> {
  const location = resolve(image);
  const { size } = await stat(location).catch((cause: unknown) => {
    throw dataUnreadable(
      image,
      'there is no such image, or it may not be read',
      'name an image',
      cause,
    );
  });
  const place = { spec: image, location, root: dirname(location) };
  const source = listedSource([{ path: basename(location), size }], place);
  const { data: config, seed } = run.config;
  const loader = createImageLoader({ source, config, seed });
  const engine = await startEngine(choice);
  try {
    const views = await loader.centre(idRange(0, 1));
    const [unreadable] = views.unreadable;
    if (unreadable !== undefined) {
      throw dataUnreadable(image, `it cannot be read (${unreadable.reason})`, 'name another image');
    }
    const network = networkOn(engine, run);
    const { features } = rowsOf(network, views, { layer, withSeconds: false });
    network.model.dispose();
    return features!;
  } finally {
    loader.close();
    await engine.close();
  }
}

export interface FindDuplicatesOptions {
  readonly threshold: number;
  readonly engine: EngineChoice;
  readonly onProgress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

/** Groups of images whose features are within a cosine distance of each other, by chains. */
export async function findDuplicates(
  stored: StoredImages,
  { threshold, engine: choice, onProgress, signal }: FindDuplicatesOptions,
): Promise<Found> {
  const features = openFeatureFile(stored.file);
  const engine = await startEngine(choice);
  try {
    const groups = await duplicateGroups(features, engine, { threshold, onProgress, signal });
    return {
      title: `${groups.length} groups of images that are nearly the same`,
      columns: ['group', 'path', 'nearest', 'distance'],
      rows: groups.flatMap(({ rows, nearest, distances }, group) =>
        rows.map((row, i) => ({
          group,
          path: pathOf(stored, row),
          nearest: pathOf(stored, nearest[i]!),
          distance: distances[i]!,
        })),
      ),
      groups: groups.map(({ rows, distances }, group) => ({
        title: `Group ${group}: ${rows.length} images`,
        pictures: rows.map((row, i) => picture(stored, row, distances[i]!)),
      })),
    };
  } finally {
    features.close();
    await engine.close();
  }
}

/**
 * The images that are farthest from the centroid of their own cluster, and so are like no group
 * of others.
 */
export function findOutliers(k: number, stored: StoredImages): Found {
  const { clusters, distances } = stored;
  const far = [...distances.keys()]
    .filter((row) => !Number.isNaN(distances[row]))
    .sort((a, b) => distances[b]! - distances[a]! || a - b)
    .slice(0, k);
  return {
    title: `The ${far.length} images farthest from every cluster`,
    columns: ['path', 'cluster', 'distance'],
    rows: far.map((row) => ({
      path: pathOf(stored, row),
      cluster: orNull(clusters[row]!),
      distance: distances[row]!,
    })),
    groups: [{ title: '', pictures: far.map((row) => picture(stored, row, distances[row]!)) }],
  };
}

function picture({ ids }: StoredImages, row: number, distance: number): GroupPicture {
  return { id: ids[row]!, caption: distance.toPrecision(3) };
}

function pathOf({ ids, source }: StoredImages, row: number): string {
  return shownPath(source.path(ids[row]!));
}

function orNull(index: number): number | null {
  return index < 0 ? null : index;
}

/** The lines of the table, its header first. */
export function csvLines({ columns, rows }: Found): string[] {
  const field = (value: string | number | null | undefined, column: string): string => {
    if (typeof value === 'string') return csvText(value);
    const known = value ?? NaN;
    if (column === 'distance') return csvFloat(Math.fround(known));
    return csvIndex(Number.isNaN(known) ? -1 : known);
  };
  const lines = rows.map((row) => columns.map((column) => field(row[column], column)).join(','));
  return [columns.join(','), ...lines];
}
