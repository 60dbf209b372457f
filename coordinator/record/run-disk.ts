/** What a real run keeps besides its events: checkpoints and results, in the run's folder. */
import { join } from 'node:path';
import { readLatestCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import type { ConfigOrigins } from '../../src/config/load.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { algorithmNamed } from '../../src/algorithms/registry.ts';
import type { ClusterTables } from '../../src/run/cluster-tables.ts';
import type { RunDisk, RunResults } from '../outside.ts';
import { openBoard } from './board.ts';
import { onceThereIsRoom } from './disk-room.ts';
import { knownOf } from './known-clusters.ts';
import { fromCheckpoint } from '../../src/run/checkpoint-content.ts';
import { EVENTS } from '../../src/run/folder.ts';
import type { RunFolder } from './run-folder.ts';
import { openRun } from '../../src/run/open-run.ts';
import { survivedFaults } from '../../src/run/report/faults.ts';
import type { NetworkNumbers } from '../../src/run/report/filters.ts';
import { skippedOf } from '../../src/run/report/skipped.ts';
import { renderRunReport } from '../../src/run/run-report.ts';

export interface RunDiskDeps {
  readonly runId: string;
  readonly config: RunConfig;
  readonly origins: ConfigOrigins;
  readonly source: ImageSource;
  readonly folder: RunFolder;
  readonly logger: Logger;
}

export function runDisk(deps: RunDiskDeps): RunDisk {
  const { runId, folder, logger } = deps;
  return {
    newestCheckpoint: () =>
      readLatestCheckpoint(
        folder.checkpoints,
        (name, reason) => {
          logger.warn('checkpoint.refused', { name, reason });
          folder.event('checkpoint.refused', reason, { name });
        },
        (checkpoint) => {
          fromCheckpoint(checkpoint, runId);
        },
      ),
    saveCheckpoint: writeCheckpoint,
    watch: (term) => openBoard(deps, term),
    writeResults: async (results, signal) => {
      const { record, summary } = results;
      const page = await renderRunReport({
        ...{ ...deps, ...results, ...knownOf(results.final), ...skippedOf(record), signal },
        network: await colourNetwork(deps),
        faults: await survivedFaults(join(folder.path, EVENTS)),
      });
      const tables = clusterTablesOf(results, deps);
      const write = async (): Promise<void> => {
        if (record.unreadable.length > 0) folder.writeUnreadable(record.unreadable);
        if (record.damaged.length > 0) folder.writeDamaged(record.damaged);
        folder.writeLosses(record.losses);
        await folder.writeClusters(tables, signal);
        folder.writeSummary(summary);
        folder.writeReport(page);
      };
      await onceThereIsRoom('the result', write, { folder, logger, signal });
    },
  };
}

function clusterTablesOf(
  { clusters, pseudoLabels, final }: RunResults,
  { config, source }: RunDiskDeps,
): ClusterTables {
  const { k } = config.clustering;
  const common = { source, clusters, pseudoLabels, k };
  if (final === null) return { ...common, final: null };
  const { data, shape } = final.centroids;
  const centroids = { values: data as Float32Array, clusters: shape[0]!, dim: shape[1]! };
  const metric = algorithmNamed(config.algorithm).metric(config);
  return { ...common, final: { details: final.details, centroids, metric } };
}

/**
 * Of a network whose first layer sees colours, its final parameters, which the newest checkpoint
 * has.
 */
async function colourNetwork({ config, folder }: RunDiskDeps): Promise<NetworkNumbers | null> {
  if (config.model.sobel) return null;
  return openRun(folder.path).catch(() => null); // the page goes without a picture of the filters
}
