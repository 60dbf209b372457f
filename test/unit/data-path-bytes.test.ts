/**
 * Names that are not UTF-8: text and back, the form for people, and a folder of them read, listed
 * and trained on.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { dataConfigSchema } from '../../src/data/config.ts';
import { createImageLoader } from '../../src/data/loader/loader.ts';
import {
  bytesOf,
  shownPath,
  standsForBytes,
  textFromBytes,
  withStandIns,
} from '../../src/data/source/path-bytes.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import { verifySource } from '../../src/data/source/verify.ts';
import { seededRng } from '../../src/math/rng.ts';
import { ranCli } from '../support/runs/cli-run.ts';
import { noiseJpeg, temporaryFolder } from '../support/made/data-images.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

test('text of bytes is that of Python with surrogateescape, and gives the bytes back', () => {
  // python3 -c "print(ascii(bytes.fromhex('...').decode('utf-8', 'surrogateescape')))"
  const known: readonly [string, string][] = [
    ['636166e92e6a7067', 'caf\udce9.jpg'],
    ['c3a9', 'é'],
    ['c3', '\udcc3'], // the beginning of a character
    ['c328', '\udcc3('],
    ['c080', '\udcc0\udc80'], // overlong
    ['eda080', '\udced\udca0\udc80'], // a surrogate, which UTF-8 does not have
    ['f09f92803a', '\u{1F480}:'], // a skull: its second half is U+DC80, and stands for no byte
    ['f09f92', '\udcf0\udc9f\udc92'],
    ['f4908080', '\udcf4\udc90\udc80\udc80'], // beyond Unicode
    ['ff2fe9e92f61', '\udcff/\udce9\udce9/a'],
    ['', ''],
  ];
  for (const [hex, text] of known) {
    assert.equal(textFromBytes(Buffer.from(hex, 'hex')), text);
    assert.equal(bytesOf(text).toString('hex'), hex);
    assert.ok(standsForBytes(text));
  }
});

test('any bytes come back from their text', () => {
  const rng = seededRng('path bytes');
  const awkward = [0x2f, 0x41, 0x80, 0xbf, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0xf0, 0x9f, 0xff];
  for (let round = 0; round < 2_000; round++) {
    const bytes = Buffer.from(
      Array.from({ length: rng.integer(12) }, () =>
        rng.integer(2) === 0 ? rng.integer(256) : awkward[rng.integer(awkward.length)]!,
      ),
    );
    const text = textFromBytes(bytes);
    assert.deepEqual(bytesOf(text), bytes, bytes.toString('hex'));
    assert.equal(text.isWellFormed(), bytes.toString('utf8') === text);
    assert.ok(shownPath(text).isWellFormed());
  }
});

test('people see bytes and control characters escaped, and all else as it is', () => {
  assert.equal(shownPath(textFromBytes(latin1('caf\xe9-0.jpg'))), 'caf\\xe9-0.jpg');
  assert.equal(shownPath('été 日本語/😀 "a".jpg'), 'été 日本語/😀 "a".jpg');
  assert.equal(shownPath('new\nline\t\u0085.jpg'), 'new\\x0aline\\x09\\xc2\\x85.jpg');
  assert.equal(shownPath('back\\slash.jpg'), 'back\\slash.jpg');
});

test('half a character stands for no bytes', () => {
  for (const text of ['\ud83d.jpg', 'a\udc2f', '\udd00']) assert.ok(!standsForBytes(text), text);
  assert.ok(standsForBytes('😀'));
});

test('stand-ins are characters that the text does not have, and give it back', () => {
  for (const text of ['caf\udce9,\udc80\udcff', 'é\u{F00E9}\udce9', '\u{F00E9}\u{F01E9}\udce9😀']) {
    const standing = withStandIns(text);
    assert.ok(standing.text.isWellFormed());
    assert.equal(Array.from(standing.text).length, Array.from(text).length);
    assert.equal(standing.restore(standing.text), text);
  }
  assert.equal(withStandIns('\u{F00E9}').restore('\u{F00E9}'), '\u{F00E9}');
});

/**
 * Four images under names and folders in Latin-1, beside one in UTF-8; their paths in order of ids.
 */
async function latin1Folder(t: TestContext): Promise<{ root: string; names: Buffer[] }> {
  const root = await temporaryFolder(t);
  // Code units: a letter, then é, then U+DCE8 and U+DCE9.
  const names = ['caf\xe9-0.jpg', '\xc3\xa9.jpg', '\xe8/a.jpg', '\xe9/a.jpg'].map(latin1);
  for (const folder of ['\xe8', '\xe9']) {
    await mkdir(Buffer.concat([Buffer.from(`${root}/`), latin1(folder)]));
  }
  for (const [i, name] of names.entries()) {
    await writeFile(Buffer.concat([Buffer.from(`${root}/`), name]), await noiseJpeg(24, 24, i));
  }
  return { root, names };
}

