/** The worker process, wired: the tensor engine and the network, under the sessions with the coordinator. */
import { describeModel } from '../src/nn/architectures.ts';
import { startEngine } from '../src/nn/engine.ts';
import { createModel } from '../src/nn/model.ts';
import { workThroughSessions, type WorkerOptions } from './session.ts';

/** Works until the coordinator says stop. @throws TrainerError when refused, or when the coordinator stays away */
export function runWorker(options: WorkerOptions): Promise<void> {
  return workThroughSessions(options, async (config, logger) => {
    const { name, version, reason } = await startEngine(
      options.engine ?? config.cluster.engine,
      {},
    );
    logger.info('engine.started', { engine: name, version, reason });
    const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
    const { layout, featureDim, featureName } = spec;
    return { engine: name, model: createModel(spec), layout, featureDim, featureName };
  });
}
