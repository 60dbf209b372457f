/** The map: thumbnails under the pointer, a lasso around points, arrow keys from point to point. */
import { byId, clusterFacts, element } from './elements.js';
import { fitted, isInside, nearestPoint, pointTowards } from './geometry.js';
import { drawScene } from './map-points.js';
import { imagesOf } from './query.js';

/** How near the pointer must come to a point [px]. */
const REACH = 16;
/** A drag that is shorter is a click [px]. */
const LEAST_DRAG = 6;
const MARGIN = 24;
/** Clusters on a map that are shown by pictures at most. */
const MOST_PICTURES = 150;
/** Thumbnails of a cluster that is looked at. */
const TIP_STRIP = 3;

/** @typedef {import('./decode.js').Gallery} Gallery */
/** @typedef {import('./decode.js').PointMap} PointMap */
/** @typedef {import('./sprites.js').Thumbnails} Thumbnails */

/**
 * @typedef {object} MapActions
 * @property {(chosen: Uint8Array | null) => void} choose points; null for all
 * @property {(cluster: number) => void} open
 */

export class PointsMap {
  /** @type {Gallery} */
  #gallery;
  /** @type {PointMap} */
  #map;
  /** @type {Thumbnails} */
  #thumbnails;
  /** @type {MapActions} */
  #actions;
  #frame = byId('map', HTMLDivElement);
  #tip = byId('tip', HTMLDivElement);
  #lassoButton = byId('lasso', HTMLButtonElement);
  /** @type {HTMLCanvasElement} */
  #canvas;
  /** @type {CanvasRenderingContext2D} */
  #context;
  #scheme = matchMedia('(prefers-color-scheme: dark)');
  /** [m, 2] in CSS pixels. @type {Float32Array} */
  #places = new Float32Array(0);
  #radii;
  /** @type {{ x: number, y: number }[]} */
  #lasso = [];
  #isDrawing = false;
  #current = -1;
  /** @type {(point: number) => boolean} */
  #isChosen = () => true;
  #isByClass = false;
  #isScheduled = false;

  /**
   * @param {Gallery & { map: PointMap }} gallery
   * @param {Thumbnails} thumbnails
   * @param {MapActions} actions
   */
  constructor(gallery, thumbnails, actions) {
    this.#gallery = gallery;
    this.#map = gallery.map;
    this.#thumbnails = thumbnails;
    this.#actions = actions;
    this.#radii = radiiOf(gallery);
    const canvas = this.#frame.querySelector('canvas');
    const context = canvas?.getContext('2d');
    if (!canvas || !context) throw new Error('the map has no canvas');
    [this.#canvas, this.#context] = [canvas, context];
    this.#listen();
  }

  /** @param {(point: number) => boolean} isChosen */
  show(isChosen) {
    this.#isChosen = isChosen;
    this.#schedule();
  }

  /** @param {boolean} isByClass */
  colourBy(isByClass) {
    this.#isByClass = isByClass;
    this.#schedule();
  }

  /** Marks an image, if it is on the map. @param {number} image */
  mark(image) {
    this.#current = this.#map.of === 'images' ? this.#map.images.indexOf(image) : -1;
    this.#schedule();
  }

  #listen() {
    const frame = this.#frame;
    new ResizeObserver(() => this.#fit()).observe(frame);
    this.#scheme.addEventListener('change', () => this.#schedule());
    frame.addEventListener('pointerdown', (event) => this.#press(event));
    frame.addEventListener('pointermove', (event) => this.#hover(event));
    frame.addEventListener('pointerup', (event) => this.#release(event));
    frame.addEventListener('pointercancel', () => this.#drop());
    frame.addEventListener('pointerleave', () => this.#look(-1));
    frame.addEventListener('keydown', (event) => this.#key(event));
    this.#lassoButton.addEventListener('click', () => {
      const isOn = this.#lassoButton.getAttribute('aria-pressed') !== 'true';
      this.#lassoButton.setAttribute('aria-pressed', String(isOn));
      frame.classList.toggle('lassoing', isOn);
    });
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.#frame;
    const ratio = devicePixelRatio;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#places = fitted(this.#map.points, width, height, MARGIN);
    this.#draw();
  }

  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#draw();
    });
  }

  #draw() {
    drawScene(this.#context, {
      places: this.#places,
      radii: this.#radii,
      hues: this.#hues(),
      isChosen: this.#isChosen,
      pictureOf: (point) => this.#pictureOf(point),
      current: this.#current,
      lasso: this.#lasso,
      isDark: this.#scheme.matches,
      ink: getComputedStyle(this.#frame).color,
    });
  }

  /** Few clusters are large enough to be seen as their most typical image. @param {number} point */
  #pictureOf(point) {
    if (!hasPictures(this.#map)) return null;
    return this.#thumbnails.picture(this.#map.images[point], () => this.#schedule());
  }

  #hues() {
    const { labels, clusters } = this.#gallery;
    if (!this.#isByClass) return this.#map.clusters;
    if (this.#map.of === 'images') return this.#map.images.map((image) => labels?.[image] ?? 0);
    return this.#map.clusters.map((cluster) => clusters.majorities?.[cluster] ?? 0);
  }

  /** @param {PointerEvent} event */
  #placeOf(event) {
    const { left, top } = this.#frame.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0) return;
    const isTouch = event.pointerType === 'touch';
    const mayDraw = !isTouch || this.#lassoButton.getAttribute('aria-pressed') === 'true';
    this.#lasso = [this.#placeOf(event)];
    this.#isDrawing = mayDraw;
    if (mayDraw) this.#frame.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #hover(event) {
    const place = this.#placeOf(event);
    if (this.#isDrawing) {
      this.#lasso.push(place);
      this.#look(-1);
      this.#schedule();
      return;
    }
    this.#look(nearestPoint(this.#places, place, REACH, this.#isChosen));
  }

  /** @param {PointerEvent} event */
  #release(event) {
    if (this.#lasso.length === 0) return;
    const lasso = this.#lasso;
    const place = this.#placeOf(event);
    this.#drop();
    const start = lasso[0] ?? place;
    const isDrag = lasso.some(({ x, y }) => Math.hypot(x - start.x, y - start.y) > LEAST_DRAG);
    if (isDrag) this.#choose(lasso);
    else this.#open(nearestPoint(this.#places, place, REACH, this.#isChosen));
  }

  #drop() {
    this.#lasso = [];
    this.#isDrawing = false;
    this.#schedule();
  }

  /** @param {readonly { x: number, y: number }[]} lasso */
  #choose(lasso) {
    const places = this.#places;
    const chosen = Uint8Array.from({ length: this.#radii.length }, (_, i) =>
      isInside({ x: places[2 * i], y: places[2 * i + 1] }, lasso) ? 1 : 0,
    );
    this.#actions.choose(chosen.includes(1) ? chosen : null);
  }

  /** @param {number} point */
  #open(point) {
    if (point >= 0) this.#actions.open(this.#map.clusters[point]);
  }

