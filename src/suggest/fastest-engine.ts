/**
 * The engine that trains a run's own network fastest on this machine, by a measurement that is
 * remembered. It goes into the run's settings: what a run computes depends on its engine, and a
 * resume takes the same.
 */
import { loadRunConfig, type ConfigSources } from '../config/load.ts';
import { ENGINE_NAMES } from '../engine/registry.ts';
import { networkCosts, type Surroundings } from './measure/measured-network.ts';
import { fastest, workerEnvironment } from './suggest.ts';

type Sources = Omit<ConfigSources, 'env'>;

/** What `launch --engine` takes besides the engines. */
export const FASTEST = 'fastest';

export interface MeasuredEngine {
  readonly sources: Sources;
  /** Which engine, and why, in one line. */
  readonly story: string;
}

/**
 * The sources with the engine that is fastest.
 * @throws TrainerError ENGINE_UNAVAILABLE where there is none, UNAVAILABLE where a measurement
 *   failed
 */
export async function withFastestEngine(
  sources: Sources,
  surroundings: Surroundings,
): Promise<MeasuredEngine> {
  const { env } = surroundings;
  const { config } = loadRunConfig({ ...sources, env });
  const costs = await networkCosts(config, ENGINE_NAMES, {
    ...surroundings,
    env: workerEnvironment(env, config.cluster.workers, 'auto'),
  });
  const { engine, reason } = fastest(costs);
  const setting = { key: 'cluster.engine', value: engine, origin: `--engine ${FASTEST}` };
  return {
    sources: { ...sources, settings: [...sources.settings, setting] },
    story: `engine ${engine}: ${reason}`,
  };
}
