/** The report page as a whole: what it shows, that it is well-formed, that it loads nothing, that it stays small. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportAlgorithm } from '../../src/algorithms/report-algorithm.ts';
import { scriptSource } from '../../src/report/client-script.ts';
import { readGallery } from '../../src/report/client/decode.js';
import { renderReport } from '../../src/report/report-page.ts';
import type { ReportData } from '../../src/report/report-data.ts';
import { madeGallery } from '../support/made/gallery.ts';
import { DEMO_SHAPE, madeReport } from '../support/made/report-run.ts';
import { assertWellFormed, textOf } from '../support/oracles/well-formed.ts';
import { noSeconds } from '../../src/run/record-state.ts';

function withoutTruth(data: ReportData): ReportData {
  return {
    ...data,
    epochs: data.epochs.map((epoch) => ({ ...epoch, nmiToTruth: null })),
    montage: data.montage.map(({ cluster, size, images }) => ({ cluster, size, images })),
    summary: {
      ...data.summary,
      evaluation: null,
      nmi: { ...data.summary.nmi, toTruth: null },
    },
  };
}

test('an ODC run shows what changes in place of the inertia', () => {
  const data = madeReport();
  const epochs = data.epochs.map((epoch, i) => ({
    ...epoch,
    inertia: i === 0 ? 480 : null,
    figures: {
      odc: {
        changeRatio: 0.9 / (i + 1),
        smallest: 7,
        largest: 61,
        perplexity: 44.1,
        merges: 1234,
        splits: 1233,
      },
    },
  }));
  const html = renderReport({ ...data, epochs, algorithm: reportAlgorithm('odc') });
  assertWellFormed(html);
  const text = textOf(html);
  assert.ok(text.includes('Online Deep Clustering on small-convnet'));
  assert.ok(html.includes('from 0.900 to 0.050'), 'the change ratio as a chart: 0.9 to 0.9 / 18');
  assert.ok(text.includes('Changed Smallest Largest Merged, split'));
  assert.ok(text.includes('0.450 7 61 1,234, 1,233'), 'the second epoch');
  assert.ok(!text.includes('Inertia'));
  const other = textOf(renderReport(data));
  assert.ok(other.includes('Inertia') && !other.includes('Images that change their cluster'));
});

test('the headline has every figure of the summary', () => {
  const html = renderReport(madeReport());
  assertWellFormed(html);
  const text = textOf(html);
  for (const figure of [
    'Vx3_kQ81Za',
    'DeepCluster on small-convnet',
    'kNN top-1 91.2 % +33.4 points', // 0.912 - 0.578
    'Linear probe top-1 93.7 % +29.3 points', // 0.937 - 0.644
    'random init 57.8 %',
    'random init 64.4 %',
    'raw pixels 60.1 % ± 4.4',
    'The trained features are better than raw pixels : kNN +31.1 ± 4.5 points',
    'agrees with the classes by an NMI of 0.714 ± 0.022',
    'Images 1,200 5 unreadable, 2 damaged',
    'Wall time 4 min 12 s 18 epochs, 324 steps', // 251.5 s; 18 * 18
    '126 images/s features at 706 images/s',
    'Workers 2 1 restart',
    'Samples committed 21,600 3 duplicates dropped, 4 leases returned',
    `guessing gives ln k = ${Math.log(50).toFixed(2)}`,
  ]) {
    assert.ok(text.includes(figure), figure);
  }
});

test('a run that has learnt nothing says so first, and what to try; a sound one has no such note', () => {
  const { summary, ...data } = madeReport();
  assert.ok(!renderReport({ ...data, summary }).includes('role="note"'));
  const learning = { learnt: false, findings: ['loss 4.605 < 5'], advice: ['--set epochs=80'] };
  const html = renderReport({ ...data, summary: { ...summary, learning } });
  assertWellFormed(html);
  const text = textOf(html);
  const at = text.indexOf('This run has learnt nothing');
  assert.ok(at >= 0 && at < text.indexOf('Linear probe'));
  assert.ok(text.includes('loss 4.605 < 5') || text.includes('loss 4.605 &lt; 5'));
  assert.ok(text.includes('What to try:') && text.includes('--set epochs=80'));
});

test('the curves, the table, the montage and the settings are there', () => {
  const data = madeReport();
  const html = renderReport(data);
  for (const title of ['Training loss', 'Agreement of clusterings', 'Cluster sizes']) {
    assert.ok(html.includes(`<h3>${title}</h3>`), title);
  }
  const epochRows = html.match(/<table class="epochs">[\s\S]*?<\/table>/)?.[0].match(/<tr>/g);
  assert.equal(epochRows?.length, 1 + DEMO_SHAPE.epochs);
  const bars = html.match(/<g class="bar">[\s\S]*?<\/g>/)?.[0].match(/<rect/g);
  assert.equal(bars?.length, DEMO_SHAPE.k);
  assert.ok(html.includes(`<img src="${data.montage[0]!.images[0]!.dataUri}"`));
  const text = textOf(html);
  assert.ok(text.includes('Cluster 7') && text.includes('97 % ring'));
  assert.ok(text.includes('clustering.k 50 run.yaml:12'));
  assert.ok(text.includes('data.cropArea [0.3, 1] preset demo'));
});

test('bars are as high as their clusters are large, largest first', () => {
  const html = renderReport({ ...madeReport(), clusterSizes: [10, 40, 0, 20] });
  const group = /<g class="bar">([\s\S]*?)<\/g>/.exec(html)?.[1] ?? '';
  const heights = [...group.matchAll(/height="([^"]*)"/g)].map(([, height]) => Number(height));
  assert.deepEqual(heights, [1000, 500, 250, 0]); // the axis ends at 40
});

test('hostile texts from paths and settings stay text', () => {
  const evil = `"><script>alert('x')</script>&amp;.jpg`;
  const data = madeReport();
  const html = renderReport({
    ...data,
    summary: { ...data.summary, runId: evil, architecture: evil, engine: evil },
    montage: [
      {
        cluster: 0,
        size: 2,
        images: [{ dataUri: data.montage[0]!.images[0]!.dataUri, path: evil }],
        majorityClass: { name: evil, share: 0.5 },
      },
    ],
    settings: [{ key: evil, value: { deep: [evil] }, origin: evil }],
  });
  assertWellFormed(html);
  assert.ok(!html.includes('<script'));
  assert.ok(html.includes('&lt;script&gt;'));
  assert.ok(html.includes('&amp;amp;.jpg'), 'an entity in a name is no entity');
});

test('hostile paths and classes cannot leave the data of the script, and no other script runs', () => {
  const evil = `</script><script>alert('x')</script><!--\u2028`;
  const made = madeGallery({ clusters: 2, perCluster: 3, classes: 2 });
  const gallery = { ...made, paths: made.paths.map(() => evil), classes: [evil, 'b'] };
  const html = renderReport({ ...madeReport(), gallery });
  assertWellFormed(html);
  const scripts = [...html.matchAll(/<script type="([^"]*)"[^>]*>([\s\S]*?)<\/script>/g)];
  assert.deepEqual(
    scripts.map(([, type]) => type),
    ['application/json', 'module'],
  );
  assert.equal(readGallery(scripts[0]![2]!).paths[0], evil);
  const source = scriptSource(scripts[1]![2]!).replaceAll("'", '&#39;');
  assert.ok(html.includes(`script-src ${source}"`), 'by its hash alone');
});

test('thumbnails beside the page are all that it may load', () => {
  const sheets = { kind: 'beside', files: ['report/0.webp'] } as const;
  const gallery = madeGallery({ clusters: 2, perCluster: 3, classes: 2, sheets });
  assert.match(renderReport({ ...madeReport(), gallery }), /img-src data: &#39;self&#39; file:;/);
  const inside = madeGallery({ clusters: 2, perCluster: 3, classes: 2 });
  assert.match(renderReport({ ...madeReport(), gallery: inside }), /img-src data:;/);
});

test('faults and images that were left out have their tables, with many of them cut short', () => {
  const images = Array.from({ length: 60 }, (_, i) => ({ path: `${i}.jpg`, reason: 'empty file' }));
  const html = renderReport({
    ...madeReport(),
    faults: [{ event: 'worker.lost', meaning: 'a worker died', count: 3, lastReason: 'silent' }],
    skipped: { unreadable: images, damaged: images.slice(0, 1) },
  });
  assertWellFormed(html);
  const text = textOf(html);
  assert.ok(text.includes('worker.lost 3 a worker died; last: silent'));
  assert.ok(text.includes('60 images that could not be read and took no part (unreadable.csv)'));
  assert.ok(
    text.includes('49.jpg empty file') && !text.includes('50.jpg') && text.includes('and 10 more'),
  );
  assert.ok(text.includes('1 image of which only a part could be decoded'));
});

test('the page loads nothing, and an image that is not embedded is left out', () => {
  const data = madeReport();
  const images = [
    { dataUri: 'https://example.org/a.jpg', path: 'a.jpg' },
    { dataUri: 'data:image/svg+xml;base64,PHN2Zz4=', path: 'b.svg' },
    { dataUri: 'data:image/jpeg;base64,AAAA" onerror="x', path: 'c.jpg' },
  ];
  const html = renderReport({ ...data, montage: [{ cluster: 0, size: 3, images }] });
  assertWellFormed(html);
  assert.ok(!/<img|<script|<link|<iframe|https?:|url\(|@import/.test(html));
  assert.ok(html.includes(`content="default-src &#39;none&#39;;`));
});

test('without truth and evaluation the page says so and has neither curve nor column', () => {
  const html = renderReport(withoutTruth(madeReport()));
  assertWellFormed(html);
  const text = textOf(html);
  assert.ok(text.includes('The features were not evaluated'));
  assert.ok(text.includes('NMI with the classes – the images have no class folders'));
  assert.ok(!html.includes('class="swatch second"') && !html.includes('>NMI classes<'));
  assert.ok(!html.includes('class="majority"'));
});

test('runs of one epoch, of none, and with nothing measured have a page, without NaN', () => {
  const one = withoutTruth(madeReport({ ...DEMO_SHAPE, epochs: 1 }));
  const none: ReportData = {
    ...one,
    epochs: [],
    lossByStep: [],
    clusterSizes: [],
    montage: [],
    settings: [],
    summary: {
      ...one.summary,
      seconds: 0,
      finalLoss: NaN,
      phaseSeconds: { ...noSeconds(), train: NaN },
      imagesPerSecond: { extract: NaN, train: Infinity },
      nmi: { toPrevious: [], toTruth: [] },
    },
  };
  const broken = { ...one, lossByStep: [NaN, 2, NaN], clusterSizes: [0, 0] };
  for (const data of [one, none, broken, madeReport({ ...DEMO_SHAPE, epochs: 2 })]) {
    const html = renderReport(data);
    assertWellFormed(html);
    assert.ok(!/NaN|Infinity|undefined|null/.test(html), 'no number is missing without a dash');
  }
  assert.ok(!renderReport(one).includes('Agreement of clusterings'), 'nothing to compare yet');
});

test('the page of 100,000 steps and 10,000 clusters has under 2 MB and keeps the worst step', () => {
  const data = madeReport({ epochs: 200, stepsPerEpoch: 500, k: 10_000, images: 1_281_167 });
  const losses = Float64Array.from(data.lossByStep);
  losses[77_777] = 40; // the axis ends there: a spike that is kept touches the top or nearly so
  const html = renderReport({ ...data, lossByStep: losses });
  assertWellFormed(html);
  assert.ok(html.length < 2_000_000, `${html.length} characters`);
  const raw = /<path class="line raw" d="([^"]*)"/.exec(html)?.[1] ?? '';
  const points = raw
    .split(/[ML]/)
    .slice(1)
    .map((point) => point.split(' ').map(Number));
  assert.ok(points.length <= 2000, `${points.length} points`);
  const top = points.reduce((best, point) => (point[1]! < best[1]! ? point : best));
  const expectedX = (1000 * 77_777) / 99_999;
  assert.ok(Math.abs(top[0]! - expectedX) < 0.06, `the spike is at ${top[0]!}`); // coordinates have one decimal
});
