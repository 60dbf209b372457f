/**
 * A list or grid of any length, of which only what is in sight is in the document. One item at a time
 * can be reached with Tab; arrows, Home, End and pages move from there.
 */
import { element } from './elements.js';
import { movedBy, scrolledTo, visibleItems } from './window.js';

/** Rows kept above and below those in sight. */
const AROUND = 4;

/**
 * @typedef {object} GridOptions
 * @property {string} name of the list, for those who do not see it
 * @property {string} look class of the list
 * @property {boolean} isGrid as many columns as fit, else one
 * @property {(index: number) => HTMLElement} make a link or button
 * @property {(index: number) => void} [onFocus]
 */

export class VirtualGrid {
  /** The scrolling frame. */
  frame;
  /** @type {GridOptions} */
  #options;
  #list;
  /** By index, those in the document. @type {Map<number, HTMLLIElement>} */
  #items = new Map();
  #count = 0;
  /** Which one Tab reaches. */
  #active = 0;
  #columns = 1;
  #rowHeight = 1;
  #columnWidth = 1;
  #isScheduled = false;

  /** @param {GridOptions} options */
  constructor(options) {
    this.#options = options;
    this.#list = element('ul', { 'aria-label': options.name });
    this.frame = element('div', { class: `frame ${options.look}` }, this.#list);
    this.frame.addEventListener('scroll', () => this.#schedule(), { passive: true });
    this.frame.addEventListener('keydown', (event) => this.#move(event));
    this.frame.addEventListener('focusin', (event) => this.#noteFocus(event));
    new ResizeObserver(() => this.#schedule()).observe(this.frame);
  }

  /**
   * Shows other items, from the top.
   * @param {number} count
   */
  show(count) {
    this.#count = count;
    this.#active = 0;
    this.frame.scrollTop = 0;
    this.refresh();
  }

  /** Makes the items in sight anew. */
  refresh() {
    this.#list.replaceChildren();
    this.#items.clear();
    this.#render();
  }

  /** @param {number} index */
  focus(index) {
    this.#active = index;
    const row = Math.floor(index / this.#columns);
    this.frame.scrollTop = scrolledTo(row, this.#view());
    this.#render();
    this.#target(index)?.focus({ preventScroll: true });
  }

  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#render();
    });
  }

  #measure() {
    const style = getComputedStyle(this.frame);
    const row = Number.parseFloat(style.getPropertyValue('--item-height'));
    const width = Number.parseFloat(style.getPropertyValue('--item-width'));
    this.#rowHeight = row || 1;
    this.#columns = this.#options.isGrid
      ? Math.max(1, Math.floor(this.#list.clientWidth / (width || 1)))
      : 1;
    this.#columnWidth = this.#list.clientWidth / this.#columns;
  }

  #view() {
    const { scrollTop, clientHeight: height } = this.frame;
    const [rowHeight, columns, count] = [this.#rowHeight, this.#columns, this.#count];
    return { scrollTop, height, rowHeight, columns, count };
  }

  #render() {
    this.#measure();
    this.#list.style.height = `${Math.ceil(this.#count / this.#columns) * this.#rowHeight}px`;
    const { begin, end } = visibleItems(this.#view(), AROUND);
    for (const [index, item] of this.#items) {
      const isKept = index >= begin && index < end;
      if (isKept || item.contains(document.activeElement)) continue;
      item.remove();
      this.#items.delete(index);
    }
    for (let index = begin; index < end; index += 1) {
      const item = this.#items.get(index) ?? this.#add(index);
      const [row, column] = [Math.floor(index / this.#columns), index % this.#columns];
      item.style.transform = `translate(${column * this.#columnWidth}px, ${row * this.#rowHeight}px)`;
      item.style.width = `${this.#columnWidth}px`;
    }
    this.#markActive();
  }

  /** @param {number} index */
  #add(index) {
    const item = element(
      'li',
      { 'aria-setsize': this.#count, 'aria-posinset': index + 1, 'data-index': index },
      this.#options.make(index),
    );
    this.#items.set(index, item);
    // In order, so that screen readers and Tab find them so.
    const next = [...this.#items.keys()].filter((other) => other > index);
    const before = next.length === 0 ? null : this.#items.get(Math.min(...next));
    this.#list.insertBefore(item, before ?? null);
    return item;
  }

  #markActive() {
    const inSight = this.#items.has(this.#active);
    const first = this.#items.keys().next().value;
    for (const index of this.#items.keys()) {
      const isReached = inSight ? index === this.#active : index === first;
      this.#target(index)?.setAttribute('tabindex', isReached ? '0' : '-1');
    }
  }

  /** @param {number} index */
  #target(index) {
    const child = this.#items.get(index)?.firstElementChild;
    return child instanceof HTMLElement ? child : null;
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || this.#count === 0) return;
    const page = Math.max(1, Math.floor(this.frame.clientHeight / this.#rowHeight) - 1);
    const to = movedBy(event.key, this.#active, {
      ...{ columns: this.#columns, count: this.#count },
      page,
    });
    if (to === null) return;
    event.preventDefault();
    this.focus(to);
  }

  /** @param {FocusEvent} event */
  #noteFocus(event) {
    const item = event.target instanceof HTMLElement ? event.target.closest('li') : null;
    const index = Number(item?.dataset['index'] ?? NaN);
    if (Number.isNaN(index)) return;
    this.#active = index;
    this.#markActive();
    this.#options.onFocus?.(index);
  }
}
