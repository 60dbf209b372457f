/** Thumbnails out of the sprite sheets. A sheet is taken up when the first of its thumbnails is shown. */
import { element } from './elements.js';

/**
 * @typedef {import('./decode.js').Gallery} Gallery
 * @typedef {{ sheet: HTMLImageElement, x: number, y: number, side: number }} Picture
 */

export class Thumbnails {
  /** @type {Gallery} */
  #gallery;
  /** By number of the sheet: a style rule has its picture. @type {Set<number>} */
  #taken = new Set();
  /** Sheets that were asked for by {@link picture}. @type {Map<number, HTMLImageElement>} */
  #sheets = new Map();
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

  /**
   * Where a thumbnail lies in its sheet, for a canvas; null where there is none, or the sheet is not there yet.
   * @param {number} image
   * @param {() => void} onLoad called once the sheet is there
   * @returns {Picture | null}
   */
  picture(image, onLoad) {
    const { cells, sprites } = this.#gallery;
    const { columns, perSheet, side } = sprites;
    const cell = cells[image] ?? -1;
    if (cell < 0) return null;
    const number = Math.floor(cell / perSheet);
    const sheet = this.#sheets.get(number) ?? this.#load(number, onLoad);
    if (!sheet.complete || sheet.naturalWidth === 0) return null;
    const place = cell % perSheet;
    const [row, column] = [Math.floor(place / columns), place % columns];
    return { sheet, x: column * side, y: row * side, side };
  }

  /**
   * @param {number} number
   * @param {() => void} onLoad
   */
  #load(number, onLoad) {
    const sheet = new Image();
    sheet.addEventListener('load', onLoad, { once: true });
    sheet.src = this.#addressOf(number);
    this.#sheets.set(number, sheet);
    return sheet;
  }

  /** @param {number} sheet */
  #takeUp(sheet) {
    if (this.#taken.has(sheet)) return;
    this.#taken.add(sheet);
    const { columns } = this.#gallery.sprites;
    this.#style.sheet?.insertRule(
      `.sheet-${sheet}{background-image:url("${this.#addressOf(sheet)}");background-size:calc(${columns} * var(--side)) auto}`,
    );
  }

  /** @param {number} sheet */
  #addressOf(sheet) {
    const { sheets } = this.#gallery.sprites;
    if (sheets !== null) return sheets[sheet] ?? '';
    return `data:image/webp;base64,${document.getElementById(`sheet-${sheet}`)?.textContent ?? ''}`;
  }
}
