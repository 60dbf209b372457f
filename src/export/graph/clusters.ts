/**
 * From the feature to its cluster, as the run assigns its images: PCA with whitening where it has
 * one, unit rows, the most similar centroid. Sources: spec of DeepCluster, section 4;
 * src/clustering/nearest-two.ts for the three metrics. Shapes: D dimensions of the feature, d of
 * a row, K clusters. All in float32, products of K centroids at a time.
 */
import { NORM_EPSILON, squaredLength, type RowMetric } from '../../clustering/nearest-two.ts';
import type { Whitening } from '../../clustering/whitening.ts';
import type { Centroids } from '../../run/open-run.ts';
import type { GraphBuilder, Value } from './builder.ts';

export interface ClusterArithmetic {
  /** Null: unit rows alone. */
  readonly whitening: Whitening | null;
  readonly centroids: Centroids;
  readonly metric: RowMetric;
}

/** Names of the arrays, in the safetensors format and in graphs alike. */
export const CLUSTER_ARRAYS = {
  mean: 'whitening.mean',
  components: 'whitening.components',
  eigenvalues: 'whitening.eigenvalues',
  centroids: 'centroids',
} as const;

/** Adds the outputs `cluster` [N] and `distance` [N]. @param feature [N, D] */
export function drawClusters(
  builder: GraphBuilder,
  feature: Value,
  { whitening, centroids, metric }: ClusterArithmetic,
): void {
  const { values, count, dim } = centroids;
  const means = builder.constant(CLUSTER_ARRAYS.centroids, { data: values, shape: [count, dim] });
  const rows = clusteringRows(builder, feature, whitening);
  const cluster = builder.largest(
    similarities(builder, builder.dotProducts(rows, means), { centroids, metric }),
  );
  const difference = builder.subtract(rows, builder.rowsAt(means, cluster));
  const distance = builder.squareRoot(builder.sumOfSquares(difference, false));
  builder.output(cluster, {
    ...{ name: 'cluster', type: 'int64', shape: [] },
    says: 'the cluster that the run would give the image, from 0',
  });
  builder.output(distance, {
    ...{ name: 'distance', type: 'float32', shape: [] },
    says: 'Euclidean distance to the centroid of that cluster, in the space of the clustering',
  });
}

/** Adds the output `row` [N, d] alone, for readers who compare it with the centroids themselves. */
export function drawRows(
  builder: GraphBuilder,
  feature: Value,
  { whitening, centroids: { dim } }: ClusterArithmetic,
): void {
  builder.output(clusteringRows(builder, feature, whitening), {
    ...{ name: 'row', type: 'float32', shape: [dim] },
    says: 'what is compared with the centroids',
  });
}

/** @param feature [N, D] @returns [N, d] */
function clusteringRows(builder: GraphBuilder, feature: Value, whitening: Whitening | null): Value {
  return unitRows(builder, whitening === null ? feature : whitened(builder, feature, whitening));
}

function whitened(
  builder: GraphBuilder,
  feature: Value,
  { inDim, outDim, mean, components }: Whitening,
): Value {
  const centre = builder.constant(CLUSTER_ARRAYS.mean, {
    data: Float32Array.from(mean),
    shape: [inDim],
  });
  const rows = builder.constant(CLUSTER_ARRAYS.components, {
    data: Float32Array.from(components),
    shape: [outDim, inDim],
  });
  return builder.dotProducts(builder.subtract(feature, centre), rows);
}

/** A row of zeros stays one. */
function unitRows(builder: GraphBuilder, rows: Value): Value {
  const epsilon = builder.constant('rows.epsilon', {
    data: Float32Array.of(NORM_EPSILON),
    shape: [1],
  });
  const length = builder.add(builder.squareRoot(builder.sumOfSquares(rows, true)), epsilon);
  return builder.divide(rows, length);
}

/**
 * Products with the centroids, made to order clusters as the metric does: for the distance, x·c -
 * |c|²/2.
 */
function similarities(
  builder: GraphBuilder,
  products: Value,
  { centroids: { values, count, dim }, metric }: Pick<ClusterArithmetic, 'centroids' | 'metric'>,
): Value {
  if (metric === 'dot') return products;
  const of = (term: (squares: number) => number): Float32Array =>
    Float32Array.from({ length: count }, (_, c) => term(squaredLength(values, c * dim, dim)));
  if (metric === 'distance') {
    const data = of((squares) => squares / 2);
    return builder.subtract(
      products,
      builder.constant('centroids.shift', { data, shape: [count] }),
    );
  }
  const data = of((squares) => 1 / (Math.sqrt(squares) + NORM_EPSILON));
  return builder.multiply(products, builder.constant('centroids.scale', { data, shape: [count] }));
}
