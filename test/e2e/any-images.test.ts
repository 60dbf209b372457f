import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import sharp, { type Sharp } from 'sharp';
import { seededRng } from '../../src/math/rng.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { finished, launch, lossesOf } from '../support/runs/launched-run.ts';

const folder = temporaryFolder();
const data = join(folder.path, 'images');

/** Noise over a gradient, so that no two images are alike, as a JPEG of the kind that `finish` makes. */
async function writeImage(
  name: string,
  side: readonly [number, number],
  finish: (image: Sharp) => Sharp,
): Promise<void> {
  const rng = seededRng('any image', name);
  const cells = Buffer.from(Array.from({ length: 8 * 8 * 3 }, () => rng.integer(256)));
  const drawn = await sharp(cells, { raw: { width: 8, height: 8, channels: 3 } })
    .resize(...side, { kernel: 'cubic', fit: 'fill' })
    .png()
    .toBuffer();
  await finish(sharp(drawn)).toFile(join(data, name));
}

before(async () => {
  mkdirSync(join(data, 'deep', 'deeper'), { recursive: true });
  const jpeg = (image: Sharp): Sharp => image.jpeg();
  for (let i = 0; i < 16; i += 1)
    await writeImage(`flat-${i}.jpg`, [32 + 20 * i, 300 - 10 * i], jpeg);
  for (let i = 0; i < 6; i += 1)
    await writeImage(join('deep', 'deeper', `${i}.JPEG`), [120, 90], jpeg);
  await writeImage('huge.jpg', [4000, 2600], jpeg);
  await writeImage('tiny.jpg', [32, 32], jpeg);
  await writeImage('thin.jpg', [600, 40], jpeg);
  await writeImage('grey.jpg', [100, 80], (image) => image.toColourspace('b-w').jpeg());
  await writeImage('print.jpg', [100, 80], (image) => image.toColourspace('cmyk').jpeg());
  await writeImage('turned.jpg', [100, 80], (image) =>
    image.withMetadata({ orientation: 6 }).jpeg(),
  );
  await writeImage('alpha.png', [100, 80], (image) => image.ensureAlpha(0.5).png());
  await writeImage('web.webp', [100, 80], (image) => image.webp());
  writeFileSync(join(data, 'broken.jpg'), 'not an image');
  writeFileSync(join(data, 'notes.txt'), 'no image, and none meant');
});
after(() => {
  folder.remove();
});

test('images of every size, shape and kind, for one, two and three workers: the same losses', async () => {
  const runs: number[][] = [];
  for (const workers of [1, 2, 3]) {
    const out = join(folder.path, `workers-${workers}`);
    const summary = await finished(launch({ data, out, workers, settings: { epochs: 1 } }));
    assert.equal(summary.images, 31);
    assert.equal(summary.unreadable, 1);
    assert.equal(summary.evaluation, null, 'no class folders, no evaluation');
    runs.push(lossesOf(out));
  }
  assert.deepEqual(runs[1], runs[0]);
  assert.deepEqual(runs[2], runs[0]);
});

test('a list of paths is as good as a folder', async () => {
  const list = join(data, 'list.csv');
  const names = Array.from({ length: 16 }, (_, i) => `flat-${i}.jpg`);
  writeFileSync(list, ['path,licence', ...names.map((name) => `${name},CC0`), ''].join('\n'));
  const out = join(folder.path, 'listed');
  const summary = await finished(launch({ data: list, out, settings: { epochs: 1 } }));
  assert.equal(summary.images, 16);
});

test('files of a phone: what is read takes part, what is not is named on the terminal', async () => {
  const phone = join(folder.path, 'phone');
  mkdirSync(phone);
  const named = (name: string): Buffer => Buffer.from(`${phone}/${name}`, 'latin1');
  const image = sharp(readFileSync(join(data, 'flat-1.jpg'))).resize(40, 30);
  for (const [i, format] of (['jpeg', 'gif', 'tiff', 'avif'] as const).entries()) {
    for (let copy = 0; copy < 8; copy += 1) {
      const file = image.clone().rotate(5 * (8 * i + copy));
      const name = format === 'jpeg' ? `caf\xe9-${copy}.jpg` : `IMG_${copy}.${format}`;
      writeFileSync(named(name), await file.toFormat(format).toBuffer());
    }
  }
  for (let i = 0; i < 7; i += 1) writeFileSync(named(`br\xf6ken-${i}.jpg`), '');
  const heic = Buffer.from('0000001c6674797068656963000000006d696631686569636d696166', 'hex');
  for (let i = 0; i < 3; i += 1) writeFileSync(join(phone, `IMG_${i}.HEIC`), heic);
  const out = join(folder.path, 'of-a-phone');
  const settings = { epochs: 1, 'data.maxUnreadableFraction': 0.5 };
  const launched = launch({ data: phone, out, settings });
  const summary = await finished(launched);
  assert.deepEqual([summary.images, summary.unreadable], [39, 7]);
  const { stderr } = await launched.ended;
  assert.match(stderr, /coordinator warn files\.ignored: passed over 3 HEIC: .*convert "\$f"/);
  const skipped = stderr.match(/image\.skipped: br\\xf6ken-\d\.jpg: the file is empty/g) ?? [];
  assert.equal(skipped.length, 5, stderr);
  assert.match(stderr, /images\.skipped: 7 images so far cannot be read/);
  const listed = readFileSync(join(out, 'unreadable.csv'), 'utf8').trimEnd().split('\n');
  assert.equal(listed.length, 8);
  assert.match(listed[1]!, /^24,"?br\\xf6ken-0\.jpg"?,"?the file is empty"?$/);
  const report = readFileSync(join(out, 'report.html'), 'utf8');
  assert.ok(report.includes('caf\\xe9-') && !report.includes('\u{FFFD}'));
});
