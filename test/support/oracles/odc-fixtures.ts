/**
 * The figures of test/oracle/odc-fixtures.json: float64 arithmetic of an independent script with 1e-10 added to lengths, printed
 * with nine decimals. Splits there are the exact optimum of 2-means, found by enumeration.
 */
import { readFileSync } from 'node:fs';
import type { CentroidRows } from '../../../src/clustering/nearest-two.ts';
import type { OdcSettings } from '../../../src/clustering/odc/clusters.ts';

type Rows = readonly (readonly number[])[];
type Numbers = readonly number[];

export interface OdcBatch {
  readonly indices: Numbers;
  readonly features: Rows;
  readonly mixed: Rows;
  readonly new_labels_of_batch: Numbers;
  readonly change_ratio: number;
}

export interface SmallStep {
  readonly step: 'merge' | 'after_merge' | 'split';
  readonly cluster?: number;
  readonly members?: Numbers;
  readonly targets?: Numbers;
  readonly largest?: number;
  readonly empty?: number;
  readonly kept_part?: Numbers;
  readonly moved_part?: Numbers;
}

export interface SmallClusterFigures {
  readonly raw: Rows;
  readonly labels: Numbers;
  readonly classes: number;
  readonly min_cluster: number;
  readonly bank: Rows;
  readonly centroids: Rows;
  readonly steps: readonly SmallStep[];
  readonly labels_after: Numbers;
  readonly sizes_after: Numbers;
  readonly centroids_after: Rows;
}

export interface TraceStep extends OdcBatch {
  readonly recomputed: boolean;
  readonly small_steps: readonly SmallStep[];
  readonly labels: Numbers;
  readonly sizes: Numbers;
  readonly centroids: Rows;
  readonly weights: Numbers;
}

export interface OdcFixtures {
  readonly init: {
    readonly raw: Rows;
    readonly labels: Numbers;
    readonly classes: number;
    readonly bank: Rows;
    readonly centroids: Rows;
    readonly centroid_norms: Numbers;
  };
  readonly update: OdcBatch & {
    readonly momentum: number;
    readonly two_workers: Rows;
    readonly labels: Numbers;
    readonly bank: Rows;
  };
  readonly recompute: { readonly sizes: Numbers; readonly centroids: Rows };
  readonly momentum_values: {
    readonly indices: Numbers;
    readonly features: Rows;
    readonly results: Readonly<
      Record<string, Pick<OdcBatch, 'mixed' | 'new_labels_of_batch' | 'change_ratio'>>
    >;
  };
  readonly zero_feature: OdcBatch;
  readonly duplicate_index: OdcBatch & {
    readonly bank_row_5: Numbers;
    readonly label_5: number;
    readonly label_1: number;
  };
  readonly metric: {
    readonly centroids: Rows;
    readonly rows: Rows;
    readonly by_dot: Numbers;
    readonly by_cosine: Numbers;
    readonly by_distance: Numbers;
  };
  readonly empty_keeps_centroid: { readonly labels: Numbers; readonly centroids: Rows };
  readonly one_small: SmallClusterFigures;
  readonly two_small: SmallClusterFigures;
  readonly identical_rows: { readonly rows: Rows; readonly kept: number; readonly moved: number };
  readonly weights: readonly {
    readonly sizes: Numbers;
    readonly power: number;
    readonly eps: number;
    readonly weights: Numbers;
  }[];
  readonly weighted_loss: {
    readonly logits: Rows;
    readonly labels: Numbers;
    readonly weights: Numbers;
    readonly per_sample: Numbers;
    readonly loss: number;
    readonly grad_logits: Rows;
    readonly two_workers: {
      readonly sizes: Numbers;
      readonly labels: Numbers;
      readonly weights: Numbers;
      readonly whole_batch: number;
      readonly worker_a: number;
      readonly worker_b: number;
      readonly mean_of_workers: number;
    };
  };
  readonly interval: {
    readonly n: number;
    readonly first_iterations: number;
    readonly zero_based_hits: Numbers;
  };
  readonly contiguous_slices: {
    readonly length: number;
    readonly workers: number;
    readonly slices: Rows;
  };
  readonly uniform_quota: readonly {
    readonly sizes: Numbers;
    readonly classes: number;
    readonly N: number;
    readonly per_class: number;
    readonly with_replacement: readonly (boolean | null)[];
    readonly drawn_before_cut: number;
    readonly kept: number;
  }[];
  readonly trace: {
    readonly raw: Rows;
    readonly labels: Numbers;
    readonly classes: number;
    readonly momentum: number;
    readonly min_cluster: number;
    readonly recompute_every: number;
    readonly small_every: number;
    readonly power: number;
    readonly eps: number;
    readonly bank: Rows;
    readonly centroids: Rows;
    readonly iterations: readonly TraceStep[];
    readonly bank_after: Rows;
  };
  readonly size_entropy: readonly {
    readonly sizes: Numbers;
    readonly nats: number;
    readonly perplexity: number;
  }[];
}

const path = new URL('../../oracle/odc-fixtures.json', import.meta.url);

export const odcFixtures = JSON.parse(readFileSync(path, 'utf8')) as OdcFixtures;

/** [n][d] as a flat float32 matrix. */
export function matrixOf(rows: Rows): Float32Array {
  return Float32Array.from(rows.flat());
}

export function centroidsOf(rows: Rows): CentroidRows {
  return { values: matrixOf(rows), clusters: rows.length, dim: rows[0]!.length };
}

/** The paper's settings, with whatever a test needs otherwise. */
export function odcSettings(
  settings: Pick<OdcSettings, 'clusters' | 'dim'> & Partial<OdcSettings>,
): OdcSettings {
  return {
    momentum: 0.5,
    metric: 'dot',
    centroidInterval: 10,
    smallClusterInterval: 1,
    minSize: 20,
    maxSplits: Infinity,
    lossWeights: { power: 0.5, offset: 1e-5 },
    ...settings,
  };
}
