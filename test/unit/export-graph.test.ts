/** Graphs of exports: what they are made of for every network, and what their clusters come to, against plain loops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RowMetric } from '../../src/clustering/nearest-two.ts';
import { assignRows } from '../../src/clustering/odc/assignment.ts';
import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import { applyWhitening, type Whitening } from '../../src/clustering/whitening.ts';
import { networkInput } from '../../src/engine/plain/front-end.ts';
import { contentOf } from '../../src/export/content.ts';
import { drawClusters } from '../../src/export/graph/clusters.ts';
import { sobelTaps } from '../../src/export/graph/network.ts';
import { ONNX } from '../../src/export/onnx/format.ts';
import { decodeModel, type OnnxModel } from '../../src/export/onnx/schema.ts';
import { SAVED_MODEL } from '../../src/export/tensorflow/saved-model.ts';
import { decodeSavedModel } from '../../src/export/tensorflow/schema.ts';
import { TFJS } from '../../src/export/tensorflow/tfjs-format.ts';
import { seededRng } from '../../src/math/rng.ts';
import { toPytorch } from '../../src/nn/pytorch-names.ts';
import { openedRun } from '../support/made/opened-run.ts';
import { PlainGraph } from '../support/oracles/plain-graph.ts';

/** Sizes as small as each network takes: its layers are those of the large ones. */
const NETWORKS = [
  {
    config: { data: { imageSize: 63 }, model: { architecture: 'alexnet-bn' } },
    // The Sobel filter is a convolution; one ReLU lies between the fully connected layers.
    operations: { Conv: 5 + 1, BatchNormalization: 5, Relu: 5 + 1, MaxPool: 3, Gemm: 2 },
  },
  {
    config: { data: { imageSize: 32 }, model: { architecture: 'vgg16-bn', sobel: false } },
    operations: { Conv: 13, BatchNormalization: 13, Relu: 13 + 1, MaxPool: 5, Gemm: 2 },
  },
  {
    config: { data: { imageSize: 32 }, model: { architecture: 'resnet50', sobel: false } },
    // 16 blocks of three, four projections and the first one; a ReLU behind all but the last of a block's, and its sum.
    operations: {
      ...{ Conv: 3 * 16 + 4 + 1, BatchNormalization: 3 * 16 + 4 + 1, Add: 16 },
      ...{ Relu: 1 + 2 * 16 + 16, MaxPool: 1, GlobalAveragePool: 1 },
    },
  },
  {
    config: { data: { imageSize: 32 }, model: { architecture: 'small-convnet', width: 4 } },
    operations: { Conv: 4 + 1, BatchNormalization: 4, Relu: 4, MaxPool: 4, Gemm: 1 },
  },
];

function onnxOf(config: Record<string, unknown>, head = false): OnnxModel {
  const content = contentOf(openedRun({ config }), { clusters: false, head });
  return decodeModel(ONNX.encode(content).files[0]!.chunks[0]!);
}

for (const { config, operations } of NETWORKS) {
  const { architecture } = config.model;
  test(`the ONNX graph of ${architecture} has the network's operations, each fed by earlier ones`, () => {
    const { graph, opsetImport, irVersion } = onnxOf(config);
    assert.deepEqual([opsetImport, irVersion], [[{ domain: '', version: 17 }], 8]);
    const counts = Object.fromEntries(
      Object.keys(operations).map((op) => [op, graph.node.filter((n) => n.opType === op).length]),
    );
    assert.deepEqual(counts, operations);
    const arrays = graph.initializer.map(({ name }) => name);
    const known = new Set(['images', ...arrays]);
    const used = new Set<string>();
    for (const { input, output, name } of graph.node) {
      for (const value of input) {
        assert.ok(known.has(value), `${name} takes ${value}, which nothing before it gives`);
        used.add(value);
      }
      for (const value of output) {
        assert.ok(!known.has(value), `${value} is given twice`);
        known.add(value);
      }
    }
    assert.deepEqual(
      arrays.filter((name) => !used.has(name)),
      [],
    );
    const [images] = graph.input;
    const { imageSize } = config.data;
    assert.deepEqual(images!.type.tensorType.shape.dim, [
      { dimParam: 'N' },
      ...[3, imageSize, imageSize].map((dimValue) => ({ dimValue })),
    ]);
    assert.deepEqual(
      graph.output.map(({ name }) => name),
      ['features'],
    );
  });
}

test('every array of the ONNX graph is the one of PyTorch by that name', () => {
  const config = NETWORKS[3]!.config;
  const run = openedRun({ config });
  const content = contentOf(run, { clusters: false, head: true });
  const { graph } = onnxOf(config, true);
  const arrays = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const expected = Object.entries(toPytorch(content.spec, run.parameters, run.statistics));
  assert.equal(arrays.size, expected.length + 3); // mean and deviation of the colours, the Sobel filter
  for (const [name, { data, shape }] of expected) {
    const { dims, dataType, rawData } = arrays.get(name)!;
    assert.deepEqual([dims, dataType], [shape, 1]);
    assert.deepEqual(new Float32Array(new Uint8Array(rawData).buffer), data, name);
  }
});

