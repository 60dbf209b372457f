/** All clusters, a row each. */
import { distanceText, element, noun, percent } from './elements.js';
import { imagesOf } from './query.js';
import { VirtualGrid } from './virtual-grid.js';

/** Thumbnails of a row; as many are seen as have room. */
const STRIP = 12;

/** @typedef {import('./decode.js').Gallery} Gallery */
/** @typedef {import('./sprites.js').Thumbnails} Thumbnails */

export class ClusterList {
  /** @type {Gallery} */
  #gallery;
  /** @type {Thumbnails} */
  #thumbnails;
  /** @type {number[]} */
  #order = [];
  /** @type {Uint8Array | null} */
  #mask = null;
  /** @type {Int32Array | null} */
  #counts = null;
  #grid;
  element;

  /**
   * @param {Gallery} gallery
   * @param {Thumbnails} thumbnails
   */
  constructor(gallery, thumbnails) {
    this.#gallery = gallery;
    this.#thumbnails = thumbnails;
    this.#grid = new VirtualGrid({
      name: 'Clusters',
      look: 'rows',
      isGrid: false,
      make: (index) => this.#row(/** @type {number} */ (this.#order[index])),
    });
    this.element = this.#grid.frame;
  }

  /**
   * @param {number[]} order clusters
   * @param {Uint8Array | null} mask images that are shown
   * @param {Int32Array | null} counts by cluster
   */
  show(order, mask, counts) {
    [this.#order, this.#mask, this.#counts] = [order, mask, counts];
    this.#grid.show(order.length);
  }

  /** After it was out of sight. */
  refresh() {
    this.#grid.refresh();
  }

  /** @param {number} cluster */
  focus(cluster) {
    const index = this.#order.indexOf(cluster);
    if (index >= 0) this.#grid.focus(index);
  }

  /** The next cluster in the list, or the one before. @param {number} cluster @param {number} step */
  beside(cluster, step) {
    const index = this.#order.indexOf(cluster);
    return index < 0 ? null : (this.#order[index + step] ?? null);
  }

  /** @param {number} cluster */
  #row(cluster) {
    const { clusters, starts } = this.#gallery;
    const shown = imagesOf(starts, this.#mask, cluster, STRIP);
    const size = clusters.sizes[cluster];
    const isPart = this.#counts !== null && this.#counts[cluster] < size;
    const sizeText = isPart
      ? `${this.#counts?.[cluster].toLocaleString('en')} of ${noun(size, 'image')}`
      : noun(size, 'image');
    return element(
      'a',
      { class: 'row', href: `#cluster-${cluster}` },
      element(
        'span',
        { class: 'row-head' },
        element('b', {}, `Cluster ${cluster.toLocaleString('en')}`),
        element('span', {}, sizeText),
      ),
      this.#purity(cluster),
      this.#tightness(cluster),
      element('span', { class: 'strip' }, ...shown.map((i) => this.#thumbnails.of(i, true))),
    );
  }

  /** @param {number} cluster */
  #purity(cluster) {
    const { clusters, classes } = this.#gallery;
    const { majorities, purities } = clusters;
    if (classes === null || majorities === null || purities === null) return null;
    const majority = majorities[cluster];
    if (majority < 0) return element('span', { class: 'row-purity' });
    const bar = element('span', { class: 'share', 'aria-hidden': 'true' }, element('span'));
    bar.style.setProperty('--share', String(purities[cluster]));
    return element(
      'span',
      { class: 'row-purity' },
      bar,
      element('span', {}, `${percent(purities[cluster])} ${classes[majority]}`),
    );
  }

  /** @param {number} cluster */
  #tightness(cluster) {
    if (this.#gallery.distances === null) return null;
    const mean = this.#gallery.clusters.meanDistances[cluster];
    return element(
      'span',
      { class: 'row-tightness' },
      Number.isFinite(mean) ? `mean distance ${distanceText(mean)}` : '',
    );
  }
}
