/** One cluster: its images from the centroid outward, those far out marked, and the clusters near it. */
import { clusterFacts, distanceText, element } from './elements.js';
import { fileOf, imagesOf, isFar } from './query.js';
import { VirtualGrid } from './virtual-grid.js';

/** Thumbnails of a neighbour. */
const NEIGHBOUR_STRIP = 3;

/** @typedef {import('./decode.js').Gallery} Gallery */
/** @typedef {import('./sprites.js').Thumbnails} Thumbnails */

/**
 * @typedef {object} DetailActions
 * @property {(cluster: number, step: number) => number | null} beside
 * @property {(image: number) => void} look at an image, on the map too
 */

export class ClusterDetail {
  /** @type {Gallery} */
  #gallery;
  /** @type {Thumbnails} */
  #thumbnails;
  /** @type {DetailActions} */
  #actions;
  /** @type {number[]} */
  #images = [];
  #head = element('div', { class: 'detail-head' });
  #inspector = element('div', { class: 'inspector', 'aria-live': 'polite' });
  #grid;
  element;

  /**
   * @param {Gallery} gallery
   * @param {Thumbnails} thumbnails
   * @param {DetailActions} actions
   */
  constructor(gallery, thumbnails, actions) {
    this.#gallery = gallery;
    this.#thumbnails = thumbnails;
    this.#actions = actions;
    this.#grid = new VirtualGrid({
      name: 'Images, from the centroid outward',
      look: 'tiles-frame',
      isGrid: true,
      make: (index) => this.#tile(/** @type {number} */ (this.#images[index])),
      onFocus: (index) => this.#inspect(/** @type {number} */ (this.#images[index])),
    });
    this.element = element(
      'article',
      { class: 'detail', hidden: true },
      this.#head,
      this.#grid.frame,
      this.#inspector,
    );
  }

  /**
   * @param {number} cluster
   * @param {Uint8Array | null} mask
   */
  show(cluster, mask) {
    this.#images = imagesOf(this.#gallery.starts, mask, cluster);
    this.#head.replaceChildren(...this.#headOf(cluster, mask !== null));
    this.#grid.show(this.#images.length);
    if (this.#images[0] === undefined) this.#inspector.replaceChildren();
    else this.#inspect(this.#images[0]);
  }

  focusTitle() {
    this.#head.querySelector('h3')?.focus();
  }

  /**
   * @param {number} cluster
   * @param {boolean} isFiltered
   */
  #headOf(cluster, isFiltered) {
    return [
      element(
        'nav',
        { class: 'detail-bar', 'aria-label': 'Clusters in the list' },
        element('a', { class: 'button', href: '#all-clusters' }, '← All clusters'),
        this.#beside(cluster, -1, 'Previous'),
        this.#beside(cluster, 1, 'Next'),
      ),
      element('h3', { tabindex: '-1' }, `Cluster ${cluster.toLocaleString('en')}`),
      element('p', { class: 'detail-facts' }, this.#facts(cluster, isFiltered)),
      this.#neighbours(cluster),
    ].filter((part) => part !== null);
  }

  /**
   * @param {number} cluster
   * @param {number} step
   * @param {string} text
   */
  #beside(cluster, step, text) {
    const other = this.#actions.beside(cluster, step);
    return other === null
      ? null
      : element('a', { class: 'button', href: `#cluster-${other}` }, text);
  }

  /**
   * @param {number} cluster
   * @param {boolean} isFiltered
   */
  #facts(cluster, isFiltered) {
    const { clusters, distances } = this.#gallery;
    const { sizes, meanDistances } = clusters;
    const facts = [clusterFacts(this.#gallery, cluster)];
    if (isFiltered || this.#images.length < sizes[cluster]) {
      facts.push(`${this.#images.length.toLocaleString('en')} shown`);
    }
    if (distances !== null) {
      facts.push(`mean distance ${distanceText(meanDistances[cluster])}`);
      const far = this.#images.filter((image) => isFar(this.#gallery, image)).length;
      facts.push(far === 0 ? 'none far out' : `${far.toLocaleString('en')} far out, marked`);
    }
    return facts.join(' · ');
  }

  /** @param {number} cluster */
  #neighbours(cluster) {
    const near = this.#gallery.clusters.neighbours?.[cluster] ?? [];
    if (near.length === 0) return null;
    const links = near.map((other) => {
      const images = imagesOf(this.#gallery.starts, null, other, NEIGHBOUR_STRIP);
      return element(
        'li',
        {},
        element(
          'a',
          { href: `#cluster-${other}`, class: 'neighbour' },
          element('span', { class: 'strip' }, ...images.map((i) => this.#thumbnails.of(i, true))),
          element('span', {}, `Cluster ${other.toLocaleString('en')}`),
        ),
      );
    });
    return element(
      'div',
      { class: 'neighbours' },
      element('h4', {}, 'Nearest clusters'),
      element('ul', {}, ...links),
    );
  }

  /** @param {number} image */
  #tile(image) {
    const far = isFar(this.#gallery, image);
    const path = this.#gallery.paths[image] ?? '';
    const tile = element(
      'button',
      {
        type: 'button',
        class: far ? 'tile-button far' : 'tile-button',
        title: path,
        'aria-label': far ? `${path}, far out` : path,
      },
      this.#thumbnails.of(image, true),
    );
    tile.addEventListener('click', () => this.#inspect(image));
    return tile;
  }

  /** @param {number} image */
  #inspect(image) {
    const { paths, classes, labels } = this.#gallery;
    const label = classes && labels ? element('p', {}, `class ${classes[labels[image]]}`) : null;
    this.#inspector.replaceChildren(
      this.#thumbnails.of(image, true),
      element(
        'div',
        {},
        element('p', { class: 'inspected-path' }, paths[image] ?? ''),
        ...this.#fileLink(image),
        ...[label, ...this.#distanceLines(image)].filter((line) => line !== null),
      ),
    );
    this.#actions.look(image);
  }

  /** @param {number} image */
  #fileLink(image) {
    const href = fileOf(this.#gallery, image, location.protocol);
    if (href === null) return [];
    return [element('p', {}, element('a', { href, target: '_blank' }, 'Open the image'))];
  }

  /** @param {number} image */
  #distanceLines(image) {
    const { distances, seconds, secondDistances, clusterOf, clusters } = this.#gallery;
    if (distances === null) return [];
    const cluster = clusterOf[image];
    const far = isFar(this.#gallery, image) ? ', far out' : '';
    const mean = clusters.meanDistances[cluster];
    const own = `distance ${distanceText(distances[image])} (mean ${distanceText(mean)}${far})`;
    const second = seconds?.[image] ?? -1;
    if (second < 0) return [element('p', {}, own)];
    const next = distanceText(secondDistances?.[image] ?? NaN);
    return [
      element('p', {}, own),
      element(
        'p',
        {},
        'next ',
        element('a', { href: `#cluster-${second}` }, `cluster ${second.toLocaleString('en')}`),
        `, distance ${next}`,
      ),
    ];
  }
}
