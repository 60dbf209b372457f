/** Which clusters lie near each other. Pure. Shapes: K centroids of d dimensions. */

/**
 * The nearest other clusters of each, by Euclidean distance of the centroids, of equal ones the lower
 * index first; clusters without images are no neighbours and have none.
 * @param centroids [K, d] float32
 * @param sizes [K]
 */
export function nearestClusters(
  centroids: Float32Array,
  dim: number,
  sizes: ArrayLike<number>,
  count: number,
): number[][] {
  const filled = Array.from(sizes, (size, i) => (size > 0 ? i : -1)).filter((i) => i >= 0);
  const neighbours: number[][] = Array.from(sizes, () => []);
  const squares = new Float64Array(sizes.length);
  for (const own of filled) {
    for (const other of filled) squares[other] = squaredDistance(centroids, dim, own, other);
    const others = filled.filter((other) => other !== own);
    others.sort((a, b) => squares[a]! - squares[b]! || a - b);
    neighbours[own] = others.slice(0, count);
  }
  return neighbours;
}

function squaredDistance(rows: Float32Array, dim: number, a: number, b: number): number {
  let sum = 0;
  for (let i = 0; i < dim; i += 1) {
    const difference = rows[a * dim + i]! - rows[b * dim + i]!;
    sum += difference * difference;
  }
  return sum;
}
