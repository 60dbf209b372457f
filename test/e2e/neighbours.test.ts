/** `neighbours` as people call it, on a folder in which some images are copies of others. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { train } from '../../src/api.ts';
import { makeImages } from '../../src/data/made/made-images.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { SMALL, runCommand } from '../support/runs/launched-run.ts';

const folder = temporaryFolder();
const at = (name: string): string => join(folder.path, name);
const data = at('images');
const out = at('run');
/** The first folder of images, the one copied and the one encoded again. */
let place = '';
let [first, second] = ['', ''];

before(async () => {
  await makeImages({ out: data, classes: 4, perClass: 30, size: 32, seed: 7 });
  place = readdirSync(data).sort()[0]!;
  [first, second] = readdirSync(join(data, place)).sort() as [string, string];
  cpSync(join(data, place, first), join(data, place, 'copy, of "it".jpg'));
  const { data: pixels, info } = await sharp(join(data, place, second))
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  await sharp(pixels, { raw: { width, height, channels } })
    .png()
    .toFile(join(data, place, 'again.png'));
  writeFileSync(join(data, place, 'bad.jpg'), 'no image');
  await train({ data, out, settings: { ...SMALL, epochs: 3, 'evaluation.enabled': false } });
});
after(() => {
  folder.remove();
});

function words(more: readonly string[]): string[] {
  return ['neighbours', '--run', out, '--engine', 'wasm', ...more];
}

async function found(more: readonly string[]): Promise<Record<string, string>[]> {
  const { code, stdout, stderr } = await runCommand(words(more)).ended;
  assert.equal(code, 0, stderr);
  return parse(stdout, { columns: true });
}

const IMAGES = 122;

test('copies and other encodings of an image are in one group', async () => {
  const rows = await found(['--duplicates', '--threshold', '1e-4']);
  const groupOf = (name: string): string | undefined =>
    rows.find(({ path }) => path === `${place}/${name}`)?.['group'];
  assert.ok(groupOf('copy, of "it".jpg') !== undefined);
  assert.equal(groupOf('copy, of "it".jpg'), groupOf(first));
  assert.ok(groupOf('again.png') !== undefined);
  assert.equal(groupOf('again.png'), groupOf(second));
  const copy = rows.find(({ path }) => path === `${place}/copy, of "it".jpg`)!;
  assert.equal(Number(copy['distance']), 0);
  assert.equal(copy['nearest'], `${place}/${first}`);
});

test('the image nearest to one of the run is that image; features are made once', async () => {
  const stored = join(out, 'features');
  const [array] = readdirSync(stored).filter((name) => name.endsWith('.npy'));
  const { ino } = statSync(join(stored, array!));
  const query = join(data, place, 'again.png');
  const [nearest, next, ...others] = await found(['--query', query, '--k', '5']);
  assert.equal(others.length, 3);
  const paths = [nearest!['path'], next!['path']].sort();
  assert.ok(paths.includes(`${place}/again.png`));
  assert.ok(Number(nearest!['distance']) < 1e-6);
  assert.ok([nearest!, next!, ...others].every(({ cluster }) => Number(cluster) >= 0));
  assert.equal(statSync(join(stored, array!)).ino, ino);
});

test('outliers are the images with the greatest distances of the run', async () => {
  const rows = await found(['--outliers', '--k', '7']);
  const table: Record<string, string>[] = parse(readFileSync(join(out, 'clusters.csv')), {
    columns: true,
  });
  const expected = table
    .sort((a, b) => Number(b['distance']) - Number(a['distance']))
    .slice(0, 7)
    .map(({ path, cluster, distance }) => ({ path, cluster, distance }));
  assert.deepEqual(rows, expected);
});

test('with --out there is a table and a page that holds its pictures', async () => {
  const { code, stdout, stderr } = await runCommand(
    words(['--duplicates', '--threshold', '1e-4', '--out', at('page'), '--json']),
  ).ended;
  assert.equal(code, 0, stderr);
  const report = JSON.parse(stdout) as { images: number; rows: unknown[]; files: string[] };
  assert.equal(report.images, IMAGES);
  assert.deepEqual(report.files, [
    join(at('page'), 'neighbours.csv'),
    join(at('page'), 'neighbours.html'),
  ]);
  const table: unknown[] = parse(readFileSync(report.files[0]!), { columns: true });
  assert.equal(table.length, report.rows.length);
  const page = readFileSync(report.files[1]!, 'utf8');
  assert.equal(page.match(/<img src="data:image\/jpeg;base64,/g)!.length, report.rows.length);
  assert.ok(page.includes('copy, of &quot;it&quot;.jpg'));
  assert.ok(!/<script|https?:/.test(page));
});

test('images from elsewhere are searched likewise', async () => {
  const other = at('other');
  mkdirSync(other);
  cpSync(join(data, place, 'again.png'), join(other, 'a.png'));
  const rows = await found(['--query', join(data, place, 'again.png'), '--data', other]);
  assert.deepEqual(
    rows.map(({ path }) => path),
    ['a.png'],
  );
});

test('what cannot be done is said in one line', async () => {
  const refused = async (more: readonly string[], expected: number): Promise<string> => {
    const { code, stderr } = await runCommand(words(more)).ended;
    assert.equal(code, expected, stderr);
    return stderr.trimEnd().split('\n').at(-1)!;
  };
  assert.match(
    await refused([], 2),
    /exactly one of '--query <image>', '--duplicates' and '--outliers'/,
  );
  assert.match(await refused(['--outliers', '--duplicates'], 2), /exactly one of/);
  assert.match(await refused(['--duplicates', '--threshold', '2'], 2), /from 0 to below 1/);
  assert.match(await refused(['--query', at('none.jpg')], 42), /there is no such image/);
  const kept = at('kept');
  cpSync(out, kept, { recursive: true, filter: (path) => !path.includes('features') });
  writeFileSync(join(kept, 'features'), 'no folder');
  const noFolder = ['neighbours', '--run', kept, '--engine', 'wasm', '--outliers'];
  const { code, stderr } = await runCommand(noFolder).ended;
  assert.equal(code, 42, stderr);
  assert.match(stderr, /features cannot be kept in it \(.*\); copy the run to where you may write/);
  const bad = join(data, place, 'bad.jpg');
  assert.match(await refused(['--query', bad], 42), /it cannot be read \(/);
});
