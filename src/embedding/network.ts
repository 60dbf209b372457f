/**
 * The network of a run put to use: what it makes of the views of some images. Features and
 * clusters come out of one forward pass, and are those that the run itself would give. Shapes: m
 * images that could be read, D dimensions of the layer, d of the rows that clusters are told
 * apart by, K clusters.
 */
import type { NearestTwo } from '../clustering/nearest-two.ts';
import type { LoadedViews } from '../data/loader/loader.ts';
import type { Engine } from '../engine/engine.ts';
import { describeModel, type ModelSpec } from '../nn/architectures.ts';
import { createModel } from '../nn/loaded-model.ts';
import type { NetworkModel } from '../nn/model.ts';
import { clusteringRows, clustersOfRows, nearestOfRows } from '../run/clustering-space.ts';
import type { Layer, NetworkValues } from './layers.ts';

export interface RunNetwork {
  readonly values: NetworkValues;
  readonly engine: Engine;
  readonly spec: ModelSpec;
  readonly model: NetworkModel;
}

/** What a network makes of a batch of images. */
export interface NetworkRows {
  /** [m, D] float32; null where no layer was asked for. */
  readonly features: Float32Array | null;
  /** Clusters and distances [m]; null where the run has not clustered yet. */
  readonly found: NearestTwo | null;
  /** Of the forward pass. */
  readonly forwardMs: number;
}

/** @param engine must outlive the network */
export function networkOn(engine: Engine, values: NetworkValues): RunNetwork {
  const { config, parameters, statistics } = values;
  const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
  const model = createModel(spec, engine);
  model.load(parameters, statistics);
  return { values, engine, spec, model };
}

/** Which rows of a network are wanted. */
export interface WantedRows {
  /** Null: clusters alone. */
  readonly layer: Layer | null;
  /** Whether the cluster that comes next is wanted: to find it takes longer. */
  readonly withSeconds: boolean;
}

export function rowsOf(
  network: RunNetwork,
  { pixels, ids }: Pick<LoadedViews, 'pixels' | 'ids'>,
  { layer, withSeconds }: WantedRows,
): NetworkRows {
  const { model, values, engine } = network;
  const { length: rows } = ids;
  const begin = performance.now();
  const outputs = model.outputs(pixels, rows);
  const forwardMs = performance.now() - begin;
  if (values.centroids === null && layer !== 'whitened') {
    return { features: layer === null ? null : outputs[layer], found: null, forwardMs };
  }
  const whitened = clusteringRows(values, engine, outputs.feature, rows);
  const features = layer === null ? null : layer === 'whitened' ? whitened : outputs[layer];
  const { centroids } = values;
  if (centroids === null) return { features, found: null, forwardMs };
  const found = withSeconds
    ? clustersOfRows(values, whitened, centroids)
    : nearestOfRows(values, engine, whitened, centroids);
  return { features, found, forwardMs };
}