  /** @param {number} point */
  #look(point) {
    if (point === this.#current) return;
    this.#current = point;
    this.#tip.hidden = point < 0;
    if (point >= 0) this.#showTip(point);
    this.#schedule();
  }

  /** @param {number} point */
  #showTip(point) {
    const image = this.#map.images[point];
    const cluster = this.#map.clusters[point];
    const { starts, paths } = this.#gallery;
    const isOne = this.#map.of === 'images';
    const shown = isOne ? [image] : imagesOf(starts, null, cluster, TIP_STRIP);
    this.#tip.replaceChildren(
      element('span', { class: 'strip' }, ...shown.map((i) => this.#thumbnails.of(i, true))),
      element(
        'span',
        {},
        element('b', {}, `Cluster ${cluster.toLocaleString('en')}`),
        isOne ? (paths[image] ?? '') : clusterFacts(this.#gallery, cluster),
      ),
    );
    const [x, y] = [this.#places[2 * point], this.#places[2 * point + 1]];
    this.#tip.style.left = `${Math.min(x + 12, Math.max(0, this.#frame.clientWidth - 226))}px`;
    const isLow = y > this.#frame.clientHeight - 110;
    this.#tip.style.top = `${isLow ? y - 100 : y + 12}px`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === 'Enter' && this.#current >= 0) {
      this.#open(this.#current);
      return;
    }
    if (!event.key.startsWith('Arrow')) return;
    event.preventDefault();
    const middle = { x: this.#frame.clientWidth / 2, y: this.#frame.clientHeight / 2 };
    const next =
      this.#current < 0
        ? nearestPoint(this.#places, middle, Infinity, this.#isChosen)
        : pointTowards(this.#places, this.#current, event.key, this.#isChosen);
    this.#look(next);
  }
}

/** @param {PointMap} map */
function hasPictures(map) {
  return map.of === 'clusters' && map.clusters.length <= MOST_PICTURES;
}

/**
 * Points of images are alike; the area of a cluster's grows with its images.
 * @param {Gallery & { map: PointMap }} gallery
 */
function radiiOf({ map, clusters }) {
  const { sizes } = clusters;
  const count = map.clusters.length;
  if (map.of === 'images') return new Float32Array(count).fill(count > 1000 ? 2.6 : 3.4);
  const largest = sizes.reduce((most, size) => Math.max(most, size), 1);
  const [least, more] = hasPictures(map) ? [8, 12] : [3, 9];
  return Float32Array.from(
    map.clusters,
    (cluster) => least + more * Math.sqrt(sizes[cluster] / largest),
  );
}
