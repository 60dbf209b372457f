/**
 * What an evaluation of a run finds; what `deepcluster eval --json` prints. Accuracies and rates
 * are 0 to 1.
 */
import type { ClusterQuality } from '../../evaluation/cluster-quality.ts';
import type { Baseline, OfNetworks } from '../../evaluation/gains.ts';
import type { EvaluationGain, EvaluationIntervals } from '../../report/summary.ts';

/** One figure of two networks. */
export interface Compared<Figure = number> {
  readonly trained: Figure;
  /** Of the same network with the initial values of the run's seed. */
  readonly random: Figure;
}

export interface EvaluationReport {
  readonly runId: string;
  readonly algorithm: string;
  readonly architecture: string;
  /** Name of the checkpoint, and the steps that it has seen. */
  readonly checkpoint: string;
  readonly step: number;
  readonly engine: string;
  /** As it was named. */
  readonly data: string;
  /** Images that were evaluated. */
  readonly images: number;
  /** Images that could not be read, and took no part. */
  readonly unreadable: number;
  /** Null where there are no classes. */
  readonly classes: number | null;
  /** For people: `fc (256)`. */
  readonly representation: string;
  /** K of the clusterings below. */
  readonly k: number;
  /** The images clustered anew by the features as they are now, as the run's next epoch would. */
  readonly clusters: Compared<ClusterFigures | null>;
  /**
   * The clusters that the run's own centroids give the images; null where it has not clustered yet.
   * DeepCluster's belong to the features that its last epoch began with.
   */
  readonly ownClusters: ClusterFigures | null;
  /** By epoch, from the run's record: agreement with the clustering before; null in the first. */
  readonly nmiToPrevious: readonly (number | null)[];
  readonly views: ViewFigures;
  /** Null where there are no classes. */
  readonly accuracy: AccuracyFigures | null;
}

/** Of a clustering; there is none where all features are equal. */
export interface ClusterFigures {
  /** Clusters that none of the images is in. */
  readonly empty: number;
  /** Of the cluster sizes, as a share of ln k. */
  readonly entropy: number;
  /**
   * Of a sample, in the space of the clustering; null where fewer than two clusters have images.
   */
  readonly silhouette: number | null;
  /** Null where there are no classes. */
  readonly agreement: ClusterQuality | null;
}

/** A random view of each image of a sample, against the centre views of the sample. */
export interface ViewFigures {
  readonly images: number;
  readonly sameImage: Compared;
  /** Of the clusterings of `clusters`; null likewise. */
  readonly sameCluster: Compared<number | null>;
  /** What chance gives with clusters of those sizes. */
  readonly sameClusterByChance: Compared<number | null>;
}

export interface AccuracyFigures {
  readonly trainImages: number;
  readonly testImages: number;
  readonly knnTop1: OfNetworks<number>;
  readonly linearTop1: OfNetworks<number>;
  /** NMI of k-means with the classes, as many clusters as there are classes. */
  readonly kmeansNmi: OfNetworks<number>;
  /** As in the summary of a run. */
  readonly intervals: EvaluationIntervals;
  readonly gains: Readonly<Record<Baseline, EvaluationGain>>;
  readonly lowShot: readonly LowShotFigures[];
  /** As many as were asked for. */
  readonly perClass: readonly PerClassFigures[];
  readonly layers: readonly LayerFigures[];
}

export interface LowShotFigures extends Compared {
  /** Part of the labels. */
  readonly fraction: number;
  readonly labels: number;
}

/** Linear probes by so many images of each class. */
export interface PerClassFigures extends Compared<MeanAndSpread> {
  readonly perClass: number;
  readonly labels: number;
  readonly draws: number;
}

/** Of top-1 over several draws of the labels; the spread is the standard deviation of one. */
export interface MeanAndSpread {
  readonly mean: number;
  readonly spread: number;
}

/** A linear probe of a layer's maps, averaged over windows. */
export interface LayerFigures extends Compared {
  readonly layer: string;
  /** Side and channels of its map. */
  readonly map: readonly [side: number, channels: number];
  /** Numbers of an image that the probe sees. */
  readonly dim: number;
}
