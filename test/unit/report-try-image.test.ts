/** What "Try an image" computes in the page, against what the trainer computes; and what goes beside the page. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Script, runInNewContext } from 'node:vm';
import { nearestTwo as nearestOfRun, type RowMetric } from '../../src/clustering/nearest-two.ts';
import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import { applyWhitening, type Whitening } from '../../src/clustering/whitening.ts';
import { decodeImage } from '../../src/data/pixels/decode.ts';
import { resample as resampleOfTrainer } from '../../src/data/pixels/resample.ts';
import {
  centreShorterSide,
  centreView as viewOfTrainer,
  decodedShorterSide,
} from '../../src/data/pixels/views.ts';
import { drawRows } from '../../src/export/graph/clusters.ts';
import { asClassicScript, readBrowserRuntime } from '../../src/export/onnx/browser-runtime.ts';
import { decodeModel } from '../../src/export/onnx/schema.ts';
import { scaledImages } from '../../src/export/probe.ts';
import { seededRng } from '../../src/math/rng.ts';
import { clientScript, scriptSource } from '../../src/report/client-script.ts';
import { centreView, reducedTo } from '../../src/report/client/try-image/centre-view.js';
import { nearestTwo } from '../../src/report/client/try-image/nearest-two.js';
import { planesOf } from '../../src/report/client/try-image/network.js';
import { renderReport } from '../../src/report/report-page.ts';
import { putNetwork } from '../../src/run/report/page-network.ts';
import { encoder, lcgImage } from '../support/made/data-images.ts';
import { madeGallery } from '../support/made/gallery.ts';
import { openedRun } from '../support/made/opened-run.ts';
import { madeReport } from '../support/made/report-run.ts';
import { PlainGraph } from '../support/oracles/plain-graph.ts';
import { assertWellFormed } from '../support/oracles/well-formed.ts';

const SIZE = 32;
const sizesFor = (resizeRatio: number): Parameters<typeof centreView>[1] => ({
  imageSize: SIZE,
  shorterSide: centreShorterSide(SIZE, resizeRatio),
  decodedShorterSide: decodedShorterSide(SIZE, resizeRatio),
});

function numbers(length: number, name: string): Float32Array {
  const rng = seededRng('try an image', name);
  return Float32Array.from({ length }, () => rng.normal());
}

for (const resizeRatio of [1, 256 / 224]) {
  test(`the page's centre view is the trainer's, bit for bit, at a resize ratio of ${resizeRatio.toFixed(2)}`, () => {
    for (const [width, height] of [
      [32, 32],
      [7, 50],
      [50, 7],
      [63, 64],
      [41, 200],
      [64, 33],
    ] as const) {
      const image = lcgImage(width, height, width);
      const expected = viewOfTrainer(image, SIZE, resizeRatio);
      assert.deepEqual(centreView(image, sizesFor(resizeRatio)), expected, `${width} x ${height}`);
    }
  });
}

test('a large image is reduced to the size that the decoder reduces it to, by the trainer’s resampling', async () => {
  for (const [width, height] of [
    [500, 333],
    [333, 501],
    [1001, 129],
    [129, 1001],
    [65, 64],
    [64, 99],
  ] as const) {
    const image = lcgImage(width, height, 5);
    const reduced = reducedTo(image, 64);
    const png = await encoder(image).png().toBuffer();
    const decoded = await decodeImage(png, { maxShorterSide: 64 });
    assert.deepEqual([reduced.width, reduced.height], [decoded.width, decoded.height]);
    if (Math.min(width, height) <= 64) continue; // left as it is
    const out = new Uint8Array(reduced.width * reduced.height * 3);
    const axis = (length: number, size: number) => {
      return { begin: 0, length, size, windowBegin: 0, windowSize: size };
    };
    resampleOfTrainer(image, axis(width, reduced.width), axis(height, reduced.height), false, out);
    assert.deepEqual(reduced.data, out);
  }
});

for (const metric of ['dot', 'cosine', 'distance'] satisfies RowMetric[]) {
  test(`the page finds the two clusters of a row that the run finds, by ${metric}`, () => {
    const [rows, dim] = [60, 5];
    for (const clusters of [1, 2, 9]) {
      const centroids = numbers(clusters * dim, 'centroids');
      const values = numbers(rows * dim, 'rows');
      const expected = nearestOfRun(values, { values: centroids, clusters, dim }, metric);
      for (let i = 0; i < rows; i += 1) {
        const row = values.subarray(i * dim, (i + 1) * dim);
        const { distance, secondDistance, ...found } = nearestTwo(row, { centroids, dim, metric });
        assert.deepEqual(found, { first: expected.first[i], second: expected.second[i] });
        assert.equal(Math.fround(distance), expected.distances[i]);
        assert.equal(Math.fround(secondDistance), expected.secondDistances[i]);
      }
    }
  });
}

test('a view goes into the network as exports take their images', () => {
  const { data: pixels } = lcgImage(4, 4, 3);
  const probe = { count: 1, size: 4, pixels, outputs: new Map() };
  assert.deepEqual(planesOf(pixels), scaledImages(probe, 'NCHW'));
});

test('the rows that a graph gives are those that the run compares with its centroids', () => {
  const [n, D, d] = [9, 7, 4];
  const whitening: Whitening = {
    ...{ inDim: D, outDim: d },
    mean: Float64Array.from(numbers(D, 'mean')),
    components: Float64Array.from(numbers(d * D, 'components')),
    eigenvalues: new Float64Array(d).fill(1),
  };
  const features = numbers(n * D, 'features');
  const given = Array.from({ length: n }, (_, i) => [...features.subarray(i * D, (i + 1) * D)]);
  for (const space of [null, whitening]) {
    const dim = space === null ? D : d;
    const graph = new PlainGraph();
    const centroids = { values: numbers(2 * dim, 'two'), count: 2, dim };
    drawRows(graph, graph.given(given), { whitening: space, centroids, metric: 'distance' });
    assert.deepEqual([...graph.outputs.keys()], ['row']);
    const expected =
      space === null ? normaliseRows(features, D) : applyWhitening(space, features, n);
    const rows = graph.outputs.get('row')!.flat();
    assert.equal(rows.length, expected.length);
    // Means and components are rounded to float32.
    for (const [i, x] of rows.entries()) assert.ok(Math.abs(x - expected[i]!) < 1e-5);
  }
});

test('a bundled module becomes an expression whose value is its default export', () => {
  const module = `const a$=3,b=()=>import.meta.url;export{b as Other,a$ as default,b as More};\n//# sourceMappingURL=x.map\n`;
  const code = asClassicScript(module);
  assert.ok(!code.includes('sourceMappingURL'));
  assert.equal(runInNewContext(code), 3);
  assert.throws(() => asClassicScript('export default 3;'), /no default export that is known/);
});

test('the runtime that is installed is a classic script with its licence, and WebAssembly', async () => {
  const { code, wasm } = (await readBrowserRuntime())!;
  new Script(code); // a module's syntax would be an error
  assert.match(code, /Microsoft Corporation[^]*MIT License/);
  assert.ok(WebAssembly.validate(wasm));
});

const small = {
  clustering: { k: 2 },
  data: { imageSize: 32 },
  model: { architecture: 'small-convnet', width: 4 },
};
const centroidsOf = (dim: number) => ({ values: numbers(2 * dim, 'made'), count: 2, dim });

/** What {@link putNetwork} gives, and the files by name. */
async function put(
  run: Parameters<typeof putNetwork>[0],
  choice: Parameters<typeof putNetwork>[1],
): Promise<{ put: Awaited<ReturnType<typeof putNetwork>>; files: Map<string, string> }> {
  const files = new Map<string, string>();
  const result = await putNetwork(run, choice, (name, content) => {
    files.set(name, String(content));
    return Promise.resolve(`beside/${name}`);
  });
  return { put: result, files };
}

