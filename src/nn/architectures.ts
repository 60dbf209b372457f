/**
 * The networks by name: their layers, their feature, and where their numbers lie. No tensor library
 * here. Sources: AlexNet and VGG16 with batch norm as DeepCluster trains them (Caron et al. 2018,
 * arXiv:1807.05520); the residual ones in resnet.ts; `small-convnet` is the first ones' family for
 * small images. Each may have a neck behind it. Order: images and activations are [B, H, W, C]. The
 * rows of the first fully connected layer therefore run over (h, w, channel), where PyTorch's run
 * over (channel, h, w): permute them when moving weights between the two.
 */
import { configInvalid } from '../errors.ts';
import type { ParameterLayout, VariableGroup } from '../ps/layout.ts';
import { SMALLEST_IMAGE, type ModelConfig } from './config.ts';
import {
  shapedLayers,
  type ConvLayer,
  type DenseLayer,
  type Layer,
  type MapShape,
} from './layers.ts';
import { layoutOf } from './layout.ts';
import { odcNeck } from './odc-neck.ts';
import { projectionNeck, prototypeLayer } from './projection-neck.ts';
import {
  RESNET18,
  RESNET50,
  SMALL_RESNET,
  resnetChannels,
  resnetMaps,
  type ResnetShape,
} from './resnet.ts';

export interface ModelSpec {
  readonly architecture: ModelConfig['architecture'];
  /** Height and width of an image [px]. */
  readonly imageSize: number;
  /** Grey and two gradient maps in place of three colours. */
  readonly sobel: boolean;
  /** What the layers see of one image. */
  readonly input: MapShape;
  /** From the normalised image to the logits, or to the feature where there is no head. */
  readonly layers: readonly Layer[];
  /** Index in `layers` of the layer whose output is the feature: what is clustered. */
  readonly featureLayer: number;
  readonly featureDim: number;
  /** For people: `fc7 (4096)`. */
  readonly featureName: string;
  /**
   * The same for the representation: what the run is for, and is evaluated by; the feature itself,
   * or what a neck is fed.
   */
  readonly representationLayer: number;
  readonly representationDim: number;
  readonly representationName: string;
  /** K, the head's outputs. */
  readonly classes: number;
  /** False where the feature is compared with prototypes, which no clustering makes anew. */
  readonly hasHead: boolean;
  readonly layout: ParameterLayout;
}

/** A network up to its representation. */
interface Body {
  readonly layers: readonly Layer[];
  readonly dim: number;
  /** For people. */
  readonly name: string;
  /** What lies between the representation and what follows. */
  readonly after: readonly Layer[];
}

/**
 * The network that a configuration names.
 * @param imageSize side of the square images [px]
 * @param classes K: clusters, the outputs of the head
 * @throws TrainerError CONFIG_INVALID naming data.imageSize, if the images are too small for the
 * poolings
 */
export function describeModel(config: ModelConfig, imageSize: number, classes: number): ModelSpec {
  const { architecture, sobel } = config;
  const input: MapShape = { side: imageSize, channels: sobel ? 2 : 3 };
  const body = bodyOf(config, input);
  const { featureDim, featureName, beforeHead, headName, neck } = featureOf(config, body, classes);
  const upToFeature = [...body.layers, ...neck];
  const head = headName === null ? [] : [dense(headName, featureDim, classes, 'head')];
  const layers: Layer[] = [...upToFeature, ...beforeHead, ...head];
  return {
    architecture,
    imageSize,
    sobel,
    input,
    layers,
    featureLayer: upToFeature.length - 1,
    featureDim,
    featureName,
    representationLayer: body.layers.length - 1,
    representationDim: body.dim,
    representationName: body.name,
    classes,
    hasHead: headName !== null,
    layout: layoutOf(architecture, layers),
  };
}

/** From the representation to the head. */
function featureOf(config: ModelConfig, body: Body, classes: number) {
  if (config.neck === 'none') {
    return {
      ...{ neck: [], featureDim: body.dim, featureName: body.name },
      ...{ beforeHead: body.after, headName: 'top_layer' },
    };
  }
  const { neckHidden: hidden, neckDim: out, dropout, neckBatchNormMomentum } = config;
  const shape = { inFeatures: body.dim, hidden, out, dropout };
  if (config.neck === 'projection' || config.neck === 'swav') {
    const behind = config.neck === 'swav' ? [prototypeLayer(out, classes)] : [];
    return {
      ...{ neck: [...body.after, ...projectionNeck(shape)], featureDim: out },
      ...{ featureName: `projection (${out})`, beforeHead: behind, headName: null },
    };
  }
  return {
    neck: [...body.after, ...odcNeck({ ...shape, batchNormMomentum: neckBatchNormMomentum })],
    ...{ featureDim: out, featureName: `neck (${out})`, beforeHead: [], headName: 'head.fc_cls' },
  };
}

function bodyOf(config: ModelConfig, input: MapShape): Body {
  const { architecture, dropout } = config;
  switch (architecture) {
    case 'alexnet-bn': {
      const features = alexnetFeatures(input.channels);
      const flat = flatLength(architecture, features, input);
      return convnetBody(features, alexnetClassifier(flat, [4096, 4096], dropout), 'fc7');
    }
    case 'small-convnet': {
      const features = smallFeatures(input.channels, config.width);
      const flat = flatLength(architecture, features, input);
      if (config.neck !== 'none') return pooledBody(features, 4 * config.width);
      return convnetBody(features, alexnetClassifier(flat, [config.featureDim], dropout), 'fc');
    }
    case 'vgg16-bn': {
      const features = vgg16Features(input.channels);
      const flat = flatLength(architecture, features, input);
      return convnetBody(features, vggClassifier(flat, dropout), 'fc7');
    }
    case 'resnet50':
      return residualBody(architecture, RESNET50, input);
    case 'resnet18':
      return residualBody(architecture, RESNET18, input);
    case 'small-resnet':
      return residualBody(architecture, { ...SMALL_RESNET, width: config.width }, input);
  }
}

