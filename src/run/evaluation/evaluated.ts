/**
 * What all parts of an evaluation look at. Shapes: m images, D dimensions of the representation,
 * D' of the feature,
 * P of raw pixels.
 */
import type { Engine } from '../../engine/engine.ts';
import type { ModelSpec } from '../../nn/architectures.ts';
import type { OpenedRun } from '../open-run.ts';
import type { Networks } from './networks.ts';
import type { Compared } from './report.ts';

/** Of some images, by one network. */
export interface NetworkFeatures {
  /** [m, D] */
  readonly representation: Float32Array;
  /** [m, D'] what is clustered: the same, or the output of the neck. */
  readonly feature: Float32Array;
}

/**
 * Most images that silhouette and views are found of: both take time by the square of their
 * number.
 */
export const SAMPLE_IMAGES = 2_000;

/** Told how far a phase is. */
export type OnProgress = (phase: string, unit: string, done: number, total: number) => void;

export interface Evaluated {
  readonly run: OpenedRun;
  readonly engine: Engine;
  readonly spec: ModelSpec;
  readonly networks: Networks;
  /** [m] ids of the images, ascending; all can be read. */
  readonly ids: Int32Array;
  readonly features: Compared<NetworkFeatures>;
  /** [m, P] of the same views, 0 to 1; empty where there are no classes. */
  readonly pixels: Float32Array;
  /** [m] and their names; null where there are no classes to learn by. */
  readonly truth: { readonly labels: Int32Array; readonly names: readonly string[] } | null;
  readonly maxImages: number;
  /** Images of each class that probes with few labels see, besides those with parts of all. */
  readonly perClass: readonly number[];
  readonly onProgress: OnProgress;
}
