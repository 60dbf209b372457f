/** Made images: determinism, variety within a class, what is refused; and the check of a whole source. */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeImage } from '../../src/data/pixels/decode.ts';
import { drawMadeImage, makeImages } from '../../src/data/made/made-images.ts';
import { PATTERN_CLASSES } from '../../src/data/made/made-patterns.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import { verifySource } from '../../src/data/source/verify.ts';
import { seededRng } from '../../src/math/rng.ts';
import { noiseJpeg, temporaryFolder, writeFiles } from '../support/made/data-images.ts';

const SMALL = { classes: 3, perClass: 2, size: 24, seed: 5 };

test('a made set is a source with its classes as truth', async (t) => {
  const out = join(await temporaryFolder(t), 'deep', 'made');
  const made = await makeImages({ out, ...SMALL });
  assert.deepEqual(made, { images: 6, classes: ['gratings', 'checks', 'dots'] });
  const source = await openImageSource(out);
  assert.equal(source.count, 6);
  assert.equal(source.path(0), 'checks/0000.jpg');
  assert.deepEqual(source.truth?.names, ['checks', 'dots', 'gratings']);
  const image = await decodeImage(await source.read(5));
  assert.deepEqual([image.width, image.height], [24, 24]);
  assert.deepEqual(await readdir(join(out, '..')), ['made']); // nothing half-made stays beside it
});

test('the files hold the drawn pixels up to JPEG', async (t) => {
  const out = join(await temporaryFolder(t), 'made');
  await makeImages({ out, ...SMALL });
  const drawn = drawMadeImage(PATTERN_CLASSES[1]!, 1, 24, 5);
  const read = await decodeImage(await readFile(join(out, 'checks/0001.jpg')));
  const errors = drawn.data.map((value, i) => Math.abs(value - read.data[i]!));
  assert.ok(errors.reduce((sum, error) => sum + error, 0) / errors.length < 6);
});

test('equal options draw equal files, another seed draws others', async (t) => {
  const root = await temporaryFolder(t);
  for (const [name, seed] of [
    ['a', 5],
    ['b', 5],
    ['c', 6],
  ] as const) {
    await makeImages({ ...SMALL, out: join(root, name), seed });
  }
  const file = (name: string): Promise<Buffer> => readFile(join(root, name, 'dots/0001.jpg'));
  assert.deepEqual(await file('a'), await file('b'));
  assert.notDeepEqual(await file('a'), await file('c'));
});

test('making the same set again changes nothing, anything else in the way is refused', async (t) => {
  const root = await temporaryFolder(t);
  const out = join(root, 'made');
  const made = await makeImages({ out, ...SMALL });
  await writeFile(join(out, 'dots/0000.jpg'), 'touched');
  assert.deepEqual(await makeImages({ out, ...SMALL }), made);
  assert.equal(await readFile(join(out, 'dots/0000.jpg'), 'utf8'), 'touched');

  const refused = { code: 'CONFIG_INVALID', message: /config out: must be a new or empty folder/ };
  await assert.rejects(makeImages({ out, ...SMALL, seed: 6 }), refused);
  await rm(join(out, 'dots/0000.jpg'));
  await assert.rejects(makeImages({ out, ...SMALL }), refused);
  await writeFiles(root, { 'other/thesis.doc': 'precious' });
  await assert.rejects(makeImages({ ...SMALL, out: join(root, 'other') }), refused);
  await assert.rejects(makeImages({ ...SMALL, out: join(root, 'other/thesis.doc') }), {
    code: 'CONFIG_INVALID',
  });
  assert.equal(await readFile(join(root, 'other/thesis.doc'), 'utf8'), 'precious');
});

test('options out of range are refused before anything is written', async (t) => {
  const out = join(await temporaryFolder(t), 'made');
  for (const wrong of [
    { classes: 1 },
    { classes: PATTERN_CLASSES.length + 1 },
    { perClass: 0 },
    { size: 15 },
    { size: 64.5 },
    { seed: -1 },
  ]) {
    const [key] = Object.keys(wrong);
    await assert.rejects(makeImages({ out, ...SMALL, ...wrong }), {
      code: 'CONFIG_INVALID',
      message: new RegExp(`^config ${key!}: must be an integer from`),
    });
  }
  await assert.rejects(readdir(out), { code: 'ENOENT' });
});

