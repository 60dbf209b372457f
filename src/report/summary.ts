/**
 * The summary of a run: what `summary.json` holds and what `launch --json` and `demo --json` print.
 * At the end stand the algorithm's own figures, if it has some, under its key
 * (src/algorithms/figures.ts).
 */

export interface RunSummary {
  readonly runId: string;
  readonly algorithm: string;
  readonly architecture: string;
  readonly engine: string;
  /** Workers that were ready at the end of the run. */
  readonly workers: number;
  readonly epochs: number;
  /** Committed optimizer steps. */
  readonly steps: number;
  readonly images: number;
  /** Wall time of the run, resumed parts added up [s]. */
  readonly seconds: number;
  /** By phase, adding up to the wall time [s]. */
  readonly phaseSeconds: Readonly<
    Record<'start' | 'extract' | 'pca' | 'kmeans' | 'train' | 'evaluate' | 'other' | 'lost', number>
  >;
  readonly imagesPerSecond: { readonly extract: number; readonly train: number };
  /** Mean loss of the last epoch's samples. */
  readonly finalLoss: number;
  /** File name, beside the summary: one JSON number a line, one line a step. */
  readonly lossByStep: string;
  readonly nmi: {
    /** By epoch; the first epoch has no previous assignment and holds null. */
    readonly toPrevious: readonly (number | null)[];
    /** By epoch; null where folders give no truth. */
    readonly toTruth: readonly number[] | null;
  };
  readonly clusters: { readonly k: number; readonly empty: number; readonly entropy: number };
  /**
   * Of the clusters by the final parameters, which `clusters` counts too; null where these tell no
   * images apart: the clusters are those of training then.
   */
  readonly finalClusters: FinalClusterFigures | null;
  /** Whether the run has learnt anything, as far as its figures tell. */
  readonly learning: LearningVerdict;
  readonly collapse: CollapseSummary;
  /** Null where there is no truth to evaluate against, or evaluation is off. */
  readonly evaluation: RunEvaluation | null;
  readonly ledger: LedgerCounts;
  /** Images that could not be read. */
  readonly unreadable: number;
  /** Images of which only a part could be decoded; they take part. */
  readonly damaged: number;
  /** Workers that joined again after the first time. */
  readonly restarts: number;
  /** Settings that were changed when the run was resumed, in order. */
  readonly settingChanges: readonly SettingChange[];
}

export interface FinalClusterFigures {
  /** Sum of squared distances to the own centroid. */
  readonly inertia: number;
  /** Empty clusters that were refilled; 0 where the centroids were there already. */
  readonly refilled: number;
  /** With the pseudo-labels that the last step trained on. */
  readonly nmiToTraining: number;
  readonly nmiToTruth: number | null;
  readonly emptyClusters: number;
  /** Of the cluster sizes, as a share of ln k. */
  readonly entropy: number;
}

export interface LearningVerdict {
  /**
   * False where the features are worth no more than those of the initial network, as far as the
   * figures tell.
   */
  readonly learnt: boolean;
  /**
   * What the figures show that speaks against the run, each in a line for a person; empty for a
   * sound run.
   */
  readonly findings: readonly string[];
  /** Settings to try, each in a line, the likeliest to help first; empty without findings. */
  readonly advice: readonly string[];
}

/**
 * Whether, and how often, the clusters were found collapsed: all features nearly equal, or one
 * cluster with nearly all images.
 */
export interface CollapseSummary {
  /** Times that they were found so: once an epoch, or as often as the algorithm looks. */
  readonly seen: number;
  /** Times that they were found sound again after it. */
  readonly recovered: number;
  /** Null while they are sound. */
  readonly now: {
    /** Since when; the step is the one that came next. */
    readonly epoch: number;
    readonly step: number;
    /** What was found last, for a person. */
    readonly finding: string;
  } | null;
}

export interface SettingChange {
  /** The first step, counted from 0, that the new value holds for. */
  readonly step: number;
  /** Dotted: `training.learningRate`. */
  readonly key: string;
  readonly from: unknown;
  readonly to: unknown;
}

/**
 * Figures of an epoch, by the key of the algorithm whose they are; null where it is another's, or
 * has none yet.
 */
export type FiguresByAlgorithm = Readonly<Record<string, Figures | null>>;

export type Figures = Readonly<Record<string, number>>;

export interface RunEvaluation {
  /** Which layer is the feature, for instance `fc (256)`. */
  readonly feature: string;
  readonly trainImages: number;
  readonly testImages: number;
  readonly classes: number;
  readonly knnTop1: number;
  readonly linearTop1: number;
  /** The same for the network as it was initialised. */
  readonly randomKnnTop1: number;
  readonly randomLinearTop1: number;
  /** The same for raw pixels; here and below: left out by releases that did not find them. */
  readonly pixelsKnnTop1?: number;
  readonly pixelsLinearTop1?: number;
  /** NMI of k-means with the classes, as many clusters as there are classes. */
  readonly kmeansNmi?: number;
  readonly randomKmeansNmi?: number;
  readonly pixelsKmeansNmi?: number;
  readonly intervals?: EvaluationIntervals;
  readonly gains?: Readonly<Record<'random' | 'pixels', EvaluationGain>>;
}

/** Half the width of the interval of 95 % of each figure. */
export interface EvaluationIntervals {
  /** Of the accuracies: `splits and test images`, or of a single split `test images`. */
  readonly from: string;
  readonly knnTop1: OfThreeNetworks;
  readonly linearTop1: OfThreeNetworks;
  readonly kmeansNmi: OfThreeNetworks;
}

type OfThreeNetworks = Readonly<Record<'trained' | 'random' | 'pixels', number>>;

/** Accuracy of the trained features less that of others, on the same images and splits. */
export interface EvaluationGain {
  readonly knnTop1: FigureInterval;
  readonly linearTop1: FigureInterval;
}

export interface FigureInterval {
  readonly value: number;
  /** Half the width of its interval of 95 %. */
  readonly interval: number;
}

export interface LedgerCounts {
  /**
   * Samples whose gradient took effect: with the skipped ones exactly the samples of every epoch's
   * plan.
   */
  readonly committed: number;
  /** Samples of a plan whose images were left out, because they could not be read any more. */
  readonly skipped: number;
  /** Pushes and results that had come before. */
  readonly duplicates: number;
  /** Leases that went back because their worker was lost or made no progress. */
  readonly returned: number;
}