/** The representation is the last fully connected layer before its ReLU. */
function convnetBody(features: readonly Layer[], classifier: readonly Layer[], name: string): Body {
  const dim = (classifier.at(-1) as DenseLayer).outFeatures;
  return {
    layers: [...features, { kind: 'flatten' }, ...classifier],
    dim,
    name: `${name} (${dim})`,
    after: [{ kind: 'relu' }],
  };
}

function residualBody(
  architecture: ModelConfig['architecture'],
  shape: Omit<ResnetShape, 'inChannels'>,
  input: MapShape,
): Body {
  const maps = resnetMaps({ ...shape, inChannels: input.channels });
  flatLength(architecture, maps, input);
  return pooledBody(maps, resnetChannels(shape));
}

/** The representation is the mean over the last maps. */
function pooledBody(maps: readonly Layer[], channels: number): Body {
  return {
    layers: [...maps, { kind: 'globalAveragePool' }],
    dim: channels,
    name: `pooled (${channels})`,
    after: [],
  };
}

/** The convolutions of AlexNet without its two towers and local response normalisation. */
function alexnetFeatures(inChannels: number): Layer[] {
  const pool = maxPool(3, 2);
  const three = { kernel: 3, stride: 1, padding: 1 };
  return numbered([
    ...convBlock({ inChannels, outChannels: 96, kernel: 11, stride: 4, padding: 2 }),
    pool,
    ...convBlock({ inChannels: 96, outChannels: 256, kernel: 5, stride: 1, padding: 2 }),
    pool,
    ...convBlock({ inChannels: 256, outChannels: 384, ...three }),
    ...convBlock({ inChannels: 384, outChannels: 384, ...three }),
    ...convBlock({ inChannels: 384, outChannels: 256, ...three }),
    pool,
  ]);
}

/** Convolutions before each pooling of VGG16, by width. */
const VGG16_BLOCKS = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
];

function vgg16Features(inChannels: number): Layer[] {
  const layers: Layer[] = [];
  let channels = inChannels;
  for (const widths of VGG16_BLOCKS) {
    for (const width of widths) {
      const shape = { inChannels: channels, outChannels: width };
      layers.push(...convBlock({ ...shape, kernel: 3, stride: 1, padding: 1 }));
      channels = width;
    }
    layers.push(maxPool(2, 2));
  }
  return numbered(layers);
}

/** Four convolutions, each with a pooling by two: 64 px go 32, 16, 8, 4, 2. */
function smallFeatures(inChannels: number, width: number): Layer[] {
  const pool = maxPool(2, 2);
  const three = { kernel: 3, stride: 1, padding: 1 };
  return numbered([
    ...convBlock({ inChannels, outChannels: width, kernel: 5, stride: 2, padding: 2 }),
    pool,
    ...convBlock({ inChannels: width, outChannels: 2 * width, ...three }),
    pool,
    ...convBlock({ inChannels: 2 * width, outChannels: 4 * width, ...three }),
    pool,
    ...convBlock({ inChannels: 4 * width, outChannels: 4 * width, ...three }),
    pool,
  ]);
}

/** Filters begin as N(0, 2 / (k k C_out)), by fan-out. */
function convBlock(shape: Omit<ConvLayer, 'kind' | 'name' | 'hasBias' | 'initialStd'>): Layer[] {
  const { outChannels: channels, kernel } = shape;
  const initialStd = Math.sqrt(2 / (kernel * kernel * channels));
  return [
    { kind: 'conv', name: '', ...shape, hasBias: true, initialStd },
    { kind: 'batchNorm', name: '', channels, isAffine: true, momentum: null },
    { kind: 'relu' },
  ];
}

function maxPool(window: number, stride: number): Layer {
  return { kind: 'maxPool', window, stride, padding: 0 };
}

/** Names layers by their position, as PyTorch names the children of a Sequential. */
function numbered(layers: readonly Layer[]): Layer[] {
  return layers.map((layer, i) => ('name' in layer ? { ...layer, name: `features.${i}` } : layer));
}

/** Dropout before each layer, ReLU between them. */
function alexnetClassifier(
  inFeatures: number,
  widths: readonly number[],
  dropout: number,
): Layer[] {
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

/** One dropout only, between the two layers: unlike AlexNet's and the stock VGG's. */
function vggClassifier(inFeatures: number, dropout: number): Layer[] {
  return [
    dense('classifier.0', inFeatures, 4096, 'body'),
    { kind: 'relu' },
    { kind: 'dropout', name: 'classifier.2', probability: dropout },
    dense('classifier.3', 4096, 4096, 'body'),
  ];
}

/** Of the networks' own fully connected layers, and of every head. */
const DENSE_STD = 0.01;

function dense(
  name: string,
  inFeatures: number,
  outFeatures: number,
  group: VariableGroup,
): DenseLayer {
  return { kind: 'dense', name, inFeatures, outFeatures, group, initialStd: DENSE_STD };
}

/**
 * Numbers that the layers leave of one image.
 * @throws TrainerError CONFIG_INVALID where the images are too small
 */
function flatLength(
  architecture: ModelConfig['architecture'],
  layers: readonly Layer[],
  input: MapShape,
): number {
  const { side, channels } = shapedLayers(layers, input).at(-1)!.output;
  if (side >= 1) return side * side * channels;
  const smallest = SMALLEST_IMAGE[architecture];
  const rule = `must be at least ${smallest} for ${architecture}, whose poolings leave no pixel of less`;
  throw configInvalid('data.imageSize', rule, input.side);
}
