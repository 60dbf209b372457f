/** Settings of the network. Plain data: importing this file loads no tensor library. */
import { z } from 'zod';

export const modelConfigSchema = z.strictObject({
  architecture: z
    .enum(['alexnet-bn', 'vgg16-bn', 'resnet50', 'resnet18', 'small-resnet', 'small-convnet'])
    .default('alexnet-bn')
    .describe(
      "`alexnet-bn` and `vgg16-bn` are DeepCluster's networks (224 px), `resnet50` that of " +
        'ODC and its successors, `resnet18` its smaller sister; `small-resnet` is ResNet-18 ' +
        "with a 3 x 3 stem for 32-96 px, `small-convnet` AlexNet's family for 32-128 px.",
    ),
  neck: z
    .enum(['none', 'odc', 'projection', 'swav'])
    .default('none')
    .describe(
      "What lies between the backbone and the head: nothing; ODC's two fully connected " +
        'layers, whose output is the feature; the projection that DeepCluster-v2 compares ' +
        'with its prototypes, two fully connected layers with a batch norm between; or the ' +
        'same for SwAV, which learns its prototypes behind it.',
    ),
  neckHidden: z
    .int()
    .min(8)
    .max(8192)
    .default(512)
    .describe('Width of the first layer of the neck.'),
  neckDim: z
    .int()
    .min(2)
    .max(8192)
    .default(256)
    .describe('Width of the second one: the dimensions of the feature.'),
  neckBatchNormMomentum: z
    .number()
    .gt(0)
    .max(1)
    .default(0.001)
    .describe(
      "Weight of the newest batch in the neck's running statistics; the reference's 0.001 " +
        'is slow for short runs.',
    ),
  initialWeights: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'File of the weights that a run begins with, in place of random ones: safetensors, or ' +
        "PyTorch's `.pt` and `.pth`, with its names and shapes, as of torchvision or `export`; " +
        'the head is new all the same. Read once, before the first step. Null: random weights.',
    ),
  sobel: z
    .boolean()
    .default(true)
    .describe(
      'Frozen Sobel front end: grey, then two gradient maps. All published numbers use it.',
    ),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0.5)
    .describe(
      'Dropout probability: before each fully connected layer of AlexNet, between those of ' +
        'VGG16 and of the neck.',
    ),
  width: z
    .int()
    .min(4)
    .max(256)
    .default(32)
    .describe(
      'Channels of the first convolution of `small-convnet` (then 2x, 4x, 4x) and ' +
        '`small-resnet` (then 2x, 4x, 8x); ignored by the others.',
    ),
  featureDim: z
    .int()
    .min(8)
    .max(8192)
    .default(256)
    .describe(
      'Width of the last fully connected layer of `small-convnet`, which is the feature; ' +
        '`alexnet-bn` and `vgg16-bn` have 4096.',
    ),
});

export type ModelConfig = z.infer<typeof modelConfigSchema>;

/** Networks that end in a mean over their last maps when they have a neck, and so take images of any size. */
export const TAKES_ANY_SIZE: ReadonlySet<ModelConfig['architecture']> = new Set([
  'resnet50',
  'resnet18',
  'small-resnet',
  'small-convnet',
]);

/** Side of the smallest images of which a network's poolings leave a pixel [px]. */
export const SMALLEST_IMAGE: Readonly<Record<ModelConfig['architecture'], number>> = {
  'alexnet-bn': 63,
  'vgg16-bn': 32,
  resnet50: 1,
  resnet18: 1,
  'small-resnet': 1,
  'small-convnet': 31,
};
