/** What an export takes out of a run, the comparison that it must pass, and the card beside it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cardOf } from '../../src/export/card.ts';
import { contentOf } from '../../src/export/content.ts';
import { FORMAT_NAMES } from '../../src/export/format-names.ts';
import { probeImages, requireSame, scaledImages, type Probe } from '../../src/export/probe.ts';
import { openedRun } from '../support/made/opened-run.ts';

const config = { data: { imageSize: 32 }, model: { architecture: 'small-convnet', width: 4 } };

test('clusters of a run that has none yet are refused, and left out they are no matter', () => {
  const run = openedRun({ config });
  assert.throws(() => contentOf(run, { clusters: true, head: false }), {
    code: 'CONFIG_INVALID',
    message:
      'run folder runs/made: has no clusters yet; leave --clusters out, or wait for its first clustering',
  });
  assert.equal(contentOf(run, { clusters: false, head: false }).clusters, null);
});

test('a head of a network without one is refused, and its clusters are exported', () => {
  const model = { ...config.model, neck: 'projection', neckHidden: 8, neckDim: 8 };
  const centroids = { values: new Float32Array(16).fill(1), count: 2, dim: 8 };
  const run = openedRun({
    config: { ...config, algorithm: 'deepcluster-v2', model, clustering: { k: 2 } },
    centroids,
  });
  assert.throws(() => contentOf(run, { clusters: false, head: true }), {
    code: 'CONFIG_INVALID',
    message: /has no head, .* give --clusters in place of --head$/,
  });
  const { clusters, hasHead } = contentOf(run, { clusters: true, head: false });
  assert.equal(clusters?.metric, 'cosine');
  assert.equal(hasHead, false);
});

function probeOf(outputs: Record<string, number[]>): Probe {
  return {
    count: 2,
    size: 1,
    pixels: new Uint8Array(6),
    outputs: new Map(Object.entries(outputs)),
  };
}

const EXPECTED = { features: [1, -4], cluster: [2, 0], distance: [0.5, 0.25] };

test('a read-back passes with rounding, by the largest number of each output', () => {
  // 2e-4 of 4, and nothing of the others.
  const got = new Map(Object.entries({ ...EXPECTED, features: [1, -4.0002] }));
  const difference = requireSame(got, probeOf(EXPECTED), 'a reader');
  assert.ok(Math.abs(difference - 0.0002 / 4) < 1e-12);
});

test('a read-back fails by more than rounding, by NaN, by a cluster, and by what is missing', () => {
  for (const [other, problem] of [
    [{ features: [1, -4.001] }, /features is off by 2\.5e-4 of its largest number/],
    [{ features: [NaN, -4] }, /features is off by NaN/],
    [{ features: [1] }, /features has 1 numbers, expected 2/],
    [{ cluster: [2, 1] }, /image 1 has another cluster/],
    [{ distance: [] }, /distance has 0 numbers, expected 2/],
  ] as const) {
    const got = new Map<string, readonly number[]>(Object.entries({ ...EXPECTED, ...other }));
    assert.throws(() => requireSame(got, probeOf(EXPECTED), 'a reader'), {
      code: 'INTERNAL',
      message: problem,
    });
  }
  assert.throws(() => requireSame(new Map(), probeOf(EXPECTED), 'a reader'), /features has 0/);
});

test('images go to a graph from 0 to 1, channels first or last', () => {
  const pixels = Uint8Array.from({ length: 2 * 2 * 2 * 3 }, (_, i) => 10 * i);
  const probe: Probe = { count: 2, size: 2, pixels, outputs: new Map() };
  const [first, last] = [scaledImages(probe, 'NCHW'), scaledImages(probe, 'NHWC')];
  for (const [image, y, x, c] of [
    [0, 0, 0, 0],
    [0, 1, 0, 2],
    [1, 0, 1, 1],
    [1, 1, 1, 2],
  ] as const) {
    const byte = pixels[((image * 2 + y) * 2 + x) * 3 + c]!;
    assert.equal(last[((image * 2 + y) * 2 + x) * 3 + c], Math.fround(byte / 255));
    assert.equal(first[((image * 3 + c) * 2 + y) * 2 + x], Math.fround(byte / 255));
  }
});

test("the probe's images are the same each time, and no two alike", () => {
  const [once, again] = [probeImages(2, 20), probeImages(2, 20)];
  assert.deepEqual(once, again);
  assert.notDeepEqual(once.subarray(0, 1200), once.subarray(1200));
});

test('a card says how images are made, what comes out, and how each format is loaded', () => {
  const content = contentOf(openedRun({ config }), { clusters: false, head: false });
  const output = {
    name: 'features',
    type: 'float32',
    shape: [256],
    says: 'the representation',
  } as const;
  for (const name of FORMAT_NAMES) {
    const outputs = name === 'safetensors' ? [] : [output];
    const place = { out: 'out/net', card: 'out/net.md' };
    const card = cardOf(content, { name, says: 'something' }, { files: [], outputs }, place);
    assert.match(card, /^# net\n/);
    // 32 * 256 / 224 is 36.57.
    assert.match(card, /shorter side of 37 px/);
    assert.match(card, /on 3 images in 10000 clusters; 7 steps/);
    assert.match(card, name === 'tfjs' ? /```js/ : /```python/);
    assert.doesNotMatch(card, /undefined|null|NaN/);
  }
});
