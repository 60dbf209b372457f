/** The layers of a network that images can be embedded by; no tensor library here. */
import { describeModel } from '../nn/architectures.ts';
import type { OpenedRun } from '../run/open-run.ts';

/**
 * Which numbers of an image: the representation is what the run was for, the feature what it
 * clustered, and `whitened` the rows that clusters are told apart by: the feature behind PCA with
 * whitening, or at length 1.
 */
export const LAYERS = ['representation', 'feature', 'whitened'] as const;
export type Layer = (typeof LAYERS)[number];

/** What a run's network is made of. */
export type NetworkValues = Pick<
  OpenedRun,
  'config' | 'parameters' | 'statistics' | 'centroids' | 'whitening'
>;

/** D of a layer. */
export function dimOf(values: Pick<NetworkValues, 'config' | 'whitening'>, layer: Layer): number {
  const { config, whitening } = values;
  const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
  if (layer === 'representation') return spec.representationDim;
  return layer === 'whitened' && whitening !== null ? whitening.outDim : spec.featureDim;
}