test('a folder of names in Latin-1 is read, and its digest is that of the bytes', async (t) => {
  const { root, names } = await latin1Folder(t);
  const source = await openImageSource(root);
  const paths = Array.from({ length: source.count }, (_, id) => source.path(id));
  assert.deepEqual(paths.map(bytesOf), names);
  const hash = createHash('sha256');
  for (const [id, name] of names.entries()) {
    const { length } = await source.read(id);
    hash.update(Buffer.concat([name, Buffer.from(`\0${length}\n`)]));
  }
  assert.equal(source.digest, hash.digest('hex'));
  const { images, unreadable, damaged } = await verifySource(source);
  assert.deepEqual({ images, unreadable, damaged }, { images: 4, unreadable: [], damaged: [] });
});

test('a folder whose own name is not UTF-8 is told of, and opens by a link to it', async (t) => {
  const root = await temporaryFolder(t);
  const folder = Buffer.concat([Buffer.from(`${root}/`), latin1('caf\xe9')]);
  await mkdir(folder);
  await writeFile(Buffer.concat([folder, Buffer.from('/a.jpg')]), 'x');
  // Node has replaced what it cannot read of an argument before the program sees it.
  await assert.rejects(openImageSource(folder.toString('utf8')), {
    message: /no such folder or file.*make a link with a plain name to it.*ln -s/,
  });
  await symlink(folder, join(root, 'images'));
  assert.equal((await openImageSource(join(root, 'images'))).path(0), 'a.jpg');
});

test('class folders in Latin-1 are classes with names for people', async (t) => {
  const root = await temporaryFolder(t);
  for (const folder of ['caf\xe9', 'the']) {
    await mkdir(Buffer.concat([Buffer.from(`${root}/`), latin1(folder)]));
    await writeFile(Buffer.concat([Buffer.from(`${root}/`), latin1(`${folder}/a.jpg`)]), 'x');
  }
  const { truth } = await openImageSource(root);
  assert.deepEqual(truth?.names, ['caf\\xe9', 'the']);
  assert.deepEqual([...truth.labels], [0, 1]);
});

for (const threads of [0, 2]) {
  test(`loaders with ${threads} threads read names in Latin-1, and report them escaped`, async (t) => {
    const { root, names } = await latin1Folder(t);
    await writeFile(Buffer.concat([Buffer.from(`${root}/`), names[0]!]), 'no image');
    const source = await openImageSource(root);
    const config = { ...dataConfigSchema.parse({}), imageSize: 16 };
    const loader = createImageLoader({ source, config, seed: 1, threads });
    t.after(() => {
      loader.close();
    });
    const { ids, unreadable } = await loader.centre([0, 1, 2, 3]);
    assert.deepEqual([...ids], [1, 2, 3]);
    assert.deepEqual(
      unreadable.map(({ id, path }) => ({ id, path })),
      [{ id: 0, path: 'caf\\xe9-0.jpg' }],
    );
  });
}

test('names in Latin-1 go through lists of every kind and through data index', async (t) => {
  const { root, names } = await latin1Folder(t);
  const source = await openImageSource(root);
  const written = join(root, 'written.ndjson');
  const { code, stderr } = await ranCli(['data', 'index', '--data', root, '--out', written]);
  assert.equal(code, 0, stderr);
  const text = await readFile(written);
  assert.ok(JSON.parse(text.toString('utf8').split('\n')[0]!), 'JSON in UTF-8, for other programs');
  const line = (wrap: (name: Buffer) => (string | Buffer)[]): Buffer =>
    Buffer.concat(names.flatMap((name) => [...wrap(name), '\n'].map((part) => Buffer.from(part))));
  const lists = {
    'written.ndjson': text,
    'plain.txt': line((name) => [name]),
    'table.csv': Buffer.concat([Buffer.from('path,label\n'), line((name) => [name, ',1'])]),
    'raw.ndjson': line((name) => ['{"path":"', name, '"}']),
  };
  for (const [name, content] of Object.entries(lists)) {
    await writeFile(join(root, name), content);
    const listed = await openImageSource(join(root, name));
    assert.equal(listed.count, 4);
    for (let id = 0; id < 4; id++) {
      assert.deepEqual(bytesOf(listed.path(id)), names[id], name);
      assert.deepEqual(await listed.read(id), await source.read(id), name);
    }
  }
});

test('escapes in a list stand for bytes that are no UTF-8, and for nothing else', async (t) => {
  const root = await temporaryFolder(t);
  const list = join(root, 'list.ndjson');
  for (const path of ['\\ud83d.jpg', 'a\\udc2fb.jpg', '\\udc2e\\udc2e/b.jpg']) {
    await writeFile(list, `{"path":"${path}"}\n`);
    await assert.rejects(openImageSource(list), {
      code: 'DATA_UNREADABLE',
      message: /line 1 names a file with half a character/,
    });
  }
});
