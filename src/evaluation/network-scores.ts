/**
 * kNN and logistic regression over several splits of the same features, and a clustering of all of
 * them: what they are worth, in three figures. Shapes: n images, R splits.
 */
import type { ClusteringKernels } from '../clustering/kernels.ts';
import { gather, gatherRows } from '../math/matrix.ts';
import { CLUSTERINGS, classAgreement } from './class-agreement.ts';
import type { Estimate, Hits } from './confidence.ts';
import { knnHits } from './knn.ts';
import { LOGISTIC_PASSES, logisticHits } from './logistic-regression.ts';
import { WIDE, type OpenProducts } from './products.ts';
import { stratifiedSplit } from './split.ts';

export interface NetworkScores {
  readonly knn: Hits;
  readonly linear: Hits;
  /** NMI of k-means with the classes. */
  readonly nmi: Estimate;
  /** Images of the last split. */
  readonly trainImages: number;
  readonly testImages: number;
}

export interface ScoredFeatures {
  /** [n, dim] */
  readonly features: Float32Array;
  /** [n] true classes, 0 .. classes - 1 */
  readonly labels: Int32Array;
  readonly dim: number;
  readonly classes: number;
}

export interface ScoreSettings {
  readonly testFraction: number;
  readonly maxImages: number;
  readonly knnK: number;
  /**
   * Splits; one alone says little of a small collection: which images are held out moves the
   * figures by percents.
   */
  readonly repeats: number;
  readonly seed: number;
  /** Products with rows of more than {@link WIDE} numbers; left out: in float64 on this thread. */
  readonly wideProducts?: OpenProducts;
  /** Left out: likewise. */
  readonly clustering?: Pick<ClusteringKernels, 'rowsToCluster'>;
  /** Called {@link passesOf} times on the way. */
  readonly onPass: () => void;
}

/** Passes of a scoring: of each split kNN, and the fits of logistic regression; the clusterings. */
export function passesOf({ repeats }: Pick<ScoreSettings, 'repeats'>): number {
  return repeats * (1 + LOGISTIC_PASSES) + CLUSTERINGS;
}

export function scoreFeatures(set: ScoredFeatures, settings: ScoreSettings): NetworkScores {
  const { features, labels, dim, classes } = set;
  const { testFraction, maxImages, knnK, repeats, seed, onPass } = settings;
  const products = dim > WIDE ? settings.wideProducts : undefined;
  const where = products === undefined ? {} : { products };
  const [knn, linear] = [new Tally(labels.length), new Tally(labels.length)];
  const images = { trainImages: 0, testImages: 0 };
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const split = stratifiedSplit({ labels, testFraction, maxImages, seed: seed + repeat });
    const parts = {
      train: gatherRows(features, split.train, dim),
      trainLabels: gather(labels, split.train),
      test: gatherRows(features, split.test, dim),
      testLabels: gather(labels, split.test),
      ...{ dim, classes },
    };
    knn.add(split.test, knnHits({ ...parts, k: knnK, ...where }));
    onPass();
    linear.add(split.test, logisticHits(parts, { seed: seed + repeat, onPass, ...where }));
    images.trainImages = split.train.length;
    images.testImages = split.test.length;
  }
  const { clustering } = settings;
  const kernels = clustering === undefined ? {} : { kernels: clustering };
  const nmi = classAgreement(set, { seed, onPass, ...kernels });
  return { knn: knn.hits(), linear: linear.hits(), nmi, ...images };
}

/** Adds up the hits of splits. */
class Tally {
  readonly #tested: Int32Array;
  readonly #right: Int32Array;
  readonly #bySplit: number[] = [];

  constructor(images: number) {
    this.#tested = new Int32Array(images);
    this.#right = new Int32Array(images);
  }

  /** @param rows [m] that were tested @param hits [m] 1 where right, else 0 */
  add(rows: Int32Array, hits: Uint8Array): void {
    let right = 0;
    rows.forEach((row, i) => {
      this.#tested[row]! += 1;
      this.#right[row]! += hits[i]!;
      right += hits[i]!;
    });
    this.#bySplit.push(rows.length === 0 ? 0 : right / rows.length);
  }

  hits(): Hits {
    const bySplit = Float64Array.from(this.#bySplit);
    return { tested: this.#tested, right: this.#right, bySplit };
  }
}
