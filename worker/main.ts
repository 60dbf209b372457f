/**
 * The worker process, wired: the tensor engine and the network, under the sessions with the
 * coordinator.
 */
import { describeModel } from '../src/nn/architectures.ts';
import { GradientMemory } from '../src/parameter-plane/gradient-memory.ts';
import type { Notice, OrderProgress } from '../src/telemetry/notice.ts';
import { workThroughSessions, type WorkerOptions } from './session.ts';

/**
 * Works until the coordinator says stop, and tells the launcher which engine it took.
 * @throws TrainerError when refused, or when the coordinator stays away
 */
export function runWorker(
  options: WorkerOptions & { readonly notify: (notice: Notice) => void },
): Promise<void> {
  const tell = sparingly((progress) => {
    options.notify({ type: 'orderProgress', ...progress });
  });
  return workThroughSessions({ ...options, tell }, async (config, logger) => {
    // The tensor library takes half a second to load: by then the coordinator knows of this worker.
    const [{ startEngine }, { rowMatricesOn }, { createModel }] = await Promise.all([
      import('../src/engine/start.ts'),
      import('../src/engine/row-matrix.ts'),
      import('../src/nn/loaded-model.ts'),
    ]);
    const { threads: asked } = config.cluster;
    const engine = await startEngine(
      options.engine ?? config.cluster.engine,
      asked === null ? {} : { threads: asked },
    );
    const { name, version, device, threads, reason } = engine;
    logger.info('engine.started', { engine: name, version, device, threads, reason });
    options.notify({ type: 'engine', name, reason });
    const gradients = new GradientMemory();
    const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
    return {
      ...spec,
      engine: name,
      model: createModel(spec, engine, gradients, config.training.normGroup),
      gradients,
      clustering: engine.clustering,
      wideProducts: rowMatricesOn(engine),
    };
  });
}

/** Between two notices of one part of an order [ms]. */
const QUIET_MS = 500;

/** Tells the beginning and the end of each part, and what comes between from time to time. */
function sparingly(tell: (progress: OrderProgress) => void): (progress: OrderProgress) => void {
  let told = '';
  let toldMs = -Infinity;
  return (progress) => {
    const { about, part, done, total } = progress;
    const nowMs = performance.now();
    const name = `${about} ${part}`;
    if (name === told && done < total && nowMs - toldMs < QUIET_MS) return;
    [told, toldMs] = [name, nowMs];
    tell(progress);
  };
}
