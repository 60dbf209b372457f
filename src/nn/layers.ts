/**
 * What a network is made of, described: layers and the shapes that pass through them. No tensor library here.
 * Images and activations are [B, H, W, C], square; a vector is a map of one pixel.
 */
import type { VariableGroup } from '../ps/layout.ts';

/** One operation of the forward pass; `name` is the module whose variables it uses. */
export type Layer =
  | ConvLayer
  | BatchNormLayer
  | { readonly kind: 'relu' }
  | MaxPoolLayer
  /** Mean over all pixels. */
  | { readonly kind: 'globalAveragePool' }
  | { readonly kind: 'flatten' }
  | { readonly kind: 'dropout'; readonly name: string; readonly probability: number }
  | DenseLayer
  | CosineLayer
  | ResidualLayer;

export interface ConvLayer {
  readonly kind: 'conv';
  readonly name: string;
  /** Side of the square kernel. */
  readonly kernel: number;
  readonly stride: number;
  /** Zeros on each side. */
  readonly padding: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly hasBias: boolean;
  /** Standard deviation of the initial filter. */
  readonly initialStd: number;
}

export interface BatchNormLayer {
  readonly kind: 'batchNorm';
  readonly name: string;
  readonly channels: number;
  /** Whether scale and shift are learned; else they are 1 and 0. */
  readonly isAffine: boolean;
  /** Weight of the newest batch in the running statistics; null: as configured for all. */
  readonly momentum: number | null;
}

/** What does not fill a window at the right and lower edges is left out. */
export interface MaxPoolLayer {
  readonly kind: 'maxPool';
  readonly window: number;
  readonly stride: number;
  /** Pixels on each side that never are the largest. */
  readonly padding: number;
}

export interface DenseLayer {
  readonly kind: 'dense';
  readonly name: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly group: VariableGroup;
  readonly initialStd: number;
}

/** Cosines with learned prototypes, whatever the lengths of both. */
export interface CosineLayer {
  readonly kind: 'cosine';
  readonly name: string;
  readonly inFeatures: number;
  /** Prototypes. */
  readonly outFeatures: number;
}

/** max(main(x) + shortcut(x), 0); an empty shortcut is the identity. Source: He et al. 2016 (arXiv:1512.03385). */
export interface ResidualLayer {
  readonly kind: 'residual';
  readonly main: readonly Layer[];
  readonly shortcut: readonly Layer[];
}

/** A square map of one image; `side` is below 1 where a window found too few pixels. */
export interface MapShape {
  readonly side: number;
  readonly channels: number;
}

export interface ShapedLayer {
  readonly layer: Exclude<Layer, ResidualLayer>;
  readonly input: MapShape;
  readonly output: MapShape;
}

/** The layers in the order of their names' places, those of residual blocks in place of the blocks, with their shapes. */
export function shapedLayers(layers: readonly Layer[], input: MapShape): ShapedLayer[] {
  const shaped: ShapedLayer[] = [];
  let shape = input;
  for (const layer of layers) {
    if (layer.kind === 'residual') {
      const main = shapedLayers(layer.main, shape);
      shaped.push(...main, ...shapedLayers(layer.shortcut, shape));
      shape = main.at(-1)!.output;
    } else {
      const output = outputOf(layer, shape);
      shaped.push({ layer, input: shape, output });
      shape = output;
    }
  }
  return shaped;
}

/** All layers but the residual blocks, whose layers stand in their place. */
export function plainLayers(layers: readonly Layer[]): Exclude<Layer, ResidualLayer>[] {
  return layers.flatMap((layer) =>
    layer.kind === 'residual' ? plainLayers([...layer.main, ...layer.shortcut]) : [layer],
  );
}

/**
 * Multiply-adds of one image's forward pass, those of convolutions and fully connected layers.
 * The way back takes twice as many, less those of the first layer, whose input needs no gradient.
 */
export function multiplyAdds(layers: readonly Layer[], input: MapShape): number {
  return shapedLayers(layers, input).reduce(
    (sum, { layer, output }) => sum + multiplyAddsOf(layer, output),
    0,
  );
}

/** Multiply-adds of a training step's forward and backward pass for one image. */
export function trainingMultiplyAdds(layers: readonly Layer[], input: MapShape): number {
  const first = shapedLayers(layers, input)[0]!;
  return 3 * multiplyAdds(layers, input) - multiplyAddsOf(first.layer, first.output);
}

function multiplyAddsOf(layer: Layer, { side, channels }: MapShape): number {
  if (layer.kind === 'conv') return side ** 2 * layer.kernel ** 2 * layer.inChannels * channels;
  const isProduct = layer.kind === 'dense' || layer.kind === 'cosine';
  return isProduct ? layer.inFeatures * layer.outFeatures : 0;
}

function outputOf(layer: Exclude<Layer, ResidualLayer>, input: MapShape): MapShape {
  const { side, channels } = input;
  switch (layer.kind) {
    case 'conv':
      return {
        side: windowsAcross(side, layer.kernel, layer.stride, layer.padding),
        channels: layer.outChannels,
      };
    case 'maxPool':
      return { side: windowsAcross(side, layer.window, layer.stride, layer.padding), channels };
    case 'globalAveragePool':
      return { side: Math.min(side, 1), channels };
    case 'flatten':
      return { side: Math.min(side, 1), channels: side * side * channels };
    case 'dense':
    case 'cosine':
      return { side, channels: layer.outFeatures };
    default:
      return input;
  }
}

/** Full windows on a side; 0 stays 0, so that too small an image is seen at the end. */
function windowsAcross(side: number, window: number, stride: number, padding: number): number {
  if (side < 1) return 0;
  return Math.max(0, Math.floor((side + 2 * padding - window) / stride) + 1);
}
