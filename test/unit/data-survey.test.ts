import assert from 'node:assert/strict';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openImageSource } from '../../src/data/source/source.ts';
import { absentImages } from '../../src/data/source/survey.ts';
import { noiseJpeg, temporaryFolder, writeFiles } from '../support/made/data-images.ts';

test('a look finds files that are gone, have another size, or are files no more; no others', async (t) => {
  const root = await temporaryFolder(t);
  const jpeg = await noiseJpeg(8, 8);
  const names = ['a', 'b', 'c', 'd', 'e/f'].map((name) => `${name}.jpg`);
  await writeFiles(root, Object.fromEntries(names.map((name) => [name, jpeg])));
  const source = await openImageSource(root);
  const all = [0, 1, 2, 3, 4];
  assert.deepEqual(await absentImages(source, all), []);
  await rm(join(root, 'a.jpg'));
  await truncate(join(root, 'b.jpg'), jpeg.length - 3);
  await rm(join(root, 'd.jpg'));
  await mkdir(join(root, 'd.jpg'));
  assert.deepEqual(await absentImages(source, all), [
    { id: 0, path: 'a.jpg', reason: 'no such file' },
    {
      id: 1,
      path: 'b.jpg',
      reason: `changed since the run began: ${jpeg.length - 3} bytes, ${jpeg.length} before`,
    },
    { id: 3, path: 'd.jpg', reason: 'not a regular file' },
  ]);
  assert.deepEqual(await absentImages(source, [2, 4]), [], 'only those asked for');
  await writeFile(join(root, 'a.jpg'), jpeg);
  await writeFile(join(root, 'b.jpg'), jpeg);
  assert.deepEqual(
    (await absentImages(source, all)).map(({ id }) => id),
    [3],
    'what is back is there',
  );
  await rm(root, { recursive: true });
  assert.equal((await absentImages(source, all)).length, 5, 'the whole folder is gone');
});
