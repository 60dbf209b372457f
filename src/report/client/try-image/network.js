/**
 * The run's network in the page. It lies in two scripts beside the page (src/run/report/page-network.ts),
 * which are loaded when it is first asked for.
 * Shapes: S side of a view, d columns of a row.
 */
import { bytesOf, floats } from '../decode.js';

/**
 * @typedef {object} PageNetwork as the page's data block has it
 * @property {string[]} files scripts, relative to the page
 * @property {string} nonce by which the page's policy lets them in
 *
 * @typedef {{ run(feeds: object, outputs: string[]): Promise<Record<string, { data: Float32Array }>> }} Session
 *
 * @typedef {object} Runtime what is used of ONNX Runtime
 * @property {{ wasm: { numThreads?: number, wasmBinary?: Uint8Array } }} env
 * @property {new (type: 'float32', data: Float32Array, dims: number[]) => object} Tensor
 * @property {{ create(model: Uint8Array, options: object): Promise<Session> }} InferenceSession
 *
 * @typedef {object} Facts
 * @property {string} model gzip, base64
 * @property {string} centroids float32, base64
 * @property {number} dim
 * @property {'dot' | 'cosine' | 'distance'} metric
 *
 * @typedef {object} Scripts what the two scripts leave behind
 * @property {Facts & import('./centre-view.js').ViewSizes} deepclusterNetwork
 * @property {{ ort: Runtime, wasm: string }} deepclusterRuntime
 *
 * @typedef {object} LoadedNetwork
 * @property {import('./centre-view.js').ViewSizes} sizes
 * @property {import('./nearest-two.js').CentroidRows} clusters
 * @property {(view: Uint8Array) => Promise<Float32Array>} rowOf [S, S, 3] to [d]
 */

/**
 * @param {PageNetwork} network
 * @returns {Promise<LoadedNetwork>}
 * @throws {Error} for people, where a script is not there or the browser cannot run it
 */
export async function loadNetwork({ files, nonce }) {
  for (const file of files) await loadScript(file, nonce);
  const scripts = /** @type {Scripts} */ (/** @type {unknown} */ (globalThis));
  const { model, centroids, dim, metric, ...sizes } = scripts.deepclusterNetwork;
  const { ort, wasm } = scripts.deepclusterRuntime;
  Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: await unpacked(wasm) });
  const options = { executionProviders: ['wasm'] };
  const session = await ort.InferenceSession.create(await unpacked(model), options);
  const { imageSize } = sizes;
  return {
    sizes,
    clusters: { centroids: floats(centroids), dim, metric },
    rowOf: async (view) => {
      const images = new ort.Tensor('float32', planesOf(view), [1, 3, imageSize, imageSize]);
      const { row } = await session.run({ images }, ['row']);
      return row.data;
    },
  };
}

/**
 * @param {string} file
 * @param {string} nonce
 * @returns {Promise<void>}
 */
function loadScript(file, nonce) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    Object.assign(script, { src: file, nonce });
    script.addEventListener('load', () => resolve());
    script.addEventListener('error', () => {
      const folder = decodeURIComponent(file.split('/')[0]);
      reject(
        new Error(
          `${decodeURIComponent(file)} is missing: keep the folder ${folder} beside the page`,
        ),
      );
    });
    document.head.append(script);
  });
}

/**
 * @param {string} text gzip, base64
 * @returns {Promise<Uint8Array>}
 */
async function unpacked(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * A view as the graph takes it: 0 to 1, a plane a colour.
 * @param {Uint8Array} view [S, S, 3]
 * @returns {Float32Array} [3, S, S]
 */
export function planesOf(view) {
  const plane = view.length / 3;
  return Float32Array.from(view, (_, i) => view[(i % plane) * 3 + Math.floor(i / plane)] / 255);
}
