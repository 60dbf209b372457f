/** Thumbnails out of the sprite sheets. A sheet is taken up when the first of its thumbnails is shown. */
import { element } from './elements.js';

/** @typedef {import('./decode.js').Gallery} Gallery */

export class Thumbnails {
  /** @type {Gallery} */
  #gallery;
  /** By number of the sheet: a style rule has its picture. @type {Set<number>} */
  #taken = new Set();
  #style = document.head.appendChild(document.createElement('style'));

  /** @param {Gallery} gallery */
  constructor(gallery) {
    this.#gallery = gallery;
  }

  /**
   * A picture as large as its style says: `--side`.
   * @param {number} image
   * @param {boolean} [isDecoration] its path is told beside it
   */
  of(image, isDecoration = false) {
    const { cells, paths, sprites } = this.#gallery;
    const cell = cells[image];
    const told = isDecoration
      ? { 'aria-hidden': 'true' }
      : { role: 'img', 'aria-label': paths[image] };
    if (cell < 0) return element('span', { class: 'thumb none', ...told });
    const { columns, perSheet } = sprites;
    const sheet = Math.floor(cell / perSheet);
    this.#takeUp(sheet);
    const place = cell % perSheet;
    const thumb = element('span', { class: `thumb sheet-${sheet}`, ...told });
    thumb.style.setProperty('--column', String(place % columns));
    thumb.style.setProperty('--row', String(Math.floor(place / columns)));
    return thumb;
  }

  /** @param {number} sheet */
  #takeUp(sheet) {
    if (this.#taken.has(sheet)) return;
    this.#taken.add(sheet);
    const { sheets } = this.#gallery.sprites;
    const url =
      sheets === null
        ? `data:image/webp;base64,${document.getElementById(`sheet-${sheet}`)?.textContent ?? ''}`
        : sheets[sheet];
    const { columns } = this.#gallery.sprites;
    this.#style.sheet?.insertRule(
      `.sheet-${sheet}{background-image:url("${url}");background-size:calc(${columns} * var(--side)) auto}`,
    );
  }
}
