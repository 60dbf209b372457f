/** What the coordinator gathers for the report, on a folder of real files, and the thumbnails it is made with. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { RunRecord } from '../../coordinator/record/run-record.ts';
import { renderRunReport } from '../../src/run/run-report.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import { decodeImage } from '../../src/data/pixels/decode.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import { thumbnailJpeg } from '../../src/data/pixels/thumbnail.ts';
import {
  encoder,
  imageOf,
  pixelAt,
  temporaryFolder,
  writeFiles,
} from '../support/made/data-images.ts';
import { madeReport } from '../support/made/report-run.ts';

/** Left third red, the rest green: 24 x 16. */
const RED_GREEN = imageOf(24, 16, (x) => (x < 8 ? [255, 0, 0] : [0, 255, 0]));

test('a thumbnail is the upright middle square, at most as large as asked', async () => {
  const upright = await decodeImage(
    await thumbnailJpeg(await encoder(RED_GREEN).png().toBuffer(), 64),
  );
  assert.deepEqual([upright.width, upright.height], [16, 16]); // not enlarged
  assert.ok(pixelAt(upright, 1, 8)[0]! > 180, 'columns 4 to 7 are red');
  assert.ok(pixelAt(upright, 6, 8)[1]! > 180, 'columns 8 to 19 are green');
  const turned = await encoder(RED_GREEN)
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 100 })
    .toBuffer();
  const small = await decodeImage(await thumbnailJpeg(turned, 8));
  assert.deepEqual([small.width, small.height], [8, 8]);
  assert.ok(pixelAt(small, 4, 0)[0]! > 120, 'left became top');
  assert.ok(pixelAt(small, 4, 6)[1]! > 180);
});

test('bytes that are no image have no thumbnail', async () => {
  await assert.rejects(thumbnailJpeg(Buffer.from('<svg/>'), 64), /not an image of a known format/);
});

test('the report shows the largest clusters first, with their majority class, and the changed settings', async (t) => {
  const root = await temporaryFolder(t);
  const images = join(root, 'images');
  const square = await sharp({
    create: { width: 8, height: 8, channels: 3, background: '#808080' },
  })
    .jpeg()
    .toBuffer();
  const files = ['cat', 'dog <&>'].flatMap((name) =>
    Array.from({ length: 20 }, (_, i): [string, Buffer] => [`${name}/${i + 10}.jpg`, square]),
  );
  await writeFiles(images, { ...Object.fromEntries(files), 'cat/11.jpg': 'no image' });
  const source = await openImageSource(images); // 0 to 19 are cats, 20 to 39 dogs
  const config = runConfigSchema().parse({ epochs: 200, seed: 8, clustering: { k: 5 } });
  const record = new RunRecord(() => 0);
  record.noteStep({ loss: 1.5, samples: 8 } as Parameters<RunRecord['noteStep']>[0]);
  // Cluster 3: ten dogs and five cats, of which one is broken; cluster 1: three cats; the others are empty.
  const clusters = new Int32Array(source.count).fill(-1);
  clusters.fill(3, 0, 5).fill(3, 20, 30).fill(1, 10, 13);
  const html = await renderRunReport({
    config,
    origins: { 'clustering.k': 'run.yaml:3', seed: '--set seed', epochs: 'run.yaml:1' },
    source,
    record,
    summary: madeReport().summary,
    clusters,
  });

  const shownClusters = html.split('<figure class="cluster">').slice(1);
  assert.deepEqual(
    shownClusters.map((cluster) => /Cluster \d/.exec(cluster)?.[0]),
    ['Cluster 3', 'Cluster 1'],
  );
  assert.ok(shownClusters[0]!.includes('<b>67\u00A0%</b> dog &lt;&amp;&gt;'), '10 of 15');
  assert.ok(shownClusters[1]!.includes('<b>100\u00A0%</b> cat'));
  const shown = [...shownClusters[0]!.matchAll(/alt="([^"]*)"/g)].map(([, path]) => path);
  // Twelve of fifteen, every (i + 0.5) * 15 / 12: 0 1 3 4 5 6 8 9 10 11 13 14; the second is the broken one.
  assert.deepEqual(
    shown,
    [
      'cat/10',
      'cat/13',
      'cat/14',
      ...[0, 1, 3, 4, 5, 6, 8, 9].map((i) => `dog &lt;&amp;&gt;/${i + 10}`),
    ].map((path) => `${path}.jpg`),
  );

  const settings = html.match(/<table class="settings">[\s\S]*<\/table>/)?.[0] ?? '';
  const keys = [...settings.matchAll(/<th scope="row"><code>([^<]*)/g)].map(([, key]) => key);
  assert.deepEqual(keys, ['seed', 'clustering.k'], 'epochs was set to its default');
  assert.ok(settings.includes('run.yaml:3'));
});
