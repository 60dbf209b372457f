/**
 * The projection that DeepCluster-v2 trains behind the backbone: what is clustered, and compared
 * with prototypes; thrown away downstream. Source: Caron et al. 2020 (arXiv:2006.09882), section 4
 * and appendix: fully connected, batch norm, ReLU, fully connected. Names: `neck.…`.
 */
import type { CosineLayer, DenseLayer, Layer } from './layers.ts';

export interface ProjectionShape {
  readonly inFeatures: number;
  readonly hidden: number;
  readonly out: number;
}

/** Name of the layer of prototypes. */
const PROTOTYPES = 'neck.prototypes';
/** Of its variable [d, K]. */
export const PROTOTYPES_WEIGHT = `${PROTOTYPES}.weight`;

/** Its output is the feature, of any length: whoever compares features divides by it. */
export function projectionNeck({ inFeatures, hidden, out }: ProjectionShape): Layer[] {
  return [
    neckDense('neck.fc0', inFeatures, hidden, 2),
    { kind: 'batchNorm', name: 'neck.bn0', channels: hidden, isAffine: true, momentum: null },
    { kind: 'relu' },
    neckDense('neck.fc1', hidden, out, 1),
  ];
}

/** SwAV's prototypes, learned with the network: the cosines of the feature with each of them. */
export function prototypeLayer(inFeatures: number, prototypes: number): CosineLayer {
  return { kind: 'cosine', name: PROTOTYPES, inFeatures, outFeatures: prototypes };
}

/** Weights N(0, gain / fan-in). */
function neckDense(
  name: string,
  inFeatures: number,
  outFeatures: number,
  gain: number,
): DenseLayer {
  const initialStd = Math.sqrt(gain / inFeatures);
  return { kind: 'dense', name, inFeatures, outFeatures, group: 'body', initialStd };
}
