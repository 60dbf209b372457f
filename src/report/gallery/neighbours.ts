/** Which clusters lie near each other. Pure. Shapes: K centroids of d dimensions. */

/**
 * Dimensions that are added up before it is asked whether a distance can still be among the
 * least.
 */
const STRIDE = 32;

/**
 * The nearest other clusters of each, by Euclidean distance of the centroids, of equal ones the
 * lower index first; clusters without images are no neighbours and have none.
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
  const rows = { centroids, dim };
  return Array.from(sizes, (size, own) => (size > 0 ? nearestOf(own, filled, rows, count) : []));
}

interface Rows {
  readonly centroids: Float32Array;
  readonly dim: number;
}

/** Keeps the least so far in order; what is farther than all of them is not added up to its end. */
function nearestOf(own: number, others: readonly number[], rows: Rows, count: number): number[] {
  const nearest: number[] = [];
  const squares: number[] = [];
  for (const other of others) {
    if (other === own) continue;
    const limit = nearest.length < count ? Infinity : squares[count - 1]!;
    const square = squaredDistance(rows, own, other, limit);
    if (square >= limit) continue;
    // After those that are as near: others come in the order of their index.
    let place = squares.length;
    while (place > 0 && squares[place - 1]! > square) place -= 1;
    squares.splice(place, 0, square);
    nearest.splice(place, 0, other);
    if (nearest.length > count) {
      squares.pop();
      nearest.pop();
    }
  }
  return nearest;
}

/** Summed in float64; at `limit` or more, some number that is too. */
function squaredDistance({ centroids, dim }: Rows, a: number, b: number, limit: number): number {
  let sum = 0;
  for (let begin = 0; begin < dim && sum < limit; begin += STRIDE) {
    const end = Math.min(dim, begin + STRIDE);
    for (let i = begin; i < end; i += 1) {
      const difference = centroids[a * dim + i]! - centroids[b * dim + i]!;
      sum += difference * difference;
    }
  }
  return sum;
}
