/**
 * A trained network as a graph: images in, features, clusters and logits out. What the graph
 * computes is what src/nn/evaluation-pass.ts computes: running statistics, no dropout; and
 * src/run/trained-network.ts for the clusters.
 */
import type { NamedArrays } from '../../arrays/safetensors.ts';
import { BATCH_NORM_EPSILON } from '../../engine/operations.ts';
import { MEAN, STD } from '../../engine/plain/front-end.ts';
import type { ModelSpec } from '../../nn/architectures.ts';
import {
  shapedLayers,
  type BatchNormLayer,
  type ConvLayer,
  type Layer,
  type MapShape,
} from '../../nn/layers.ts';
import type { GraphBuilder, Value } from './builder.ts';
import { drawClusters, drawRows, type ClusterArithmetic } from './clusters.ts';

export interface NetworkDrawing {
  readonly spec: ModelSpec;
  /** Variables and running statistics by name, as the builder's format has them. */
  readonly weights: NamedArrays;
  /** Null: no clusters. */
  readonly clusters: ClusterArithmetic | null;
  /** Of the clusters only the rows that are compared with centroids; left out: the clusters. */
  readonly endsAtRows?: boolean;
  readonly hasLogits: boolean;
}

/** Draws the whole graph with a builder. */
export function drawNetwork(builder: GraphBuilder, drawing: NetworkDrawing): void {
  const { spec, clusters, endsAtRows = false, hasLogits } = drawing;
  const { layers, representationLayer, featureLayer } = spec;
  const last = hasLogits
    ? layers.length - 1
    : clusters === null
      ? representationLayer
      : featureLayer;
  const pen: Pen = { builder, weights: drawing.weights };
  let state: Drawn = { value: frontEnd(builder, spec.sobel), shape: spec.input, isRows: false };
  for (const [i, layer] of layers.slice(0, last + 1).entries()) {
    state = drawLayer(layer, state, pen);
    if (i === representationLayer) {
      const says = `the representation: ${spec.representationName}`;
      const shape = [spec.representationDim];
      builder.output(state.value, { name: 'features', type: 'float32', shape, says });
    }
    if (i === featureLayer && clusters !== null) {
      (endsAtRows ? drawRows : drawClusters)(builder, state.value, clusters);
    }
  }
  if (!hasLogits) return;
  const says = "the head's logits, one a cluster of the last clustering that it was trained on";
  builder.output(state.value, { name: 'logits', type: 'float32', shape: [spec.classes], says });
}

/** Part of a network, drawn. */
interface Drawn {
  readonly value: Value;
  readonly shape: MapShape;
  /** Whether it is rows [N, C], not maps. */
  readonly isRows: boolean;
}

interface Pen {
  readonly builder: GraphBuilder;
  readonly weights: NamedArrays;
}

/** Normalised colours, or gradients of their mean; zeros lie around the normalised image. */
function frontEnd(builder: GraphBuilder, hasSobel: boolean): Value {
  const centred = builder.subtract(builder.images, builder.channels('input.mean', MEAN));
  const normalised = builder.divide(centred, builder.channels('input.std', STD));
  return hasSobel ? builder.sobel(normalised, 'sobel.weight', sobelTaps()) : normalised;
}

/** [2, 3, 3, 3]: left minus right and upper minus lower of the channels' plain mean. */
export function sobelTaps(): Float32Array {
  const across = [1, 0, -1, 2, 0, -2, 1, 0, -1];
  const down = [1, 2, 1, 0, 0, 0, -1, -2, -1];
  const taps = [across, down].flatMap((kernel) => [kernel, kernel, kernel].flat());
  return Float32Array.from(taps, (tap) => tap / 3);
}

function drawLayer(layer: Layer, drawn: Drawn, pen: Pen): Drawn {
  const { value, shape } = drawn;
  const { builder } = pen;
  if (layer.kind === 'dropout') return drawn;
  if (layer.kind === 'residual') return drawResidual(layer, drawn, pen);
  const output = shapedLayers([layer], shape)[0]!.output;
  const next = (result: Value, isRows = drawn.isRows): Drawn => ({
    value: result,
    shape: output,
    isRows,
  });
  switch (layer.kind) {
    case 'conv':
      return next(convolution(layer, value, pen));
    case 'batchNorm':
      return next(drawn.isRows ? scaledRows(layer, value, pen) : scaledMaps(layer, value, pen));
    case 'relu':
      return next(builder.relu(value));
    case 'maxPool':
      return next(builder.maxPool(value, layer));
    case 'globalAveragePool':
      return next(builder.globalAveragePool(value), true);
    case 'flatten':
      return next(builder.flatten(value, output.channels), true);
    case 'dense': {
      const [weight, bias] = [
        variable(layer.name, 'weight', pen),
        variable(layer.name, 'bias', pen),
      ];
      return next(builder.dense(value, weight, bias));
    }
    case 'cosine':
      throw new TypeError(`${layer.name}: prototypes are of training alone`);
  }
}

function drawResidual(
  { main, shortcut }: Extract<Layer, { kind: 'residual' }>,
  drawn: Drawn,
  pen: Pen,
): Drawn {
  const through = (layers: readonly Layer[]): Drawn =>
    layers.reduce((state: Drawn, layer) => drawLayer(layer, state, pen), drawn);
  const long = through(main);
  const sum = pen.builder.add(long.value, through(shortcut).value);
  return { ...long, value: pen.builder.relu(sum) };
}

function convolution(layer: ConvLayer, maps: Value, pen: Pen): Value {
  const bias = layer.hasBias ? variable(layer.name, 'bias', pen) : null;
  return pen.builder.convolve(maps, variable(layer.name, 'weight', pen), bias, layer);
}

function scaledMaps({ name, channels, isAffine }: BatchNormLayer, maps: Value, pen: Pen): Value {
  const fixed = (part: string, value: number): Value =>
    pen.builder.constant(`${name}.${part}`, {
      data: new Float32Array(channels).fill(value),
      shape: [channels],
    });
  return pen.builder.normaliseMaps(maps, {
    scale: isAffine ? variable(name, 'weight', pen) : fixed('weight', 1),
    shift: isAffine ? variable(name, 'bias', pen) : fixed('bias', 0),
    mean: variable(name, 'running_mean', pen),
    variance: variable(name, 'running_var', pen),
  });
}

/**
 * Rows less the mean, times gamma / sqrt(variance + epsilon), plus beta; not every format
 * normalises rows.
 */
function scaledRows({ name, isAffine }: BatchNormLayer, rows: Value, pen: Pen): Value {
  const { builder, weights } = pen;
  const variance = weights[`${name}.running_var`]!;
  const gamma = isAffine ? weights[`${name}.weight`]!.data : null;
  const data = Float32Array.from(
    variance.data,
    (value, i) => (gamma?.[i] ?? 1) / Math.sqrt(value + BATCH_NORM_EPSILON),
  );
  const scale = builder.constant(`${name}.scale`, { data, shape: variance.shape });
  const centred = builder.subtract(rows, variable(name, 'running_mean', pen));
  const scaled = builder.multiply(centred, scale);
  return isAffine ? builder.add(scaled, variable(name, 'bias', pen)) : scaled;
}

function variable(layer: string, part: string, { builder, weights }: Pen): Value {
  const name = `${layer}.${part}`;
  return builder.constant(name, weights[name]!);
}