test('beside the page lie a graph that ends at rows, what the page must know, and the runtime', async () => {
  const centroids = centroidsOf(256);
  const { put: given, files } = await put(openedRun({ config: small, centroids }), 'auto');
  assert.equal(given.kind, 'written');
  const names = ['network.js', 'onnxruntime.js'];
  assert.deepEqual([...files.keys()], names);
  const { network } = given;
  assert.deepEqual(
    network.files,
    names.map((name) => `beside/${name}`),
  );
  assert.equal(
    network.bytes,
    [...files.values()].reduce((sum, { length }) => sum + length, 0),
  );
  const left = {} as { deepclusterNetwork: Record<string, unknown> };
  runInNewContext(files.get('network.js')!, left);
  const { model, centroids: packed, ...facts } = left.deepclusterNetwork;
  assert.deepEqual({ ...facts }, { ...sizesFor(256 / 224), metric: 'distance', dim: 256 });
  assert.deepEqual(Buffer.from(packed as string, 'base64'), Buffer.from(centroids.values.buffer));
  const gzip = new Blob([Buffer.from(model as string, 'base64')]).stream();
  const bytes = await new Response(gzip.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
  const { graph } = decodeModel(new Uint8Array(bytes));
  assert.deepEqual(
    graph.output.map(({ name }) => name),
    ['features', 'row'],
  );
});

test('a large network is left out unless asked for, one too large for a page and a run without centroids in any case', async () => {
  const model = { architecture: 'small-convnet', width: 96, featureDim: 8192 };
  const large = openedRun({ config: { ...small, model }, centroids: centroidsOf(8192) });
  const { put: left, files } = await put(large, 'auto');
  assert.equal(files.size, 0);
  assert.ok(left.kind === 'leftOut');
  const [, megabytes, flag] =
    /^the network and its centroids have (\d+) MB, .*; (--try-image always) adds it$/.exec(
      left.reason!,
    )!;
  assert.ok(Number(megabytes) > 16);
  const choice = flag!.split(' ')[1] as 'always';
  assert.equal((await put(large, choice)).put.kind, 'written');
  const { config } = openedRun({ config: { ...small, model: { ...model, width: 4 } } });
  const data = { ...config.data, imageSize: 224 };
  const vgg = { ...config, data, model: { ...config.model, architecture: 'vgg16-bn' as const } };
  // Its convolutions and two layers of 4,096 have 14.7 + 102.8 + 16.8 million weights.
  const reason = 'the network and its centroids have 537 MB, and a page can load 256';
  assert.deepEqual((await put({ ...large, config: vgg }, 'auto')).put, { kind: 'leftOut', reason });
  await assert.rejects(put({ ...large, config: vgg }, 'always'), {
    message: `--try-image always: ${reason}`,
  });
  const without = openedRun({ config: small });
  assert.deepEqual((await put(without, 'auto')).put, {
    ...{ kind: 'leftOut', reason: 'the run has no centroids' },
  });
  await assert.rejects(put(without, 'always'), {
    ...{ code: 'CONFIG_INVALID', message: '--try-image always: the run has no centroids' },
  });
  assert.deepEqual((await put(large, 'never')).put, { kind: 'leftOut', reason: null });
});

test('a page lets in scripts beside it by their nonce, and none where it has no network', () => {
  const sheets = { kind: 'inside', webp: [] } as const;
  const gallery = madeGallery({ clusters: 2, perCluster: 3, classes: 2, sheets });
  const network = { files: ['report/a.js', 'report/b.js'], bytes: 7_000_000, nonce: 'bm9uY2U=' };
  const policy = (html: string): string =>
    /script-src ([^"]*)"/.exec(html)![1]!.replaceAll('&#39;', "'");
  const own = scriptSource(clientScript());
  const with_ = renderReport({ ...madeReport(), gallery, network });
  assertWellFormed(with_);
  assert.equal(policy(with_), `${own} 'nonce-bm9uY2U=' 'wasm-unsafe-eval'`);
  assert.ok(with_.includes('id="try-image"') && with_.includes('7.0 MB'));
  const without = renderReport({ ...madeReport(), gallery });
  assert.equal(policy(without), own);
  assert.ok(!without.includes('id="try-image"'));
});
