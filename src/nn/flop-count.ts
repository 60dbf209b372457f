/**
 * Floating-point operations of a network: those of its convolutions and fully connected layers, a multiply-add as two.
 * What the rest needs is small beside them, and is not counted. No tensor library here.
 */
import type { Layer, ModelSpec } from './architectures.ts';

export interface FlopCount {
  /** Forward to the feature, as `Model.features` goes. */
  readonly features: number;
  /**
   * Forward to the logits, and back: each product has two gradients of its size, but for the first layer, whose input
   * needs none.
   */
  readonly step: number;
}

/** @returns operations for one image */
export function countFlops({ layers, featureLayer, imageSize }: ModelSpec): FlopCount {
  const products: number[] = [];
  let features = 0;
  let side = imageSize;
  layers.forEach((layer, i) => {
    const flops = forwardFlops(layer, outputSide(layer, side));
    side = outputSide(layer, side);
    if (flops > 0) products.push(flops);
    if (i <= featureLayer) features += flops;
  });
  const forward = products.reduce((sum, flops) => sum + flops, 0);
  return { features, step: 3 * forward - (products[0] ?? 0) };
}

/** @param side of the maps that the layer makes */
function forwardFlops(layer: Layer, side: number): number {
  switch (layer.kind) {
    case 'conv':
      return 2 * side ** 2 * layer.kernel ** 2 * layer.inChannels * layer.outChannels;
    case 'dense':
      return 2 * layer.inFeatures * layer.outFeatures;
    default:
      return 0;
  }
}

function outputSide(layer: Layer, side: number): number {
  switch (layer.kind) {
    case 'conv':
      return Math.floor((side + 2 * layer.padding - layer.kernel) / layer.stride) + 1;
    case 'maxPool':
      return Math.floor((side - layer.window) / layer.stride) + 1;
    default:
      return side;
  }
}
