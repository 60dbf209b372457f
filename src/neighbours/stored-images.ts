/**
 * What is kept of a run's images in `features/` of its folder, made at the first call: features
 * or clusters by its newest checkpoint. The names tell checkpoint and images apart, so that
 * nothing there is ever out of date, and may be removed.
 */
import { createReadStream, existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { shownPath } from '../data/source/path-bytes.ts';
import { openImageSource, type ImageSource } from '../data/source/source.ts';
import { TrainerError, messageOf } from '../errors.ts';
import { pathsFileOf } from '../embedding/assemble.ts';
import {
  embedToFile,
  type EmbedFileHooks,
  type EmbedFileSurroundings,
} from '../embedding/embed-file.ts';
import type { Layer } from '../embedding/layers.ts';
import type { EngineChoice } from '../engine/registry.ts';
import type { OpenedRun } from '../run/open-run.ts';
import { csvFields } from '../tables/csv.ts';

/** Within a run's folder. */
const FEATURES = 'features';

export interface StoredRequest {
  readonly run: OpenedRun;
  /** Null: the images of the run. */
  readonly data: string | null;
  /** Null: clusters alone. */
  readonly layer: Layer | null;
  readonly engine: EngineChoice;
  readonly workers: number | null;
  readonly batchImages: number;
}

/** n images with a row each. */
export interface StoredImages {
  readonly source: ImageSource;
  /** The array, or the table where there are clusters alone. */
  readonly file: string;
  /** [n] image id of each row. */
  readonly ids: Int32Array;
  /** [n] cluster; -1 where the run has not clustered yet. */
  readonly clusters: Int32Array;
  /** [n] float32 distance to the centroid of the cluster; NaN likewise. */
  readonly distances: Float32Array;
}

/** @throws as {@link embedToFile} */
export async function storedImages(
  request: StoredRequest,
  hooks: EmbedFileHooks,
  surroundings: EmbedFileSurroundings,
): Promise<StoredImages> {
  const { run, layer, engine, workers, batchImages } = request;
  const data = request.data ?? run.images.path;
  const source = await openImageSource(data);
  const kind = layer === null ? 'csv' : 'npy';
  const folder = join(run.path, FEATURES);
  const what = layer ?? 'clusters';
  const out = join(folder, `${run.checkpoint}-${what}-${source.digest.slice(0, 16)}.${kind}`);
  if (!existsSync(out)) {
    await fs.mkdir(folder, { recursive: true }).catch((error: unknown) => {
      throw cannotKeep(run.path, error);
    });
    const asked = { run: run.path, opened: run, data, out, kind, layer, engine } as const;
    await embedToFile({ ...asked, workers, batchImages, isRestarted: false }, hooks, surroundings);
  }
  const table = kind === 'npy' ? pathsFileOf(out) : out;
  return { source, file: out, ...(await readTable(table, source)) };
}

/** Rows are in the order of the images, some of which have none. */
async function readTable(
  file: string,
  source: ImageSource,
): Promise<Pick<StoredImages, 'ids' | 'clusters' | 'distances'>> {
  const ids = new Int32Array(source.count);
  const clusters = new Int32Array(source.count).fill(-1);
  const distances = new Float32Array(source.count).fill(NaN);
  let rows = 0;
  let id = 0;
  let isHeader = true;
  for await (const line of createInterface({
    input: createReadStream(file),
    crlfDelay: Infinity,
  })) {
    if (isHeader) {
      isHeader = false;
      continue;
    }
    const [path = '', cluster = '', distance = ''] = csvFields(line);
    while (id < source.count && shownPath(source.path(id)) !== path) id += 1;
    if (id === source.count) throw otherTable(file, path);
    ids[rows] = id;
    if (cluster !== '') clusters[rows] = Number(cluster);
    if (distance !== '') distances[rows] = Number(distance);
    rows += 1;
    id += 1;
  }
  return {
    ids: ids.slice(0, rows),
    clusters: clusters.slice(0, rows),
    distances: distances.slice(0, rows),
  };
}

function otherTable(file: string, path: string): TrainerError {
  const problem = `"${path}" is not among the images where it stands; remove the file, it is made again`;
  return new TrainerError('CONFIG_INVALID', `table ${file}: ${problem}`, { file });
}

function cannotKeep(folder: string, cause: unknown): TrainerError {
  const remedy = 'copy the run to where you may write, and name that';
  const problem = `features cannot be kept in it (${messageOf(cause)}); ${remedy}`;
  return new TrainerError('CONFIG_INVALID', `run folder ${folder}: ${problem}`, { folder });
}
