/** Makes the report of a finished run again, from its folder alone. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { EngineChoice } from '../../engine/registry.ts';
import { messageOf } from '../../errors.ts';
import { replaceFile } from '../../process/replace-file.ts';
import { writeProjector } from '../board/write-projector.ts';
import { openFinishedRun } from './finished-run.ts';
import { renderRunReport } from '../run-report.ts';
import { EVENTS } from '../folder.ts';
import { survivedFaults } from './faults.ts';
import type { GalleryOptions, ReportProgress } from './gallery.ts';
import { putNetwork, type PutBeside, type TryImageChoice } from './page-network.ts';
import { sourceOfRun } from './run-source.ts';
import { skippedOf } from './skipped.ts';

export interface WriteReportOptions {
  readonly folder: string;
  /** File of the page. */
  readonly out: string;
  /** Where the images lie now; null: where they were. */
  readonly data: string | null;
  /** What the map shows; the features of images need the network. */
  readonly map: 'features' | 'centroids';
  readonly engine: EngineChoice;
  /** Images with a thumbnail at most. */
  readonly thumbnails: number;
  /** Whether the network goes with the page. */
  readonly tryImage: TryImageChoice;
  readonly onProgress: ReportProgress;
}

/** More of them make a page too large to open at once, so they lie beside it. */
const MOST_INSIDE = 6_000;

export interface WrittenReport {
  readonly page: string;
  /** Folder of the thumbnails; null where they are in the page. */
  readonly sheets: string | null;
  /** What TensorBoard's embedding projector has of the run; null where nothing was written. */
  readonly projector: string | null;
  /** Why not, for a person; null where nothing went wrong. */
  readonly problem: string | null;
  /** Folder of the network and its runtime; null where the page has none. */
  readonly network: string | null;
  /** Why the page has no network, for people; null where it has one, or was to have none. */
  readonly networkMissing: string | null;
}

/**
 * @throws TrainerError of {@link openFinishedRun}, {@link sourceOfRun} and {@link putNetwork}; the
 * file system's error
 */
export async function writeReport(options: WriteReportOptions): Promise<WrittenReport> {
  const { folder, out, data, onProgress } = options;
  const { run, summary, origins, record } = await openFinishedRun(folder);
  const source = await sourceOfRun(run, data);
  const inPage = Math.min(options.thumbnails, run.images.count) <= MOST_INSIDE;
  const beside = folderBeside(out);
  const sheets = inPage ? null : beside;
  const network = await putNetwork(run, options.tryImage, putInto(beside));
  const features =
    options.map === 'features' ? await featuresFor(run, source, options.engine, onProgress) : null;
  const gallery: GalleryOptions = {
    ...{ thumbnails: options.thumbnails, features, onProgress },
    ...(sheets === null ? {} : { putSheet: sheetWriter(putInto(sheets)) }),
  };
  const page = await renderRunReport({
    ...{ config: run.config, origins, source, record, summary, clusters: run.clusters },
    ...{ details: run.details, centroids: run.centroids, network: run, gallery },
    faults: await survivedFaults(join(folder, EVENTS)),
    ...skippedOf(run.record),
    ...(network.kind === 'written' ? { pageNetwork: network.network } : {}),
  });
  await replaceFile(out, page);
  return {
    ...{ page: out, sheets },
    network: network.kind === 'written' ? beside : null,
    networkMissing: network.kind === 'written' ? null : network.reason,
    ...(await projectorOf(run, source, features)),
  };
}

/** The run's folder need not be one that may be written to, as long as the page's is. */
function projectorOf(
  ...work: Parameters<typeof writeProjector>
): Promise<Pick<WrittenReport, 'projector' | 'problem'>> {
  return writeProjector(...work).then(
    (projector) => ({ projector, problem: null }),
    (error: unknown) => {
      const problem = `TensorBoard's embedding projector has nothing new: ${messageOf(error)}`;
      return { projector: null, problem };
    },
  );
}

/** Loaded here: a page of centroids does without a network. */
async function featuresFor(
  ...work: Parameters<typeof import('./sample-features.ts').sampleFeatures>
): ReturnType<typeof import('./sample-features.ts').sampleFeatures> {
  const { sampleFeatures } = await import('./sample-features.ts');
  return sampleFeatures(...work);
}

/** `report.html` has what goes with it in `report/`. */
function folderBeside(page: string): string {
  return join(dirname(page), basename(page).replace(/\.[^.]*$/, '') || 'report-sheets');
}

/** The folder is made with its first file. */
function putInto(folder: string): PutBeside {
  return async (name, content) => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, name), content);
    return `${encodeURIComponent(basename(folder))}/${name}`;
  };
}

function sheetWriter(put: PutBeside): NonNullable<GalleryOptions['putSheet']> {
  return (index, webp) => put(`thumbnails-${index}.webp`, webp);
}
