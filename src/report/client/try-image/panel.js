/** "Try an image": the reader gives an image, and the page says in which cluster it falls. */
import { byId, clusterFacts, distanceText, element } from '../elements.js';
import { imagesOf } from '../query.js';
import { centreView } from './centre-view.js';
import { nearestTwo } from './nearest-two.js';
import { loadNetwork } from './network.js';
import { decodePixels, pictureOf } from './pixels.js';

/** Images of the cluster that are shown, nearest to the centroid first. */
const NEAREST = 12;

/**
 * @typedef {import('../decode.js').Gallery} Gallery
 * @typedef {import('./network.js').LoadedNetwork} LoadedNetwork
 * @typedef {import('./nearest-two.js').NearestTwo} NearestTwo
 */

/**
 * @param {import('./network.js').PageNetwork} pageNetwork
 * @param {Gallery} gallery
 * @param {import('../sprites.js').Thumbnails} thumbnails
 */
export function startTryImage(pageNetwork, gallery, thumbnails) {
  const section = byId('try-image', HTMLElement);
  const status = byId('try-status', HTMLParagraphElement);
  const result = byId('try-result', HTMLDivElement);
  const input = byId('try-file', HTMLInputElement);
  const drop = byId('try-drop', HTMLDivElement);
  /** @type {Promise<LoadedNetwork> | null} */
  let loading = null;
  /** Of the image that was given last: earlier ones, if they are late, are not shown. */
  let newest = 0;

  /** @param {File} file */
  async function tryImage(file) {
    newest += 1;
    const own = newest;
    result.hidden = true;
    status.textContent = loading === null ? 'Loading the network …' : 'Looking at the image …';
    const answer = await answerTo(file);
    if (own !== newest) return;
    status.textContent = answer.text;
    result.replaceChildren(...answer.parts);
    result.hidden = answer.parts.length === 0;
  }

  /**
   * @param {File} file
   * @returns {Promise<{ text: string, parts: HTMLElement[] }>}
   */
  async function answerTo(file) {
    /** @type {import('./resample.js').RawImage} */
    let image;
    try {
      image = await decodePixels(file);
    } catch {
      return { text: `${file.name} is not an image that this browser can read.`, parts: [] };
    }
    try {
      loading ??= loadNetwork(pageNetwork);
      const network = await loading;
      const view = centreView(image, network.sizes);
      const nearest = nearestTwo(await network.rowOf(view), network.clusters);
      const text = `${file.name}: cluster ${nearest.first.toLocaleString('en')}`;
      return { text, parts: partsOf(nearest, pictureOf(view, network.sizes.imageSize)) };
    } catch (error) {
      loading = null;
      const reason = error instanceof Error ? error.message : String(error);
      return { text: `The network cannot be run: ${reason}`, parts: [] };
    }
  }

  /**
   * @param {NearestTwo} nearest
   * @param {HTMLCanvasElement} picture
   */
  function partsOf({ first, distance, second, secondDistance }, picture) {
    const { fences, meanDistances } = gallery.clusters;
    const mean = distanceText(meanDistances[first]);
    const far = distance > fences[first] ? ', far out' : '';
    picture.setAttribute('role', 'img');
    picture.setAttribute('aria-label', 'The image as the network sees it');
    return [
      picture,
      element(
        'div',
        { class: 'try-facts' },
        element('p', { class: 'try-cluster' }, linkTo(first, 'Cluster')),
        element('p', {}, clusterFacts(gallery, first)),
        element('p', {}, `distance ${distanceText(distance)} (mean ${mean}${far})`),
        second < 0
          ? null
          : element(
              'p',
              {},
              'next ',
              linkTo(second, 'cluster'),
              `, distance ${distanceText(secondDistance)}`,
            ),
      ),
      nearestImages(first),
    ];
  }

  /** @param {number} cluster */
  function nearestImages(cluster) {
    const images = imagesOf(gallery.starts, null, cluster, NEAREST);
    const title = images.length === 0 ? 'No image of the run' : 'Nearest to its centroid';
    const tiles = images.map((image) => element('li', {}, thumbnails.of(image)));
    return element(
      'div',
      { class: 'try-nearest' },
      element('h3', {}, title),
      element('ul', {}, ...tiles),
    );
  }

  input.addEventListener('click', () => {
    input.value = ''; // the same file may be chosen again
  });
  input.addEventListener('change', () => give(input.files));
  drop.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    give(event.dataTransfer?.files);
  });
  addEventListener('paste', (event) => give(event.clipboardData?.files));
  section.hidden = false;

  /** @param {FileList | null | undefined} files */
  function give(files) {
    const file = files?.[0];
    if (file !== undefined) void tryImage(file);
  }
}

/** @param {number} cluster @param {string} word */
function linkTo(cluster, word) {
  return element('a', { href: `#cluster-${cluster}` }, `${word} ${cluster.toLocaleString('en')}`);
}
