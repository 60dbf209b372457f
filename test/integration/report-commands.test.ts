/** `deepcluster report` and `deepcluster compare` on real runs. */
import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { readGallery } from '../../src/report/client/decode.js';
import { openRun } from '../../src/run/open-run.ts';
import { ranCli, type Ran } from '../support/runs/cli-run.ts';
import { runCommand } from '../support/runs/launched-run.ts';
import { runNetwork } from '../support/runs/network-run.ts';
import { placeForRuns, runPlain } from '../support/runs/in-process-run.ts';
import { assertWellFormed, textOf } from '../support/oracles/well-formed.ts';

const IMAGES = 40;
const place = await placeForRuns(IMAGES);
const [first, second] = [place.out('first'), place.out('second')];
/** With a network that computes. */
const network = place.out('network');

before(async () => {
  const settings = { 'clustering.k': 7 };
  await runPlain({ data: place.data, out: first, workers: 2, settings });
  await runPlain({ data: place.data, out: second, workers: 1, settings: { ...settings, seed: 5 } });
  await runNetwork({ data: place.data, out: network });
});

/** What the page's script reads. */
function galleryOf(file: string): ReturnType<typeof readGallery> {
  const html = readFileSync(file, 'utf8');
  assertWellFormed(html);
  const json = /<script type="application\/json" id="gallery">([\s\S]*?)<\/script>/.exec(html)?.[1];
  return readGallery(json ?? assert.fail('the page has no gallery'));
}

async function done(args: readonly string[]): Promise<Ran> {
  const ran = await ranCli(args);
  assert.equal(ran.code, 0, ran.stderr);
  return ran;
}

test("a run's own page has every cluster as the checkpoint has it, with thumbnails and a map", async () => {
  const { clusters, details } = await openRun(first);
  const gallery = galleryOf(join(first, 'report.html'));
  assert.equal(gallery.images, IMAGES);
  const sizes = Array.from({ length: 7 }, (_, k) => clusters.filter((own) => own === k).length);
  assert.deepEqual([...gallery.clusters.sizes], sizes);
  assert.ok(gallery.cells.every((cell) => cell >= 0));
  assert.equal(gallery.map?.of, 'clusters');
  const nearest = Math.min(
    ...[...clusters.keys()].filter((id) => clusters[id] === 0).map((id) => details!.distances[id]!),
  );
  assert.equal(gallery.distances![gallery.starts[0]!], Math.fround(nearest));
});

test('report makes the page again, of the same clusters', async () => {
  const out = join(place.folder, 'again.html');
  const args = ['report', '--run', first, '--out', out, '--map', 'centroids'];
  const { stdout } = await done([...args, '--try-image', 'never']);
  assert.equal(stdout, `${out}\n`);
  assert.ok(!existsSync(join(place.folder, 'again')), 'nothing lies beside it');
  assert.deepEqual(galleryOf(out), galleryOf(join(first, 'report.html')));
});

test('report puts a small network beside the page, and says so', async () => {
  const out = join(place.folder, 'asked.html');
  const beside = join(place.folder, 'asked');
  const args = ['report', '--run', network, '--out', out, '--map', 'centroids'];
  const { stdout } = await done(args);
  assert.equal(stdout, `${out}\nnetwork in ${beside}: keep it beside the page\n`);
  assert.deepEqual(readdirSync(beside), ['network.js', 'onnxruntime.js']);
  assert.ok(
    readFileSync(out, 'utf8').includes('"files":["asked/network.js","asked/onnxruntime.js"]'),
  );
});

test('without onnxruntime-web the page does without a network, and report says how to get it; installed, it helps', async () => {
  const hidden = import.meta.resolve('../support/doubles/without-onnxruntime.mjs');
  const out = join(place.folder, 'bare.html');
  const args = ['report', '--run', network, '--out', out, '--map', 'centroids'];
  const without = { NODE_OPTIONS: `--import=${hidden}` };
  const bare = await runCommand(args, without).ended;
  assert.equal(bare.code, 0, bare.stderr);
  const remedy =
    'onnxruntime-web is not installed; install it beside this package: npm install onnxruntime-web\n';
  assert.equal(bare.stdout, `${out}\nthe page takes no new images: ${remedy}`);
  assert.ok(!readFileSync(out, 'utf8').includes('id="try-image"'));
  const refused = await runCommand([...args, '--try-image', 'always'], without).ended;
  assert.equal(refused.code, 42);
  assert.ok(refused.stderr.endsWith(`--try-image always: ${remedy}`), refused.stderr);
  // Here it is installed.
  await done([...args, '--try-image', 'always']);
  assert.ok(readFileSync(out, 'utf8').includes('id="try-image"'));
});

test('a page of images that are gone has all but their thumbnails, and --data says where they are', async () => {
  const moved = join(place.folder, 'moved');
  const run = join(place.folder, 'run-copy');
  cpSync(first, run, { recursive: true });
  cpSync(place.data, moved, { recursive: true });
  renameSync(place.data, `${place.data}-away`);
  try {
    const args = ['report', '--run', run, '--map', 'centroids', '--json'];
    const gone = await done(args);
    assert.equal((JSON.parse(gone.stdout) as { sheets: null }).sheets, null);
    const without = galleryOf(join(run, 'report.html'));
    assert.ok(
      without.cells.every((cell) => cell === -1),
      'no thumbnails',
    );
    assert.equal(without.paths.length, IMAGES, 'but all else');
    await done([...args, '--data', moved]);
    assert.ok(galleryOf(join(run, 'report.html')).cells.every((cell) => cell >= 0));
  } finally {
    renameSync(`${place.data}-away`, place.data);
  }
});

test('report says in a line what is missing', async () => {
  const unfinished = join(place.folder, 'unfinished');
  cpSync(first, unfinished, { recursive: true });
  rmSync(join(unfinished, 'summary.json'));
  const { code, stderr } = await ranCli(['report', '--run', unfinished, '--map', 'centroids']);
  assert.equal(code, 42);
  assert.match(stderr, /has no summary\.json: its run has not finished; wait for its end\n$/);
  const empty = join(place.folder, 'empty');
  mkdirSync(empty);
  assert.equal((await ranCli(['report', '--run', empty])).code, 42);
  assert.ok(!existsSync(join(empty, 'report.html')));
  const list = join(place.folder, 'no-listing');
  cpSync(first, list, { recursive: true });
  rmSync(join(list, 'images.ndjson'));
  assert.match((await ranCli(['report', '--run', list])).stderr, /images\.ndjson cannot be read/);
});

test('compare shows what differs, and how far the final clusters agree', async () => {
  const out = join(place.folder, 'compared.html');
  const { stdout } = await done(['compare', first, second, '--out', out]);
  assert.match(stdout, /^seed +\S+ +5$/m);
  assert.match(stdout, /^NMI with run-first +1\.000 +0\.\d{3}$/m);
  const html = readFileSync(out, 'utf8');
  assertWellFormed(html);
  assert.ok(textOf(html).includes('Comparison of 2 runs'));
  assert.ok(html.includes('href="run-first/report.html"'));
  const json = JSON.parse((await done(['compare', first, second, '--json'])).stdout) as {
    agreement: number[][];
    settings: { key: string }[];
  };
  assert.deepEqual(
    json.settings.map(({ key }) => key),
    ['seed'],
  );
  assert.equal(json.agreement[0]![1], json.agreement[1]![0]);
});

test('compare wants two runs', async () => {
  const { code, stderr } = await ranCli(['compare', first]);
  assert.equal(code, 42);
  assert.match(stderr, /compare: expected two runs or more, got one/);
});
