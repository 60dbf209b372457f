/**
 * Residual networks up to their last maps.
 * Sources: He et al. 2016 (arXiv:1512.03385), with the stride of a bottleneck on its 3 x 3
 * convolution as in PyTorch's networks; initial values as ODC has them (Zhan et al. 2020,
 * arXiv:2006.10645). Small images have the stem of the same paper's section 4.2, one 3 x 3
 * convolution without a pooling. Names: `backbone.…` and those of torchvision.
 */
import type { ConvLayer, Layer } from './layers.ts';

export interface ResnetShape {
  readonly inChannels: number;
  /** `large`: 7 x 7 with stride 2, and a pooling. `small`: 3 x 3 with stride 1. */
  readonly stem: 'large' | 'small';
  /** Channels of the stem, and of the 3 x 3 convolutions of the first stage; doubled by stage. */
  readonly width: number;
  /** Blocks by stage; from the second on the first block of each has stride 2. */
  readonly blocks: readonly number[];
  /** `basic`: two 3 x 3 convolutions. `bottleneck`: 1 x 1, 3 x 3, 1 x 1 to four times the width. */
  readonly block: keyof typeof EXPANSION;
}

/** Output channels of a block by its width. */
const EXPANSION = { basic: 1, bottleneck: 4 } as const;

export const RESNET50 = {
  stem: 'large',
  width: 64,
  blocks: [3, 4, 6, 3],
  block: 'bottleneck',
} as const;
export const RESNET18 = { stem: 'large', width: 64, blocks: [2, 2, 2, 2], block: 'basic' } as const;
/** ResNet-18 for small images, of any width. */
export const SMALL_RESNET = { stem: 'small', blocks: [2, 2, 2, 2], block: 'basic' } as const;

/** Channels after the last stage. */
export function resnetChannels({ width, blocks, block }: Omit<ResnetShape, 'inChannels'>): number {
  return EXPANSION[block] * width * 2 ** (blocks.length - 1);
}

/** Up to the last maps: at a 32nd of the image's side, or with the small stem at an eighth. */
export function resnetMaps({ inChannels, stem, width, blocks, block }: ResnetShape): Layer[] {
  const layers = [...stemOf(stem, inChannels, width)];
  let channels = width;
  blocks.forEach((count, stage) => {
    const own = width * 2 ** stage;
    for (let i = 0; i < count; i += 1) {
      const name = `backbone.layer${stage + 1}.${i}`;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      layers.push(residual(name, { inChannels: channels, width: own, stride, block }));
      channels = EXPANSION[block] * own;
    }
  });
  return layers;
}

function stemOf(stem: ResnetShape['stem'], inChannels: number, outChannels: number): Layer[] {
  const kernel =
    stem === 'large' ? { kernel: 7, stride: 2, padding: 3 } : { kernel: 3, stride: 1, padding: 1 };
  const layers: Layer[] = [
    ...convNorm('backbone.conv1', 'backbone.bn1', { inChannels, outChannels, ...kernel }),
    { kind: 'relu' },
  ];
  if (stem === 'large') layers.push({ kind: 'maxPool', window: 3, stride: 2, padding: 1 });
  return layers;
}

interface BlockShape extends Pick<ResnetShape, 'inChannels' | 'width' | 'block'> {
  readonly stride: number;
}

function residual(name: string, { inChannels, width, stride, block }: BlockShape): Layer {
  const outChannels = EXPANSION[block] * width;
  const one = { kernel: 1, stride: 1, padding: 0 };
  const three = { kernel: 3, stride: 1, padding: 1 };
  const strided = { ...three, stride };
  const part = (index: number, shape: ConvShape): Layer[] =>
    convNorm(`${name}.conv${index}`, `${name}.bn${index}`, shape);
  const main: Layer[] =
    block === 'basic'
      ? [
          ...part(1, { inChannels, outChannels: width, ...strided }),
          { kind: 'relu' },
          ...part(2, { inChannels: width, outChannels, ...three }),
        ]
      : [
          ...part(1, { inChannels, outChannels: width, ...one }),
          { kind: 'relu' },
          ...part(2, { inChannels: width, outChannels: width, ...strided }),
          { kind: 'relu' },
          ...part(3, { inChannels: width, outChannels, ...one }),
        ];
  const isSame = inChannels === outChannels && stride === 1;
  const shortcut = isSame
    ? []
    : convNorm(`${name}.downsample.0`, `${name}.downsample.1`, {
        ...{ inChannels, outChannels, ...one, stride },
      });
  return { kind: 'residual', main, shortcut };
}

type ConvShape = Omit<ConvLayer, 'kind' | 'name' | 'hasBias' | 'initialStd'>;

/** A convolution without bias, filter N(0, 2 / fan-in), and its batch norm. */
function convNorm(conv: string, norm: string, shape: ConvShape): Layer[] {
  const initialStd = Math.sqrt(2 / (shape.kernel ** 2 * shape.inChannels));
  return [
    { kind: 'conv', name: conv, ...shape, hasBias: false, initialStd },
    { kind: 'batchNorm', name: norm, channels: shape.outChannels, isAffine: true, momentum: null },
  ];
}
