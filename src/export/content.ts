/**
 * What an export takes out of a run: its network, with the head and the clusters if they are
 * asked for, and the facts that go with it. Shapes: P parameters, S statistics, as in src/ps.
 */
import type { NamedArrays } from '../arrays/safetensors.ts';
import { algorithmNamed } from '../algorithms/registry.ts';
import { MEAN, STD } from '../engine/plain/front-end.ts';
import { TrainerError } from '../errors.ts';
import { describeModel, type ModelSpec } from '../nn/architectures.ts';
import { toPytorch } from '../nn/pytorch-names.ts';
import { packageVersion } from '../process/package-root.ts';
import { bodyCount, type ParameterLayout } from '../ps/layout.ts';
import type { OpenedRun } from '../run/open-run.ts';
import { CLUSTER_ARRAYS, type ClusterArithmetic } from './graph/clusters.ts';

export interface ExportContent {
  readonly run: OpenedRun;
  readonly spec: ModelSpec;
  /** Null: not asked for. */
  readonly clusters: ClusterArithmetic | null;
  readonly hasHead: boolean;
  /** By name: what the export is of, for the file and for the card beside it. */
  readonly facts: Readonly<Record<string, string>>;
}

export interface ContentOptions {
  readonly clusters: boolean;
  readonly head: boolean;
}

/**
 * @throws TrainerError CONFIG_INVALID for clusters of a run that has none yet, and a head that it
 * has never
 */
export function contentOf(run: OpenedRun, { clusters, head }: ContentOptions): ExportContent {
  const { config } = run;
  const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
  if (head && !spec.hasHead) {
    const problem = `has no head, ${config.algorithm} compares features with its clusters' centroids; give --clusters in place of --head`;
    throw new TrainerError('CONFIG_INVALID', `run folder ${run.path}: ${problem}`, {
      folder: run.path,
    });
  }
  return {
    ...{ run, spec, hasHead: head, facts: factsOf(run, spec) },
    clusters: clusters ? clustersOf(run) : null,
  };
}

function clustersOf({ path, config, centroids, whitening }: OpenedRun): ClusterArithmetic {
  if (centroids === null) {
    const problem = 'has no clusters yet; leave --clusters out, or wait for its first clustering';
    throw new TrainerError('CONFIG_INVALID', `run folder ${path}: ${problem}`, { folder: path });
  }
  return { whitening, centroids, metric: algorithmNamed(config.algorithm).metric(config) };
}

function factsOf(
  { runId, config, step, checkpoint, images }: OpenedRun,
  spec: ModelSpec,
): ExportContent['facts'] {
  const { architecture, imageSize, sobel, representationName, representationDim } = spec;
  return {
    producer: `deepcluster-ps ${packageVersion()}`,
    runId,
    algorithm: config.algorithm,
    architecture,
    neck: config.model.neck,
    step: String(step),
    checkpoint,
    images: String(images.count),
    imageSize: String(imageSize),
    resizeRatio: String(config.data.resizeRatio),
    sobel: String(sobel),
    mean: JSON.stringify(MEAN),
    std: JSON.stringify(STD),
    features: representationName,
    featureDim: String(representationDim),
    clusters: String(config.clustering.k),
    metric: algorithmNamed(config.algorithm).metric(config),
    model: JSON.stringify(config.model),
  };
}

/** The layout without the head's variables, which are its last. */
export function withoutHead(layout: ParameterLayout): ParameterLayout {
  return {
    ...layout,
    variables: layout.variables.filter(({ group }) => group === 'body'),
    parameterCount: bodyCount(layout),
  };
}

/** What of the network is exported. */
export function exportedLayout({ spec, hasHead }: ExportContent): ParameterLayout {
  return hasHead ? spec.layout : withoutHead(spec.layout);
}

/** Parameters of {@link exportedLayout}, a view. */
export function exportedParameters(content: ExportContent): Float32Array {
  return content.run.parameters.subarray(0, exportedLayout(content).parameterCount);
}

/** Every exported array as PyTorch's modules have it. */
export function pytorchArrays(content: ExportContent): NamedArrays {
  const layout = exportedLayout(content);
  const { layers } = content.spec;
  return toPytorch({ layers, layout }, exportedParameters(content), content.run.statistics);
}

/**
 * The same in the engine's order, as views: convolutions [kh, kw, in, out], fully connected
 * layers [in, out].
 */
export function engineArrays(content: ExportContent): NamedArrays {
  const { variables, statistics } = exportedLayout(content);
  const views = (specs: ParameterLayout['statistics'], vector: Float32Array) =>
    specs.map(({ name, shape, offset, size }) => {
      return [name, { data: vector.subarray(offset, offset + size), shape }] as const;
    });
  return Object.fromEntries([
    ...views(variables, content.run.parameters),
    ...views(statistics, content.run.statistics),
  ]);
}

/** Whitening [D], [d, D], [d] in float64 as it was solved, and centroids [K, d] in float32. */
export function clusterArrays({ whitening, centroids }: ClusterArithmetic): NamedArrays {
  const { values, count, dim } = centroids;
  const means = { [CLUSTER_ARRAYS.centroids]: { data: values, shape: [count, dim] } };
  if (whitening === null) return means;
  const { inDim, outDim, mean, components, eigenvalues } = whitening;
  return {
    ...means,
    [CLUSTER_ARRAYS.mean]: { data: mean, shape: [inDim] },
    [CLUSTER_ARRAYS.components]: { data: components, shape: [outDim, inDim] },
    [CLUSTER_ARRAYS.eigenvalues]: { data: eigenvalues, shape: [outDim] },
  };
}
