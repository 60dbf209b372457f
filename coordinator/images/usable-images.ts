/** The images that a run begins with: opened, and found to suffice for its clusters. */
import { algorithmNamed } from '../../src/algorithms/registry.ts';
import { passedOverLine } from '../../src/data/source/passed-over.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { configInvalid } from '../../src/errors.ts';
import { openRunImages, type RunImagesDeps } from './run-images.ts';

/** @throws TrainerError CONFIG_INVALID where the images are too few for the clusters */
export async function openUsableImages(deps: RunImagesDeps): Promise<ImageSource> {
  const { config, logger } = deps;
  const source = await openRunImages(deps);
  const passedOver = passedOverLine(source.passedOver ?? []);
  if (passedOver !== null) logger.warn('files.ignored', { reason: passedOver });
  if (source.count < config.clustering.k) {
    throw configInvalid(
      'clustering.k',
      `must not exceed the number of images (${source.count})`,
      config.clustering.k,
    );
  }
  algorithmNamed(config.algorithm).requireImages(config, source.count, logger);
  return source;
}
