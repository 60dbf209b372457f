/** Settings of the network. Plain data: importing this file loads no tensor library. */
import { z } from 'zod';

export const modelConfigSchema = z.strictObject({
  /**
   * `alexnet-bn` and `vgg16-bn` are DeepCluster's networks (224 px), `resnet50` that of ODC and its successors;
   * `small-convnet` is AlexNet's family for 32-128 px.
   */
  architecture: z
    .enum(['alexnet-bn', 'vgg16-bn', 'resnet50', 'small-convnet'])
    .default('alexnet-bn'),
  /** What lies between `resnet50` and the head: nothing, or ODC's two layers to 256 dimensions. Ignored by the others. */
  neck: z.enum(['none', 'odc']).default('none'),
  /** Frozen Sobel front end: grey, then two gradient maps. All published numbers use it. */
  sobel: z.boolean().default(true),
  /** Dropout probability: before each fully connected layer of AlexNet, between those of VGG16 and of the neck. */
  dropout: z.number().min(0).lt(1).default(0.5),
  /** Channels of the first convolution of `small-convnet` (then 2x, 4x, 4x); ignored by the others. */
  width: z.int().min(4).max(256).default(32),
  /** Width of the last fully connected layer of `small-convnet`, which is the feature; `alexnet-bn` and `vgg16-bn` have 4096. */
  featureDim: z.int().min(8).max(8192).default(256),
});

export type ModelConfig = z.infer<typeof modelConfigSchema>;