test('there are sixteen classes or more, of different names', () => {
  const names = PATTERN_CLASSES.map((patternClass) => patternClass.name);
  assert.ok(names.length >= 16);
  assert.equal(new Set(names).size, names.length);
});

test('every pattern is a distance: within its slope, with a fair share of both sides', () => {
  for (const { name, create } of PATTERN_CLASSES) {
    for (let draw = 0; draw < 3; draw++) {
      const rng = seededRng('pattern', name, draw);
      const pattern = create(rng);
      let inside = 0;
      const n = 4000;
      for (let i = 0; i < n; i++) {
        const u = 8 * rng.float() - 4;
        const v = 8 * rng.float() - 4;
        const here = pattern(u, v);
        if (here > 0) inside++;
        // Near an edge a distance changes by one cell a cell, or edges blur or turn into steps; blobs only roughly.
        if (Math.abs(here) < 0.02 && Math.hypot(u, v) > 0.5) {
          const slope = Math.hypot(
            (pattern(u + 1e-4, v) - here) / 1e-4,
            (pattern(u, v + 1e-4) - here) / 1e-4,
          );
          assert.ok(slope < (name === 'blobs' ? 4 : 1.25), `${name}: slope ${slope} at ${u}, ${v}`);
        }
      }
      assert.ok(inside > 0.1 * n && inside < 0.9 * n, `${name}: ${inside} of ${n} inside`);
    }
  }
});

test('images of one class differ in colour, contrast sign, brightness and grain', () => {
  const looks = Array.from({ length: 24 }, (_, i) => {
    const { data } = drawMadeImage(PATTERN_CLASSES[2]!, i, 32, 1);
    const channel = (c: number): number[] => Array.from(data.filter((_v, j) => j % 3 === c));
    const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    const [red, green, blue] = [channel(0), channel(1), channel(2)];
    const moment = (power: number): number =>
      mean(green.map((value) => (value - mean(green)) ** power));
    const skew = moment(3) / moment(2) ** 1.5;
    return { hue: mean(red) - mean(blue), brightness: mean(green), skew };
  });
  const spread = (values: number[]): number => Math.max(...values) - Math.min(...values);
  assert.ok(spread(looks.map((look) => look.hue)) > 60);
  assert.ok(spread(looks.map((look) => look.brightness)) > 60);
  // Two shades of shares p = 0.28 and 1 - p are skewed by (1 - 2p) / sqrt(p (1 - p)) = 0.98, less with grain and slope.
  const light = looks.filter((look) => look.skew > 0.1).length;
  const dark = looks.filter((look) => look.skew < -0.1).length;
  assert.ok(light > 5 && dark > 5 && light + dark >= 18, `dots: ${light} light, ${dark} dark`);
});

test('a check of a source lists what cannot be read and what is damaged, by id', async (t) => {
  const root = await temporaryFolder(t);
  const sound = await noiseJpeg(32, 32);
  const torn = sound.subarray(0, Math.floor(sound.length * 0.7));
  await writeFiles(root, { 'a.jpg': sound, 'b.jpg': torn, 'c.jpg': 'text', 'd.jpg': '' });
  const calls: number[] = [];
  const result = await verifySource(await openImageSource(root), (done, total) => {
    assert.equal(total, 4);
    calls.push(done);
  });
  assert.deepEqual(calls, [1, 2, 3, 4]);
  assert.equal(result.images, 4);
  assert.equal(result.bytes, sound.length + torn.length + 4);
  assert.deepEqual(result.unreadable, [
    {
      id: 2,
      path: 'c.jpg',
      reason: 'not an image of a known format (JPEG, PNG, WebP, GIF, TIFF, AVIF)',
    },
    { id: 3, path: 'd.jpg', reason: 'the file is empty' },
  ]);
  assert.deepEqual(result.damaged, [
    { id: 1, path: 'b.jpg', reason: 'a damaged or truncated JPEG' },
  ]);
});

test('a check can be stopped', async (t) => {
  const root = await temporaryFolder(t);
  await writeFiles(root, { 'a.jpg': 'x', 'b.jpg': 'x' });
  const source = await openImageSource(root);
  await assert.rejects(
    verifySource(source, undefined, AbortSignal.abort(new Error('enough'))),
    /enough/,
  );
});
