/** The images that a run begins with: opened, and found to suffice for its clusters. */
import type { RunConfig } from '../../src/config/schema.ts';
import { passedOverLine } from '../../src/data/source/passed-over.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { configInvalid } from '../../src/errors.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
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
  assertRoomForClusters(config, source.count, logger);
  return source;
}

/** Images a cluster has on average, as a multiple of the size of a small one, below which a run is warned. */
const AMPLE = 4;

/** ODC cannot keep clusters above a size that the images do not suffice for: it would merge and split without end. */
export function assertRoomForClusters(
  { algorithm, clustering, odc }: RunConfig,
  images: number,
  logger: Logger,
): void {
  if (algorithm !== 'odc') return;
  const needed = clustering.k * odc.smallClusterSize;
  if (needed > images) {
    const most = Math.floor(images / clustering.k);
    const rule = `must be at most ${most}, the images (${images}) per cluster (clustering.k ${clustering.k})`;
    throw configInvalid('odc.smallClusterSize', rule, odc.smallClusterSize);
  }
  if (AMPLE * needed > images) {
    const reason = `clustering.k times odc.smallClusterSize is ${needed} of ${images} images; clusters may be merged and split all the time: lower one of them`;
    logger.warn('clusters.crowded', { reason });
  }
}
