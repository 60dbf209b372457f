/**
 * The networks, described: their layers, and where each layer's numbers lie in the flat vectors. No tensor library here.
 * Sources: AlexNet with batch norm as DeepCluster trains it (Caron et al. 2018, arXiv:1807.05520); `small-convnet` is the
 * same family for small images. Names are those of the reference's PyTorch modules, so that a checkpoint explains itself.
 * Order: images and activations are [B, H, W, C]. The rows of the first fully connected layer therefore run over
 * (h, w, channel), where PyTorch's run over (channel, h, w): permute them when moving weights between the two.
 */
import { configInvalid } from '../errors.ts';
import type {
  InitialRule,
  ParameterLayout,
  StatisticSpec,
  VariableGroup,
  VariableSpec,
} from '../ps/layout.ts';
import type { ModelConfig } from './config.ts';

/** One step of the forward pass; `name` is the module whose variables it uses. */
export type Layer =
  | ConvLayer
  | { readonly kind: 'batchNorm'; readonly name: string; readonly channels: number }
  | { readonly kind: 'relu' }
  /** Without padding: what does not fill a window at the right and lower edges is left out. */
  | { readonly kind: 'maxPool'; readonly window: number; readonly stride: number }
  | { readonly kind: 'flatten' }
  | { readonly kind: 'dropout'; readonly name: string; readonly probability: number }
  | DenseLayer;

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
}

export interface DenseLayer {
  readonly kind: 'dense';
  readonly name: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly group: VariableGroup;
}

export interface ModelSpec {
  readonly architecture: ModelConfig['architecture'];
  /** Height and width of an image [px]. */
  readonly imageSize: number;
  /** Grey and two gradient maps in place of three colours. */
  readonly sobel: boolean;
  /** From the normalised image to the logits. */
  readonly layers: readonly Layer[];
  /** Index in `layers` of the fully connected layer whose output, before its ReLU, is the feature. */
  readonly featureLayer: number;
  readonly featureDim: number;
  /** For people: `fc7 (4096)`. */
  readonly featureName: string;
  /** K, the head's outputs. */
  readonly classes: number;
  readonly layout: ParameterLayout;
}

/**
 * The network that a configuration names.
 * @param imageSize side of the square images [px]
 * @param classes K: clusters, the outputs of the head
 * @throws TrainerError CONFIG_INVALID naming data.imageSize, if the images are too small for the poolings
 */
export function describeModel(config: ModelConfig, imageSize: number, classes: number): ModelSpec {
  const { architecture, sobel } = config;
  const isAlexnet = architecture === 'alexnet-bn';
  const features = isAlexnet ? alexnetFeatures(sobel) : smallFeatures(sobel, config.width);
  const side = outputSide(features, imageSize);
  if (side < 1) throw tooSmall(architecture, features, imageSize);
  const flat = side * side * lastChannels(features);
  const widths = isAlexnet ? [4096, 4096] : [config.featureDim];
  const classifier = fullyConnected(flat, widths, config.dropout);
  const featureDim = widths.at(-1)!;
  const body = [...features, { kind: 'flatten' } as const, ...classifier];
  const head = dense('top_layer', featureDim, classes, 'head');
  const layers: Layer[] = [...body, { kind: 'relu' }, head];
  return {
    architecture,
    imageSize,
    sobel,
    layers,
    featureLayer: body.length - 1,
    featureDim,
    featureName: isAlexnet ? `fc7 (${featureDim})` : `fc (${featureDim})`,
    classes,
    layout: layoutOf(architecture, layers),
  };
}

/** The convolutions of AlexNet without its two towers and local response normalisation. */
function alexnetFeatures(sobel: boolean): Layer[] {
  const pool: Layer = { kind: 'maxPool', window: 3, stride: 2 };
  return numbered([
    ...convBlock({ inChannels: sobel ? 2 : 3, outChannels: 96, kernel: 11, stride: 4, padding: 2 }),
    pool,
    ...convBlock({ inChannels: 96, outChannels: 256, kernel: 5, stride: 1, padding: 2 }),
    pool,
    ...convBlock({ inChannels: 256, outChannels: 384, kernel: 3, stride: 1, padding: 1 }),
    ...convBlock({ inChannels: 384, outChannels: 384, kernel: 3, stride: 1, padding: 1 }),
    ...convBlock({ inChannels: 384, outChannels: 256, kernel: 3, stride: 1, padding: 1 }),
    pool,
  ]);
}

/** Four convolutions, each with a pooling by two: 64 px go 32, 16, 8, 4, 2. */
function smallFeatures(sobel: boolean, width: number): Layer[] {
  const pool: Layer = { kind: 'maxPool', window: 2, stride: 2 };
  const stem = { inChannels: sobel ? 2 : 3, outChannels: width, kernel: 5, stride: 2, padding: 2 };
  const three = { kernel: 3, stride: 1, padding: 1 };
  return numbered([
    ...convBlock(stem),
    pool,
    ...convBlock({ inChannels: width, outChannels: 2 * width, ...three }),
    pool,
    ...convBlock({ inChannels: 2 * width, outChannels: 4 * width, ...three }),
    pool,
    ...convBlock({ inChannels: 4 * width, outChannels: 4 * width, ...three }),
    pool,
  ]);
}

