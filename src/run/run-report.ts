/**
 * The report page of a run: gathers what it shows from the record, the last clustering and the
 * images. What the page looks like is in src/report.
 */
import { reportAlgorithm } from '../algorithms/report-algorithm.ts';
import { clusterSizes } from '../clustering/agreement.ts';
import type { ConfigOrigins } from '../config/load.ts';
import { runConfigSchema, type RunConfig } from '../config/schema.ts';
import type { ImageSource } from '../data/source/source.ts';
import { largestClusters } from '../report/gallery/cluster-order.ts';
import type {
  ClusterSample,
  PageNetwork,
  ReportSetting,
  SkippedImages,
  SurvivedFault,
} from '../report/report-data.ts';
import { renderReport } from '../report/report-page.ts';
import type { RunSummary } from '../report/summary.ts';
import type { AssignmentDetails } from '../work/assign.ts';
import type { Centroids } from './open-run.ts';
import type { EpochRecord } from './record-state.ts';
import { filterPicture, type NetworkNumbers } from './report/filters.ts';
import { gatherGallery, type GalleryOptions } from './report/gallery.ts';
import { majorityOf } from './report/majority.ts';
import { sampleImages } from './report/sample-images.ts';

export interface RunReportInput {
  readonly config: RunConfig;
  readonly origins: ConfigOrigins;
  readonly source: ImageSource;
  readonly record: { readonly losses: readonly number[]; readonly epochs: readonly EpochRecord[] };
  readonly summary: RunSummary;
  /** [images], -1 where an image could not be read. */
  readonly clusters: Int32Array;
  /** Of these clusters; left out, as null: none are known, as the next two. */
  readonly details?: AssignmentDetails | null;
  readonly centroids?: Centroids | null;
  readonly network?: NetworkNumbers | null;
  /** What went wrong; left out: nothing. */
  readonly faults?: readonly SurvivedFault[];
  readonly skipped?: SkippedImages;
  readonly gallery?: GalleryOptions;
  /** Beside the page; left out: the page has no "Try an image". */
  readonly pageNetwork?: PageNetwork;
  readonly signal?: AbortSignal;
}

const MONTAGE_CLUSTERS = 12;
const IMAGES_PER_CLUSTER = 12;
/** Shown at half of it, so that they are sharp on dense screens [px]. */
const THUMBNAIL_SIDE = 112;
/** Images read at a time. */
const LANES = 4;

/** The page. Images that cannot be read are left out of it; nothing else fails. */
export async function renderRunReport(input: RunReportInput): Promise<string> {
  const { config, origins, record, summary, clusters } = input;
  const { k } = config.clustering;
  const sizes = clusterSizes(clusters, k);
  const {
    details = null,
    centroids = null,
    source,
    signal,
    network = null,
    faults,
    skipped,
    pageNetwork,
  } = input;
  const gallery = await gatherGallery(
    {
      ...{ source, seed: config.seed, k, clusters, details, centroids },
      ...(signal === undefined ? {} : { signal }),
    },
    input.gallery,
  );
  const filters = network === null ? null : await filterPicture(network);
  return renderReport({
    summary,
    algorithm: reportAlgorithm(config.algorithm),
    generatedAt: new Date().toISOString(),
    lossByStep: record.losses,
    epochs: record.epochs,
    clusterSizes: sizes,
    montage: await sampleClusters(largestClusters(sizes, MONTAGE_CLUSTERS), input),
    settings: changedSettings(config, origins),
    gallery,
    ...(pageNetwork === undefined ? {} : { network: pageNetwork }),
    ...(filters === null ? {} : { filters }),
    ...(faults === undefined ? {} : { faults }),
    ...(skipped === undefined ? {} : { skipped }),
  });
}

async function sampleClusters(
  shown: readonly number[],
  { clusters, source, signal }: RunReportInput,
): Promise<ClusterSample[]> {
  const members = new Map<number, number[]>(shown.map((cluster) => [cluster, []]));
  clusters.forEach((cluster, id) => members.get(cluster)?.push(id));
  const options = {
    side: THUMBNAIL_SIDE,
    lanes: LANES,
    ...(signal === undefined ? {} : { signal }),
  };
  const samples: ClusterSample[] = [];
  for (const [cluster, ids] of members) {
    const majorityClass = majorityOf(ids, source.truth);
    samples.push({
      cluster,
      size: ids.length,
      images: await sampleImages(spread(ids, IMAGES_PER_CLUSTER), source, options),
      ...(majorityClass === null ? {} : { majorityClass }),
    });
  }
  return samples;
}

/**
 * At most `count` of the ids, evenly over the source: a folder is sorted by path, so no class is
 * favoured.
 */
function spread(ids: readonly number[], count: number): number[] {
  if (ids.length <= count) return [...ids];
  return Array.from(
    { length: count },
    (_, i) => ids[Math.floor(((i + 0.5) * ids.length) / count)]!,
  );
}

/** Settings that some source set to another value than the default, in the order of the schema. */
function changedSettings(config: RunConfig, origins: ConfigOrigins): ReportSetting[] {
  const defaults = runConfigSchema().parse({});
  const sections = Object.keys(defaults);
  const sectionOf = (key: string): number => sections.indexOf(key.split('.', 1)[0]!);
  return Object.entries(origins)
    .map(([key, origin]) => ({ key, value: valueAt(config, key), origin }))
    .filter(({ key, value }) => JSON.stringify(value) !== JSON.stringify(valueAt(defaults, key)))
    .sort((a, b) => sectionOf(a.key) - sectionOf(b.key));
}

function valueAt(config: RunConfig, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((part, name) => (part as Record<string, unknown>)[name], config);
}
