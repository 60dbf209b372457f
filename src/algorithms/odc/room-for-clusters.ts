/** Whether the images suffice for the smallest clusters that ODC keeps. */
import { configInvalid } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { AlgorithmConfig } from '../settings.ts';
import { odcConfigOf } from './config.ts';

/** Images a cluster has on average, as a multiple of the size of a small one, below which a run is warned. */
const AMPLE = 4;

/**
 * Clusters cannot be kept above a size that the images do not suffice for: they would be merged and split without end.
 * @throws TrainerError CONFIG_INVALID
 */
export function requireRoomForClusters(
  config: AlgorithmConfig,
  images: number,
  logger: Pick<Logger, 'warn'>,
): void {
  const { k } = config.clustering;
  const { smallClusterSize } = odcConfigOf(config);
  const needed = k * smallClusterSize;
  if (needed > images) {
    const most = Math.floor(images / k);
    const rule = `must be at most ${most}, the images (${images}) per cluster (clustering.k ${k})`;
    throw configInvalid('odc.smallClusterSize', rule, smallClusterSize);
  }
  if (AMPLE * needed > images) {
    const reason = `clustering.k times odc.smallClusterSize is ${needed} of ${images} images; clusters may be merged and split all the time: lower one of them`;
    logger.warn('clusters.crowded', { reason });
  }
}
