/** Elements made of plain values: what comes from paths and names is text, never markup. */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | null>} [attributes] null and false leave one out
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} "${id}"`);
  return found;
}

/**
 * @param {number} count
 * @param {string} noun
 */
export function noun(count, noun) {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * @param {number} share
 * @returns {string} with a space that does not break
 */
export function percent(share) {
  return `${Math.round(100 * share)}\u00A0%`;
}

/** @param {number} distance */
export function distanceText(distance) {
  return Number.isFinite(distance) ? distance.toPrecision(3) : '–';
}

/**
 * Its size, and what most of its images are, where that is known.
 * @param {import('./decode.js').Gallery} gallery
 * @param {number} cluster
 */
export function clusterFacts({ clusters, classes }, cluster) {
  const { sizes, majorities, purities } = clusters;
  const majority = majorities?.[cluster] ?? -1;
  const size = noun(sizes[cluster], 'image');
  if (!classes || !purities || majority < 0) return size;
  return `${size} · ${percent(purities[cluster])} ${classes[majority]}`;
}
