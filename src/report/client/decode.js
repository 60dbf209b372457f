/**
 * The data that the page brings along, as gallery-data.ts writes it.
 * Shapes: n images that are listed, by cluster, then from the centroid outward; K clusters; m points.
 */

/**
 * @typedef {object} Clusters [K] each
 * @property {Int32Array} sizes
 * @property {Float32Array} meanDistances NaN where not known
 * @property {Float32Array} fences beyond which an image is far; NaN where there is no telling
 * @property {Int32Array | null} majorities most frequent class
 * @property {Float32Array | null} purities its share
 * @property {number[][] | null} neighbours nearest first
 *
 * @typedef {object} PointMap
 * @property {'images' | 'clusters'} of
 * @property {Float32Array} points [m, 2]
 * @property {Int32Array} images [m] place among the listed images
 * @property {Int32Array} clusters [m]
 *
 * @typedef {object} Gallery
 * @property {number} images
 * @property {string | null} folder `file:` address that paths are relative to
 * @property {string[]} paths [n]
 * @property {Int32Array} starts [K + 1]
 * @property {Int32Array} clusterOf [n]
 * @property {Float32Array | null} distances [n]
 * @property {Int32Array | null} seconds [n]
 * @property {Float32Array | null} secondDistances [n]
 * @property {string[] | null} classes
 * @property {Int32Array | null} labels [n]
 * @property {Int32Array} cells [n] -1: no thumbnail
 * @property {Clusters} clusters
 * @property {{ side: number, columns: number, perSheet: number, sheets: string[] | null }} sprites
 * @property {PointMap | null} map
 */

/**
 * @param {string} json
 * @returns {Gallery}
 */
export function readGallery(json) {
  const raw = JSON.parse(json);
  const { clusters, map } = raw;
  const starts = integers(raw.starts);
  return {
    ...raw,
    starts,
    clusterOf: clustersFrom(starts),
    distances: raw.distances && floats(raw.distances),
    seconds: raw.seconds && integers(raw.seconds),
    secondDistances: raw.secondDistances && floats(raw.secondDistances),
    labels: raw.labels && integers(raw.labels),
    cells: integers(raw.cells),
    clusters: {
      sizes: integers(clusters.sizes),
      meanDistances: floats(clusters.meanDistances),
      fences: floats(clusters.fences),
      majorities: clusters.majorities && integers(clusters.majorities),
      purities: clusters.purities && floats(clusters.purities),
      neighbours: clusters.neighbours,
    },
    map: map && {
      of: map.of,
      points: floats(map.points),
      images: integers(map.images),
      clusters: integers(map.clusters),
    },
  };
}

/** @param {string} text base64 */
function integers(text) {
  return new Int32Array(bytesOf(text).buffer);
}

/** @param {string} text base64 */
export function floats(text) {
  return new Float32Array(bytesOf(text).buffer);
}

/** @param {string} text base64 */
export function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** @param {Int32Array} starts */
function clustersFrom(starts) {
  const clusters = new Int32Array(starts[starts.length - 1] ?? 0);
  for (let cluster = 0; cluster + 1 < starts.length; cluster += 1) {
    clusters.fill(cluster, starts[cluster], starts[cluster + 1]);
  }
  return clusters;
}