test('the Sobel convolution over normalised colours is the front end of the networks', () => {
  const side = 6;
  const rng = seededRng('sobel');
  const pixels = Uint8Array.from({ length: side * side * 3 }, () => rng.integer(256));
  const colours = networkInput(pixels, 1, side, false);
  const expected = networkInput(pixels, 1, side, true);
  const taps = sobelTaps();
  const at = (y: number, x: number, c: number): number =>
    y < 0 || x < 0 || y >= side || x >= side ? 0 : colours[(y * side + x) * 3 + c]!;
  for (let place = 0; place < side * side * 2; place += 1) {
    const [out, pixel] = [place % 2, Math.floor(place / 2)];
    const [y, x] = [Math.floor(pixel / side), pixel % side];
    let sum = 0;
    for (let i = 0; i < 27; i += 1) {
      const [c, tap] = [Math.floor(i / 9), i % 9];
      sum += taps[out * 27 + i]! * at(y + Math.floor(tap / 3) - 1, x + (tap % 3) - 1, c);
    }
    // Eight float32 taps on values of some units.
    assert.ok(Math.abs(sum - expected[place]!) < 1e-5, `${sum}, ${expected[place]}`);
  }
});

const [N, D, OUT, K] = [40, 7, 4, 6];

function drawn(length: number, name: string): Float32Array {
  const rng = seededRng('export clusters', name);
  return Float32Array.from({ length }, () => rng.normal());
}

const WHITENING: Whitening = {
  ...{ inDim: D, outDim: OUT },
  mean: Float64Array.from(drawn(D, 'mean')),
  components: Float64Array.from(drawn(OUT * D, 'components')),
  eigenvalues: new Float64Array(OUT).fill(1),
};

for (const metric of ['dot', 'cosine', 'distance'] satisfies RowMetric[]) {
  for (const whitening of [null, WHITENING]) {
    const space = whitening === null ? 'unit rows' : 'whitened rows';
    test(`clusters of ${space} by ${metric} are those that the run assigns, with their distances`, () => {
      const dim = whitening === null ? D : OUT;
      const features = drawn(N * D, 'features');
      features.fill(0, 0, D); // without a PCA, a row of zeros that stays one
      const centroids = { values: drawn(K * dim, `centroids ${dim}`), count: K, dim };
      const graph = new PlainGraph();
      const rows = Array.from({ length: N }, (_, i) => [...features.subarray(i * D, (i + 1) * D)]);
      drawClusters(graph, graph.given(rows), { whitening, centroids, metric });
      const projected =
        whitening === null ? normaliseRows(features, D) : applyWhitening(whitening, features, N);
      const expected = assignRows(
        projected,
        { values: centroids.values, clusters: K, dim },
        metric,
      );
      assert.deepEqual(graph.outputs.get('cluster')!.flat(), [...expected]);
      for (const [i, [distance]] of graph.outputs.get('distance')!.entries()) {
        const c = expected[i]!;
        const squares = Array.from({ length: dim }, (_, j) => {
          return (projected[i * dim + j]! - centroids.values[c * dim + j]!) ** 2;
        });
        const right = Math.sqrt(squares.reduce((sum, value) => sum + value, 0));
        // Rows and centroids are rounded to float32.
        assert.ok(Math.abs(distance! - right) < 1e-5, `${distance}, ${right}`);
      }
    });
  }
}

test('a SavedModel has its arrays as constants, the tag that servers ask for, and one signature', () => {
  const run = openedRun({ config: NETWORKS[2]!.config });
  const content = contentOf(run, { clusters: false, head: false });
  const [file] = SAVED_MODEL.encode(content).files;
  assert.equal(file!.path, 'saved_model.pb');
  const { metaGraphs, savedModelSchemaVersion } = decodeSavedModel(file!.chunks[0]!);
  const { metaInfoDef, graphDef, signatureDef } = metaGraphs[0]!;
  assert.deepEqual([savedModelSchemaVersion, metaInfoDef.tags], [1, ['serve']]);
  const { inputs, outputs } = signatureDef['serving_default']!;
  assert.equal(inputs['images']!.name, 'images:0');
  assert.deepEqual(outputs['features'], {
    ...{ name: 'features:0', dtype: 'DT_FLOAT' },
    tensorShape: { dim: [{ size: -1 }, { size: 2048 }] },
  });
  const names = new Set(graphDef.node.map(({ name }) => name));
  assert.equal(names.size, graphDef.node.length);
  for (const { input } of graphDef.node) for (const value of input) assert.ok(names.has(value));
});

test('a TensorFlow.js model is cut into shards of 4 MiB, the last one shorter', () => {
  const model = { architecture: 'small-convnet', width: 32, featureDim: 4096 };
  const run = openedRun({ config: { data: { imageSize: 64 }, model } });
  const { files } = TFJS.encode(contentOf(run, { clusters: false, head: false }));
  const [json, ...shards] = files;
  assert.equal(json!.path, 'model.json');
  const sizes = shards.map(({ chunks }) => chunks.reduce((sum, { length }) => sum + length, 0));
  const last = sizes.pop()!;
  assert.ok(sizes.length > 1 && last <= 2 ** 22);
  assert.deepEqual([...new Set(sizes)], [2 ** 22]);
  const { weightsManifest } = JSON.parse(json!.chunks.map(String).join('')) as {
    weightsManifest: [{ paths: string[]; weights: { shape: number[] }[] }];
  };
  const elements = weightsManifest[0].weights.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  const total = 4 * elements.reduce((sum, count) => sum + count, 0);
  assert.equal(total, sizes.length * 2 ** 22 + last);
  assert.deepEqual(
    weightsManifest[0].paths,
    shards.map(({ path }) => path),
  );
});
