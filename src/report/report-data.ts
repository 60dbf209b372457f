/**
 * What the report page shows: the run's summary, its curves, its last clustering, its settings.
 * Plain data, no files.
 */
import type { GalleryData } from './gallery/gallery-data.ts';
import type { Markup, MarkupValue } from './markup.ts';
import type { FiguresByAlgorithm, RunSummary } from './summary.ts';

export interface ReportData {
  /** Holds the comparison with the network as it was initialised, in `evaluation`. */
  readonly summary: RunSummary;
  readonly algorithm: ReportAlgorithm;
  /** When the page was made, ISO 8601. */
  readonly generatedAt: string;
  /** Mean loss of every committed step of the run, in order. */
  readonly lossByStep: ArrayLike<number>;
  /** In order; the first step of each cuts `lossByStep` into epochs. */
  readonly epochs: readonly ReportEpoch[];
  /** [k] images of every cluster in the last clustering. */
  readonly clusterSizes: ArrayLike<number>;
  /** Some images of the largest clusters, largest first; empty shows no pictures. */
  readonly montage: readonly ClusterSample[];
  /** Settings that differ from their default, in the order to show. */
  readonly settings: readonly ReportSetting[];
  /** All clusters, for the page's script; left out: the page has none. */
  readonly gallery?: GalleryData;
  /** Left out: the page cannot be asked about new images. Needs a gallery. */
  readonly network?: PageNetwork;
  /** Left out: the first layer does not see colours. */
  readonly filters?: FilterPicture;
  /** What went wrong on the way, most frequent first; left out, as empty: nothing. */
  readonly faults?: readonly SurvivedFault[];
  /** Left out: all images were read whole. */
  readonly skipped?: SkippedImages;
}

/** The run's network beside the page. */
export interface PageNetwork {
  /** Scripts by relative path, in the order to load them. */
  readonly files: readonly string[];
  /** Of all of them. */
  readonly bytes: number;
  /** By which a browser knows the scripts that the page loads, base64; of this page alone. */
  readonly nonce: string;
}

/** The filters of the first layer, side by side. */
export interface FilterPicture {
  /** `data:image/png;base64,...` */
  readonly dataUri: string;
  /** As it is to be shown [CSS px]. */
  readonly width: number;
  /** Name of the layer's variable. */
  readonly layer: string;
  readonly count: number;
  /** Of a filter [px]. */
  readonly side: number;
}

/** A kind of event that a run goes on after. */
export interface SurvivedFault {
  /** As events.jsonl has it: `worker.lost`. */
  readonly event: string;
  /** What it means, for people. */
  readonly meaning: string;
  readonly count: number;
  /** Reason of the last one. */
  readonly lastReason: string;
}

export interface SkippedImages {
  readonly unreadable: readonly SkippedImage[];
  /** Of which only a part could be decoded. */
  readonly damaged: readonly SkippedImage[];
}

export interface SkippedImage {
  readonly path: string;
  readonly reason: string;
}

/** What the page shows besides, of the run's algorithm. */
export interface ReportAlgorithm {
  /** As papers write it. */
  readonly title: string;
  /** Whether each epoch has a clustering of its own, whose inertia is shown. */
  readonly clustersEachEpoch: boolean;
  /** Of the table of epochs, in order. */
  readonly columns: readonly EpochColumn[];
  /** Between those that all algorithms have; null where there is nothing to draw. */
  readonly charts: readonly ((data: ReportData) => Markup | null)[];
}

/** A column of the table of epochs. */
export interface EpochColumn {
  readonly name: string;
  readonly explanation: string;
  readonly cell: (epoch: ReportEpoch) => MarkupValue;
}

export interface ReportEpoch {
  /** Counted from 0; shown from 1. */
  readonly epoch: number;
  /** Index into `lossByStep` of its first step. */
  readonly firstStep: number;
  /** Mean over its samples; null until it has trained. */
  readonly meanLoss: number | null;
  readonly nmiToPrevious: number | null;
  readonly nmiToTruth: number | null;
  readonly emptyClusters: number;
  /** Of the cluster sizes, as a share of ln k. */
  readonly entropy: number;
  /** Null for an epoch without a clustering. */
  readonly inertia: number | null;
  /** The algorithm's own; left out: none. */
  readonly figures?: FiguresByAlgorithm;
  /** Up to its end; of the phases before it, too, where it is the first. */
  readonly seconds: RunSummary['phaseSeconds'];
}

export interface ClusterSample {
  readonly cluster: number;
  /** Images in the cluster, shown or not. */
  readonly size: number;
  readonly images: readonly SampleImage[];
  /** Where folders give truth: the most frequent class and its share of the cluster, 0 to 1. */
  readonly majorityClass?: { readonly name: string; readonly share: number };
}

export interface SampleImage {
  /** `data:image/...;base64,...`; anything else is not loaded. */
  readonly dataUri: string;
  /** As the source names it. */
  readonly path: string;
}

export interface ReportSetting {
  /** Dotted: `training.batchSize`. */
  readonly key: string;
  readonly value: unknown;
  /** Where it was written: `run.yaml:12`, `DC_SEED`, `--set seed`. */
  readonly origin: string;
}
