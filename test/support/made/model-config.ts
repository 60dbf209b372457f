/** The model's settings with their defaults, so that a test names only what it is about. */
import { modelConfigSchema, type ModelConfig } from '../../../src/nn/config.ts';

export function modelConfig(settings: Partial<ModelConfig>): ModelConfig {
  return modelConfigSchema.parse(settings);
}
