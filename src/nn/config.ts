/** Settings of the network. Plain data: importing this file loads no tensor library. */
import { z } from 'zod';

export const modelConfigSchema = z.strictObject({
  /** `alexnet-bn` is the paper's network (224 px); `small-convnet` the same family for 32-128 px. */
  architecture: z.enum(['alexnet-bn', 'small-convnet']).default('alexnet-bn'),
  /** Frozen Sobel front end: grey, then two gradient maps. All published numbers use it. */
  sobel: z.boolean().default(true),
  /** Dropout probability before each fully connected layer. */
  dropout: z.number().min(0).lt(1).default(0.5),
  /** Channels of the first convolution of `small-convnet` (then 2x, 4x, 4x); ignored by `alexnet-bn`. */
  width: z.int().min(4).max(256).default(32),
  /** Width of the last fully connected layer of `small-convnet`, which is the feature; `alexnet-bn` has 4096. */
  featureDim: z.int().min(8).max(8192).default(256),
});

export type ModelConfig = z.infer<typeof modelConfigSchema>;
