/**
 * ResNet-50 up to its pooled maps.
 * Sources: He et al. 2016 (arXiv:1512.03385), with the stride on the 3 x 3 convolution as in PyTorch's networks; initial
 * values as ODC has them (Zhan et al. 2020, arXiv:2006.10645). Names: `backbone.…` as in the reference.
 */
import type { ConvLayer, Layer } from './layers.ts';

/** Blocks, width of their 3 x 3 convolution, and stride of the first, by stage. */
const STAGES = [
  { blocks: 3, width: 64, stride: 1 },
  { blocks: 4, width: 128, stride: 2 },
  { blocks: 6, width: 256, stride: 2 },
  { blocks: 3, width: 512, stride: 2 },
] as const;
/** Output channels of a block by its width. */
const EXPANSION = 4;

/** Channels after the last stage. */
export const RESNET50_CHANNELS = 2048;

/** Up to the last maps, 2,048 channels at a 32nd of the image's side. */
export function resnet50Maps(inChannels: number): Layer[] {
  const layers: Layer[] = [
    ...convNorm('backbone.conv1', 'backbone.bn1', {
      inChannels,
      outChannels: 64,
      kernel: 7,
      stride: 2,
      padding: 3,
    }),
    { kind: 'relu' },
    { kind: 'maxPool', window: 3, stride: 2, padding: 1 },
  ];
  let channels = 64;
  STAGES.forEach(({ blocks, width, stride }, stage) => {
    for (let block = 0; block < blocks; block += 1) {
      const name = `backbone.layer${stage + 1}.${block}`;
      layers.push(bottleneck(name, channels, width, block === 0 ? stride : 1));
      channels = EXPANSION * width;
    }
  });
  return layers;
}

function bottleneck(name: string, inChannels: number, width: number, stride: number): Layer {
  const outChannels = EXPANSION * width;
  const one = { kernel: 1, stride: 1, padding: 0 };
  const three = { kernel: 3, stride, padding: 1 };
  const part = (index: number, shape: ConvShape): Layer[] =>
    convNorm(`${name}.conv${index}`, `${name}.bn${index}`, shape);
  return {
    kind: 'residual',
    main: [
      ...part(1, { inChannels, outChannels: width, ...one }),
      { kind: 'relu' },
      ...part(2, { inChannels: width, outChannels: width, ...three }),
      { kind: 'relu' },
      ...part(3, { inChannels: width, outChannels, ...one }),
    ],
    shortcut:
      inChannels === outChannels && stride === 1
        ? []
        : convNorm(`${name}.downsample.0`, `${name}.downsample.1`, {
            ...{ inChannels, outChannels, kernel: 1, stride, padding: 0 },
          }),
  };
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
