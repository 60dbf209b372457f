/** Which clusters and images are shown, and in what order. No document here. */

/** @typedef {import('./decode.js').Gallery} Gallery */
/** @typedef {'size' | 'purity' | 'tightness' | 'number'} SortKey */

/**
 * Images whose paths hold every word of the query, in whatever case and order.
 * @param {readonly string[]} lowered paths in lower case
 * @param {string} query
 * @returns {Uint8Array | null} 1 where an image is one of them; null for no words
 */
export function imagesWith(lowered, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  return Uint8Array.from(lowered, (path) => (words.every((word) => path.includes(word)) ? 1 : 0));
}

/**
 * The cluster that `#7` names.
 * @param {string} query
 * @param {number} count
 */
export function clusterNamed(query, count) {
  const number = /^\s*#\s*(\d+)\s*$/.exec(query)?.[1];
  return number !== undefined && Number(number) < count ? Number(number) : null;
}

/**
 * Images that every filter lets through.
 * @param {readonly (Uint8Array | null)[]} masks null lets all through
 * @returns {Uint8Array | null}
 */
export function allOf(masks) {
  const filters = masks.filter((mask) => mask !== null);
  if (filters.length <= 1) return filters[0] ?? null;
  return filters[0].map((value, i) => (filters.every((mask) => mask[i] === 1) ? value : 0));
}

/**
 * Images of each cluster that a filter lets through.
 * @param {Int32Array} starts [K + 1]
 * @param {Uint8Array} mask
 */
export function countByCluster(starts, mask) {
  const counts = new Int32Array(starts.length - 1);
  for (let cluster = 0; cluster < counts.length; cluster += 1) {
    for (let i = starts[cluster]; i < starts[cluster + 1]; i += 1) counts[cluster] += mask[i];
  }
  return counts;
}

/**
 * Clusters in the order to show: largest, purest, tightest first, or by number; of equal ones the
 * lower number. What has no figure comes last, in either direction.
 * @param {import('./decode.js').Clusters} clusters
 * @param {Int32Array | null} counts of a filter: only clusters with an image are shown
 * @param {SortKey} key
 * @param {boolean} isReversed
 * @returns {number[]}
 */
export function sortClusters(clusters, counts, key, isReversed) {
  const { sizes, purities, meanDistances } = clusters;
  const shown = [...sizes.keys()].filter((cluster) => counts === null || counts[cluster] > 0);
  /** @type {Record<SortKey, (cluster: number) => number>} lowest first */
  const figures = {
    size: (cluster) => -sizes[cluster],
    purity: (cluster) => -(purities?.[cluster] ?? NaN),
    tightness: (cluster) => meanDistances[cluster],
    number: (cluster) => cluster,
  };
  const figure = figures[key];
  const direction = isReversed ? -1 : 1;
  return shown.sort((a, b) => {
    const [left, right] = [figure(a), figure(b)];
    const missing = Number(Number.isNaN(left)) - Number(Number.isNaN(right));
    if (missing !== 0) return missing;
    return direction * (left - right) || a - b;
  });
}

/**
 * Listed images of a cluster that a filter lets through, from the centroid outward.
 * @param {Int32Array} starts
 * @param {Uint8Array | null} mask
 * @param {number} cluster
 * @param {number} [limit]
 */
export function imagesOf(starts, mask, cluster, limit = Infinity) {
  /** @type {number[]} */
  const images = [];
  for (let i = starts[cluster]; i < starts[cluster + 1] && images.length < limit; i += 1) {
    if (mask === null || mask[i] === 1) images.push(i);
  }
  return images;
}

/**
 * Whether an image lies far from its centroid, for its cluster.
 * @param {Gallery} gallery
 * @param {number} image
 */
export function isFar({ distances, clusterOf, clusters }, image) {
  return distances !== null && distances[image] > clusters.fences[clusterOf[image]];
}

/**
 * Address of an image's file, for a page that is itself a file on a disk; null where there is none, or
 * the path is only the readable form (`\\x..`) of bytes that are no text.
 * @param {Pick<Gallery, 'folder' | 'paths'>} gallery
 * @param {number} image
 * @param {string} protocol of the page
 */
export function fileOf({ folder, paths }, image, protocol) {
  const path = paths[image];
  if (folder === null || protocol !== 'file:' || path.includes('\\x')) return null;
  return folder + path.split('/').map(encodeURIComponent).join('/');
}
