/**
 * The neck that ODC trains between backbone and head, in place of DeepCluster's PCA; thrown away downstream.
 * Source: Zhan et al. 2020 (arXiv:2006.10645); spec of ODC, section 3. Names: `neck.…` as in the reference.
 */
import type { DenseLayer, Layer } from './layers.ts';

export interface NeckShape {
  readonly inFeatures: number;
  readonly hidden: number;
  readonly out: number;
  readonly dropout: number;
  /** Of the running statistics. */
  readonly batchNormMomentum: number;
}

/** fc, batch norm without scale and shift, ReLU, dropout, fc, ReLU: the last one's output, never negative, is the feature. */
export function odcNeck(shape: NeckShape): Layer[] {
  const { inFeatures, hidden, out, dropout, batchNormMomentum: momentum } = shape;
  return [
    neckDense('neck.fc0', inFeatures, hidden),
    { kind: 'batchNorm', name: 'neck.bn0', channels: hidden, isAffine: false, momentum },
    { kind: 'relu' },
    { kind: 'dropout', name: 'neck.drop', probability: dropout },
    neckDense('neck.fc1', hidden, out),
    { kind: 'relu' },
  ];
}

/** Weights N(0, 2 / fan-in). */
function neckDense(name: string, inFeatures: number, outFeatures: number): DenseLayer {
  const initialStd = Math.sqrt(2 / inFeatures);
  return { kind: 'dense', name, inFeatures, outFeatures, group: 'body', initialStd };
}
