/** A run as it is opened, of any network and without a folder: for what is made out of runs. */
import { runConfigSchema } from '../../../src/config/schema.ts';
import { describeModel } from '../../../src/nn/architectures.ts';
import { initialParameters, initialStatistics } from '../../../src/ps/initial-values.ts';
import type { OpenedRun } from '../../../src/run/open-run.ts';

/** Sections of a configuration, and what else the run is to have. */
export interface MadeRun extends Pick<Partial<OpenedRun>, 'centroids' | 'whitening'> {
  readonly config: Readonly<Record<string, unknown>>;
}

export function openedRun({
  config: given,
  centroids = null,
  whitening = null,
}: MadeRun): OpenedRun {
  const config = runConfigSchema().parse(given);
  const { layout } = describeModel(config.model, config.data.imageSize, config.clustering.k);
  return {
    ...{ path: 'runs/made', runId: 'made', config, checkpoint: 'step-7', step: 7, layout },
    images: { count: 3 } as OpenedRun['images'],
    position: { epoch: 0, stage: 'train', index: 0, firstStep: 0 },
    parameters: initialParameters(layout, config.seed),
    statistics: initialStatistics(layout),
    ...{ clusters: new Int32Array(0), clustersAreOf: 'training', details: null },
    pseudoLabels: new Int32Array(0),
    ...{ centroids, whitening },
    record: {} as OpenedRun['record'],
  };
}
