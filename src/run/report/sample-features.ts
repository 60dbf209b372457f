/**
 * Features of some of a run's images, for the map of its report. The only part of a report that
 * needs a network.
 */
import { normaliseRows } from '../../clustering/odc/mixing.ts';
import { createImageLoader } from '../../data/loader/loader.ts';
import type { ImageSource } from '../../data/source/source.ts';
import type { EngineChoice } from '../../engine/registry.ts';
import { startEngine } from '../../engine/start.ts';
import { describeModel } from '../../nn/architectures.ts';
import { createModel } from '../../nn/loaded-model.ts';
import type { Model } from '../../nn/model.ts';
import type { OpenedRun } from '../open-run.ts';
import type { ReportProgress, SampledFeatures } from './gallery.ts';
import { sampleWithout } from './map-sample.ts';

/** Points that a map holds, and that a person tells apart. */
const IMAGES = 2_000;
/** Images that are read, and go through the network, at a time. */
const BATCH = 64;

/**
 * Representations of images that have a cluster, drawn by the run's seed, each row of length 1.
 * Images that cannot be read are left out.
 * @throws TrainerError ENGINE_UNAVAILABLE for a named engine that does not load
 */
export async function sampleFeatures(
  run: OpenedRun,
  source: ImageSource,
  engineName: EngineChoice,
  onProgress: ReportProgress,
): Promise<SampledFeatures> {
  const { config } = run;
  const clustered = [...run.clusters.keys()].filter((id) => run.clusters[id]! >= 0);
  const ids = sampleWithout(clustered, IMAGES, config.seed);
  const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
  const engine = await startEngine(engineName, {});
  const model = createModel(spec, engine);
  const loader = createImageLoader({ source, config: config.data, seed: config.seed });
  try {
    model.load(run.parameters, run.statistics);
    const sampled = await featuresOf(ids, {
      ...{ model, dim: spec.representationDim, loader, onProgress },
    });
    return { ...sampled, dim: spec.representationDim, name: spec.representationName };
  } finally {
    loader.close();
    model.dispose();
    await engine.close();
  }
}

interface Tools {
  readonly model: Model;
  readonly dim: number;
  readonly loader: ReturnType<typeof createImageLoader>;
  readonly onProgress: ReportProgress;
}

async function featuresOf(
  ids: readonly number[],
  { model, dim, loader, onProgress }: Tools,
): Promise<Pick<SampledFeatures, 'ids' | 'values'>> {
  const values = new Float32Array(ids.length * dim);
  const read: number[] = [];
  for (let begin = 0; begin < ids.length; begin += BATCH) {
    const views = await loader.centre(Int32Array.from(ids.slice(begin, begin + BATCH)));
    onProgress('features', Math.min(ids.length, begin + BATCH), ids.length);
    const { length: rows } = views.ids;
    if (rows === 0) continue;
    values.set(
      normaliseRows(model.features(views.pixels, rows, 'representation'), dim),
      read.length * dim,
    );
    read.push(...views.ids);
  }
  return { ids: read, values: values.slice(0, read.length * dim) };
}
