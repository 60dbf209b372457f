/** Puts the explorer together: filters, list, one cluster, map; the address names the cluster that is open. */
import { ClusterDetail } from './cluster-detail.js';
import { ClusterList } from './cluster-list.js';
import { readGallery } from './decode.js';
import { byId, noun } from './elements.js';
import { PointsMap } from './map.js';
import { allOf, clusterNamed, countByCluster, imagesWith, sortClusters } from './query.js';
import { Thumbnails } from './sprites.js';
import { startTryImage } from './try-image/panel.js';

const data = document.getElementById('gallery');
if (data !== null) start(readGallery(data.textContent ?? ''));

/** @param {import('./decode.js').Gallery} gallery */
function start(gallery) {
  const lowered = gallery.paths.map((path) => path.toLowerCase());
  const thumbnails = new Thumbnails(gallery);
  const list = new ClusterList(gallery, thumbnails);
  const query = byId('query', HTMLInputElement);
  const sort = byId('sort', HTMLSelectElement);
  const reverse = byId('reverse', HTMLButtonElement);
  const clear = byId('clear', HTMLButtonElement);
  const status = byId('status', HTMLParagraphElement);
  /** @type {Uint8Array | null} images that were chosen on the map */
  let chosen = null;
  /** @type {Uint8Array | null} images that all filters let through */
  let mask = null;
  /** @type {number | null} */
  let open = null;

  /** @type {PointsMap | null} */
  let map = null;
  const detail = new ClusterDetail(gallery, thumbnails, {
    beside: (cluster, step) => list.beside(cluster, step),
    look: (image) => map?.mark(image),
  });
  if (gallery.map !== null) {
    const points = gallery.map;
    map = new PointsMap({ ...gallery, map: points }, thumbnails, {
      choose: (inside) => {
        chosen = inside && imagesAt(points, inside);
        if (open !== null) location.hash = '#all-clusters';
        update();
      },
      open: (cluster) => {
        location.hash = `#cluster-${cluster}`;
      },
    });
  }

  /** Images that lie at points of the map. @param {import('./decode.js').PointMap} points @param {Uint8Array} inside */
  function imagesAt(points, inside) {
    const images = new Uint8Array(gallery.paths.length);
    inside.forEach((isIn, point) => {
      if (isIn === 0) return;
      if (points.of === 'images') images[points.images[point]] = 1;
      else {
        const cluster = points.clusters[point];
        images.fill(1, gallery.starts[cluster], gallery.starts[cluster + 1]);
      }
    });
    return images;
  }

  /** After a filter or the order has changed. */
  function update() {
    const named = clusterNamed(query.value, gallery.clusters.sizes.length);
    mask = allOf([named === null ? imagesWith(lowered, query.value) : null, chosen]);
    const counts = mask && countByCluster(gallery.starts, mask);
    const key = /** @type {import('./query.js').SortKey} */ (sort.value);
    const isReversed = reverse.getAttribute('aria-pressed') === 'true';
    const order = sortClusters(gallery.clusters, counts, key, isReversed);
    const shown = named === null ? order : [named];
    list.show(shown, mask, counts);
    clear.hidden = mask === null && named === null;
    status.textContent = statusText(shown.length, counts);
    if (open !== null) detail.show(open, mask);
    showOnMap();
  }

  /** @param {number} clusters @param {Int32Array | null} counts */
  function statusText(clusters, counts) {
    if (counts === null) return `${noun(clusters, 'cluster')}, ${noun(gallery.images, 'image')}`;
    const images = counts.reduce((sum, count) => sum + count, 0);
    const by = chosen === null ? '' : ', chosen on the map';
    if (images === 0) return 'No image fits';
    return `${noun(images, 'image')} in ${noun(clusters, 'cluster')}${by}`;
  }

  function showOnMap() {
    const points = gallery.map;
    if (points === null) return;
    const counts = mask && countByCluster(gallery.starts, mask);
    map?.show((point) => {
      const cluster = points.clusters[point];
      if (open !== null) return cluster === open;
      if (mask === null) return true;
      return points.of === 'images'
        ? mask[points.images[point]] === 1
        : (counts?.[cluster] ?? 0) > 0;
    });
  }

  /** Shows what the address names. @param {boolean} isAsked by the reader, not by loading the page */
  function follow(isAsked) {
    const before = open;
    const number = /^#cluster-(\d+)$/.exec(location.hash)?.[1];
    const isThere = number !== undefined && Number(number) < gallery.clusters.sizes.length;
    open = isThere ? Number(number) : null;
    list.element.hidden = open !== null;
    detail.element.hidden = open === null;
    if (open !== null) {
      detail.show(open, mask);
      if (isAsked) detail.focusTitle();
    } else {
      list.refresh();
      if (isAsked && before !== null) list.focus(before);
    }
    showOnMap();
  }

  function clearFilters() {
    query.value = '';
    chosen = null;
    update();
  }

  query.addEventListener('input', () => {
    if (open !== null) history.pushState(null, '', '#all-clusters');
    follow(false);
    update();
  });
  sort.addEventListener('change', update);
  reverse.addEventListener('click', () => {
    const isOn = reverse.getAttribute('aria-pressed') !== 'true';
    reverse.setAttribute('aria-pressed', String(isOn));
    update();
  });
  clear.addEventListener('click', () => {
    clearFilters();
    query.focus();
  });
  byId('tools', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const named = clusterNamed(query.value, gallery.clusters.sizes.length);
    if (named !== null) location.hash = `#cluster-${named}`;
  });
  document.getElementById('colour')?.addEventListener('change', (event) => {
    map?.colourBy(event.target instanceof HTMLSelectElement && event.target.value === 'class');
  });
  byId('explorer', HTMLDivElement).addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    if (open !== null) location.hash = '#all-clusters';
    else clearFilters();
  });
  addEventListener('hashchange', () => follow(true));

  const network = document.getElementById('network');
  if (network !== null) startTryImage(JSON.parse(network.textContent ?? ''), gallery, thumbnails);
  byId('list-pane', HTMLDivElement).append(list.element, detail.element);
  byId('explorer', HTMLDivElement).hidden = false;
  document.documentElement.classList.add('scripted');
  update();
  follow(false);
  if (open !== null) document.getElementById('clusters')?.scrollIntoView();
}