function convBlock(shape: Omit<ConvLayer, 'kind' | 'name'>): Layer[] {
  const { outChannels: channels } = shape;
  return [
    { kind: 'conv', name: '', ...shape },
    { kind: 'batchNorm', name: '', channels },
    { kind: 'relu' },
  ];
}

/** Names layers by their position, as PyTorch names the children of a Sequential. */
function numbered(layers: readonly Layer[]): Layer[] {
  return layers.map((layer, i) => ('name' in layer ? { ...layer, name: `features.${i}` } : layer));
}

/** Dropout before each layer, ReLU between them; the last one's output is the feature. */
function fullyConnected(inFeatures: number, widths: readonly number[], dropout: number): Layer[] {
  const layers: Layer[] = [];
  let width = inFeatures;
  for (const next of widths) {
    if (layers.length > 0) layers.push({ kind: 'relu' });
    const name = `classifier.${layers.length}`;
    layers.push({ kind: 'dropout', name, probability: dropout });
    layers.push(dense(`classifier.${layers.length}`, width, next, 'body'));
    width = next;
  }
  return layers;
}

function dense(
  name: string,
  inFeatures: number,
  outFeatures: number,
  group: VariableGroup,
): DenseLayer {
  return { kind: 'dense', name, inFeatures, outFeatures, group };
}

function lastChannels(layers: readonly Layer[]): number {
  const last = layers.findLast((layer) => layer.kind === 'conv');
  return last!.outChannels;
}

/** Side of the maps after these layers; below 1 where a window finds too few pixels. */
function outputSide(layers: readonly Layer[], imageSize: number): number {
  let side = imageSize;
  for (const layer of layers) {
    if (layer.kind === 'conv') {
      side = Math.floor((side + 2 * layer.padding - layer.kernel) / layer.stride) + 1;
    } else if (layer.kind === 'maxPool') {
      side = Math.floor((side - layer.window) / layer.stride) + 1;
    }
    if (side < 1) return 0;
  }
  return side;
}

function tooSmall(architecture: string, features: readonly Layer[], imageSize: number): Error {
  let smallest = imageSize;
  while (outputSide(features, smallest) < 1) smallest += 1;
  const rule = `must be at least ${smallest} for ${architecture}, whose poolings leave no pixel of less`;
  return configInvalid('data.imageSize', rule, imageSize);
}

/** A variable or statistic before its place is known. */
type Unplaced = Pick<VariableSpec, 'name' | 'shape' | 'initial' | 'group'>;

/** Initial values: convolutions N(0, 2 / (k k C_out)), fully connected N(0, 0.01^2), batch norm the identity. */
function layoutOf(architecture: string, layers: readonly Layer[]): ParameterLayout {
  const variables = placed(layers.flatMap(variablesOf));
  const statistics = placed(layers.flatMap(statisticsOf));
  return {
    architecture,
    variables: variables.specs,
    statistics: statistics.specs.map(({ name, shape, initial, offset, size }) => {
      return { name, shape, initial, offset, size } satisfies StatisticSpec;
    }),
    parameterCount: variables.count,
    statisticCount: statistics.count,
  };
}

const ZERO: InitialRule = { kind: 'constant', value: 0 };
const ONE: InitialRule = { kind: 'constant', value: 1 };
const DENSE_STD = 0.01;

function variablesOf(layer: Layer): Unplaced[] {
  switch (layer.kind) {
    case 'conv': {
      const { name, kernel, inChannels, outChannels } = layer;
      const std = Math.sqrt(2 / (kernel * kernel * outChannels));
      const shape = [kernel, kernel, inChannels, outChannels];
      return pair(name, 'body', shape, { kind: 'normal', std }, ZERO);
    }
    case 'batchNorm':
      return pair(layer.name, 'body', [layer.channels], ONE, ZERO);
    case 'dense': {
      const { name, group, inFeatures, outFeatures } = layer;
      return pair(name, group, [inFeatures, outFeatures], { kind: 'normal', std: DENSE_STD }, ZERO);
    }
    default:
      return [];
  }
}

function pair(
  name: string,
  group: VariableGroup,
  shape: readonly number[],
  weight: InitialRule,
  bias: InitialRule,
): Unplaced[] {
  return [
    { name: `${name}.weight`, shape, group, initial: weight },
    { name: `${name}.bias`, shape: [shape.at(-1)!], group, initial: bias },
  ];
}

function statisticsOf(layer: Layer): Unplaced[] {
  if (layer.kind !== 'batchNorm') return [];
  const shape = [layer.channels];
  return [
    { name: `${layer.name}.running_mean`, shape, group: 'body', initial: ZERO },
    { name: `${layer.name}.running_var`, shape, group: 'body', initial: ONE },
  ];
}

/** Lays the arrays end to end, in their order. */
function placed(specs: readonly Unplaced[]): { specs: VariableSpec[]; count: number } {
  let count = 0;
  const result = specs.map(({ name, shape, group, initial }) => {
    const size = shape.reduce((product, side) => product * side, 1);
    const spec: VariableSpec = { name, shape, group, initial, offset: count, size };
    count += size;
    return spec;
  });
  return { specs: result, count };
}
