/**
 * The cluster of a row and the one that comes next, as src/clustering/nearest-two.ts finds them for
 * the run. No document here.
 * Shapes: K clusters, d columns.
 */

/** Added to the length of a centroid before dividing by it. */
const NORM_EPSILON = 1e-10;

/**
 * @typedef {object} CentroidRows
 * @property {Float32Array} centroids [K, d]
 * @property {number} dim
 * @property {'dot' | 'cosine' | 'distance'} metric
 *
 * @typedef {object} NearestTwo
 * @property {number} first
 * @property {number} distance Euclidean, whatever the metric
 * @property {number} second -1 where there is none
 * @property {number} secondDistance NaN where there is none
 */

/**
 * Ties go to the lower index; sums are in float64.
 * @param {Float32Array} row [d]
 * @param {CentroidRows} rows
 * @returns {NearestTwo}
 */
export function nearestTwo(row, { centroids, dim, metric }) {
  let [first, second] = [-1, -1];
  let [best, next] = [-Infinity, -Infinity];
  for (let cluster = 0; cluster * dim < centroids.length; cluster += 1) {
    const score = similarity(row, centroids.subarray(cluster * dim, (cluster + 1) * dim), metric);
    if (score > best) [first, best, second, next] = [cluster, score, first, best];
    else if (score > next) [second, next] = [cluster, score];
  }
  const distanceTo = (/** @type {number} */ cluster) =>
    distance(row, centroids.subarray(cluster * dim, (cluster + 1) * dim));
  return {
    ...{ first, distance: distanceTo(first), second },
    secondDistance: second < 0 ? NaN : distanceTo(second),
  };
}

/**
 * Orders clusters as the metric does: for the distance, x·c - |c|²/2.
 * @param {Float32Array} row
 * @param {Float32Array} centroid
 * @param {CentroidRows['metric']} metric
 */
function similarity(row, centroid, metric) {
  let [product, squares] = [0, 0];
  for (let j = 0; j < row.length; j += 1) {
    product += row[j] * centroid[j];
    squares += centroid[j] * centroid[j];
  }
  if (metric === 'dot') return product;
  if (metric === 'cosine') return product / (Math.sqrt(squares) + NORM_EPSILON);
  return product - squares / 2;
}

/** @param {Float32Array} row @param {Float32Array} centroid */
function distance(row, centroid) {
  let squares = 0;
  for (let j = 0; j < row.length; j += 1) squares += (row[j] - centroid[j]) ** 2;
  return Math.sqrt(squares);
}
