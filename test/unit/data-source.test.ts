/** Opening folders and lists: order, digest, truth, and what is refused. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { TrainerError } from '../../src/errors.ts';
import { openImageSource, type ImageSource } from '../../src/data/source/source.ts';
import { temporaryFolder, writeFiles } from '../support/made/data-images.ts';

function pathsOf(source: ImageSource): string[] {
  return Array.from({ length: source.count }, (_, id) => source.path(id));
}

/** Asserts that opening fails as data nobody can read, in one line that matches. */
async function assertRefused(spec: string, message: RegExp): Promise<void> {
  await assert.rejects(openImageSource(spec), (error) => {
    assert.ok(error instanceof TrainerError);
    assert.equal(error.code, 'DATA_UNREADABLE');
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
}

test('a folder lists its images by code units, whatever order the files came in', async (t) => {
  const expected = ['B.JPG', 'a-1.jpg', 'a/2.png', 'a/deep/1.webp', 'a10.jpeg', 'a9.jpg', 'é.jpg'];
  const files = Object.fromEntries(expected.map((path) => [path, path]));
  const forward = await temporaryFolder(t);
  const backward = await temporaryFolder(t);
  await writeFiles(forward, files);
  await writeFiles(backward, Object.fromEntries(Object.entries(files).reverse()));
  const a = await openImageSource(forward);
  const b = await openImageSource(backward);
  assert.deepEqual(pathsOf(a), expected); // 'B' < 'a', '-' < '/' < '1' < '9'
  assert.deepEqual(pathsOf(b), expected);
  assert.equal(a.digest, b.digest);
  assert.equal((await a.read(2)).toString(), 'a/2.png');
});

test('hidden files, hidden folders and other files are not images', async (t) => {
  const root = await temporaryFolder(t);
  await writeFiles(root, {
    'x.jpg': 'x',
    '.x.jpg': 'x',
    '.cache/y.jpg': 'y',
    'Thumbs.db': 'z',
    'notes.txt': 'z',
    jpg: 'z',
  });
  assert.deepEqual(pathsOf(await openImageSource(root)), ['x.jpg']);
});

test('the digest changes with a name and with a size', async (t) => {
  const digestOf = async (files: Record<string, string>): Promise<string> => {
    const root = await temporaryFolder(t);
    await writeFiles(root, files);
    return (await openImageSource(root)).digest;
  };
  const digest = await digestOf({ 'a.jpg': '123', 'b.jpg': '45' });
  assert.match(digest, /^[0-9a-f]{64}$/);
  assert.equal(await digestOf({ 'a.jpg': '321', 'b.jpg': '54' }), digest);
  assert.notEqual(await digestOf({ 'a.jpg': '1234', 'b.jpg': '45' }), digest);
  assert.notEqual(await digestOf({ 'a.jpg': '123', 'c.jpg': '45' }), digest);
});

test('links to folders and files are followed, circles of links end', async (t) => {
  const root = await temporaryFolder(t);
  const elsewhere = await temporaryFolder(t);
  await writeFiles(elsewhere, { 'far.jpg': 'far' });
  await writeFiles(root, { 'near/one.jpg': 'one' });
  await symlink(elsewhere, join(root, 'linked'));
  await symlink(root, join(root, 'near/circle'));
  await symlink(join(root, 'nowhere.jpg'), join(root, 'broken.jpg'));
  const source = await openImageSource(root);
  // the broken link counts: it is an image that cannot be read, not one to forget in silence
  assert.deepEqual(pathsOf(source), ['broken.jpg', 'linked/far.jpg', 'near/one.jpg']);
  await assert.rejects(source.read(0), { code: 'ENOENT' });
});

test('sub-folders are the truth only if all images lie in two or more of them', async (t) => {
  const truthOf = async (paths: string[]): Promise<unknown> => {
    const root = await temporaryFolder(t);
    await writeFiles(root, Object.fromEntries(paths.map((path) => [path, path])));
    const { truth } = await openImageSource(root);
    return truth === null ? null : { names: truth.names, labels: [...truth.labels] };
  };
  assert.deepEqual(await truthOf(['dog/1.jpg', 'cat/x/2.jpg', 'dog/0.jpg']), {
    names: ['cat', 'dog'],
    labels: [0, 1, 1], // cat/x/2, dog/0, dog/1
  });
  assert.equal(await truthOf(['1.jpg', '2.jpg']), null);
  assert.equal(await truthOf(['dog/1.jpg', 'cat/2.jpg', '3.jpg']), null);
  assert.equal(await truthOf(['all/1.jpg', 'all/2.jpg']), null);
});

test('the three kinds of list give the same paths, in the order of the list', async (t) => {
  const root = await temporaryFolder(t);
  await writeFiles(root, {
    'b.jpg': 'bb',
    'sub/a.jpg': 'a',
    'list.txt': '\u{FEFF}b.jpg\r\n\r\n  sub/a.jpg\r\n./sub/../gone.jpg\n',
    'list.csv': '\u{FEFF}path,size,label\nb.jpg,2,yes\n\n"sub/a.jpg",1,no\ngone.jpg,0,no\n',
    'list.ndjson':
      '{"path":"b.jpg","class":1}\n\n{"class":0,"path":"sub/a.jpg"}\n{"path":"gone.jpg"}\n',
  });
  for (const name of ['list.txt', 'list.csv', 'list.ndjson']) {
    const source = await openImageSource(join(root, name));
    assert.deepEqual(pathsOf(source), ['b.jpg', 'sub/a.jpg', 'gone.jpg']);
    assert.equal((await source.read(0)).toString(), 'bb');
    await assert.rejects(source.read(2), { code: 'ENOENT' }); // unreadable when read, not when opened
  }
  const { truth } = await openImageSource(join(root, 'list.csv'));
  assert.deepEqual(truth?.names, ['no', 'yes']);
  assert.deepEqual([...truth.labels], [1, 0, 0]);
  // one entry without a label: no truth from labels, and none from folders
  assert.equal((await openImageSource(join(root, 'list.ndjson'))).truth, null);
});

test('the digest is that of paths and sizes in order, of a folder and of every kind of list', async (t) => {
  const root = await temporaryFolder(t);
  await writeFiles(root, {
    'a.jpg': '123',
    'sub/b.jpg': '45678',
    'as-folder.txt': './a.jpg\n\nsub/b.jpg\n',
    'as-folder.csv': 'label,path\nyes,a.jpg\nno,sub/b.jpg\n',
    'turned.ndjson': '{"path":"sub/b.jpg"}\n{"path":"a.jpg"}\n',
    'longer.txt': 'a.jpg\nsub/b.jpg\ngone.jpg\n',
  });
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  const digestOf = async (name: string): Promise<string> =>
    (await openImageSource(join(root, name))).digest;
  const known = sha256('a.jpg\0' + '3\n' + 'sub/b.jpg\0' + '5\n');
  assert.equal(await digestOf('.'), known);
  assert.equal(await digestOf('as-folder.txt'), known);
  assert.equal(await digestOf('as-folder.csv'), known);
  assert.equal(await digestOf('turned.ndjson'), sha256('sub/b.jpg\0' + '5\n' + 'a.jpg\0' + '3\n'));
  assert.equal(
    await digestOf('longer.txt'),
    sha256('a.jpg\0' + '3\n' + 'sub/b.jpg\0' + '5\n' + 'gone.jpg\0' + '-1\n'),
  );
});

test('a file of another size than the source was opened with is not read', async (t) => {
  const root = await temporaryFolder(t);
  await writeFiles(root, { 'a.jpg': '123', 'b.jpg': '12', 'list.txt': 'a.jpg\nb.jpg\nc.jpg\n' });
  for (const spec of [root, join(root, 'list.txt')]) {
    await writeFiles(root, { 'a.jpg': '123' });
    const source = await openImageSource(spec);
    assert.deepEqual([source.size(0), source.size(1)], [3, 2]);
    await writeFiles(root, { 'a.jpg': '12345' });
    await assert.rejects(source.read(0), /^Error: changed since the run began: 5 bytes, 3 before$/);
    assert.equal((await source.read(1)).toString(), '12');
  }
  const list = await openImageSource(join(root, 'list.txt'));
  assert.equal(list.size(2), -1);
  await writeFiles(root, { 'c.jpg': 'it came later' }); // its size was not known
  assert.equal((await list.read(2)).toString(), 'it came later');
});

test('a list may not lead out of its folder', async (t) => {
  const root = await temporaryFolder(t);
  await writeFiles(root, {
    'up.txt': 'a.jpg\n\n../secret.jpg\n',
    'sly.csv': 'path\na.jpg\nb/../../secret.jpg\n',
    'absolute.ndjson': '{"path":"/etc/passwd"}\n',
    'itself.txt': '.\n',
    'inside.txt': `${join(root, 'a.jpg')}\n..a.jpg\n`,
  });
  await assertRefused(join(root, 'up.txt'), /up\.txt: line 3 names "\.\.\/secret\.jpg"/);
  await assertRefused(join(root, 'sly.csv'), /sly\.csv: line 3 names "b\/\.\.\/\.\.\/secret\.jpg"/);
  await assertRefused(join(root, 'absolute.ndjson'), /line 1 names "\/etc\/passwd"/);
  await assertRefused(join(root, 'itself.txt'), /line 1/);
  assert.deepEqual(pathsOf(await openImageSource(join(root, 'inside.txt'))), ['a.jpg', '..a.jpg']);
});

test('what is not there, not a list, malformed or empty is refused by name', async (t) => {
  const root = await temporaryFolder(t);
  await writeFiles(root, {
    'photo.jpg': 'x',
    'empty/readme.md': 'x',
    'empty.txt': '\n\n',
    'headless.csv': 'picture,label\na.jpg,1\n',
    'ragged.csv': 'path,label\na.jpg,1,2\n',
    'broken.ndjson': '{"path":"a.jpg"}\n{"path":\n',
    'other.ndjson': '["a.jpg"]\n',
  });
  await assertRefused(join(root, 'nowhere'), /nowhere: there is no such folder or file/);
  await assertRefused(join(root, 'photo.jpg'), /is a file, but not a list of images/);
  await assertRefused(join(root, 'empty'), /expected at least one image, found none/);
  await assertRefused(join(root, 'empty.txt'), /expected at least one image, found none/);
  await assertRefused(join(root, 'headless.csv'), /line 1 has "picture", "label": neither/);
  await assertRefused(
    join(root, 'ragged.csv'),
    /line 2 has 3 fields where the header has 2: "a\.jpg,1,2"/,
  );
  await assertRefused(join(root, 'broken.ndjson'), /line 2 is not JSON/);
  await assertRefused(join(root, 'other.ndjson'), /line 1 has no 'path'/);
});

test('a sample id outside the source is a violation, not an unreadable image', async (t) => {
  const root = await temporaryFolder(t);
  await writeFiles(root, { 'a.jpg': 'x' });
  const source = await openImageSource(root);
  assert.throws(() => source.path(1), { code: 'PROTOCOL_VIOLATION' });
});
