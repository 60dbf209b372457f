/**
 * Which files of a folder take part: by content where the name does not tell; what is passed over
 * is counted by kind.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import { decodeImage } from '../../src/data/pixels/decode.ts';
import { formatOf, judgeName } from '../../src/data/pixels/formats.ts';
import { passedOverLine, type PassedOver } from '../../src/data/source/passed-over.ts';
import { openImageSource, type ImageSource } from '../../src/data/source/source.ts';
import { ranCli } from '../support/runs/cli-run.ts';
import { encoder, lcgImage, temporaryFolder, writeFiles } from '../support/made/data-images.ts';

const FORMATS = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const;

const encoded = new Map<string, Buffer>();
before(async () => {
  for (const format of FORMATS) {
    encoded.set(
      format,
      await encoder(lcgImage(24, 16, 1))
        .toFormat(format)
        .toBuffer(),
    );
  }
});

const bytesIn = (format: (typeof FORMATS)[number]): Buffer => encoded.get(format)!;

/** Beginnings of files that libheif, ImageMagick and FFmpeg wrote, filled up. */
const HEADS = {
  HEIC: '0000001c6674797068656963000000006d696631686569636d696166',
  BMP: '424d0a210500000000008a0000007c00000090010000',
  'JPEG 2000': '0000000c6a5020200d0a870a00000014667479706a703220',
  PSD: '384250530001000000000000000300000118',
  video: '000000206674797069736f6d0000020069736f6d69736f32617663316d703431',
  'camera raw': '49492a001000000043520200',
} as const;

const headOf = (kind: keyof typeof HEADS): Buffer =>
  Buffer.concat([Buffer.from(HEADS[kind], 'hex'), Buffer.alloc(200, 7)]);

async function opened(
  t: TestContext,
  files: Record<string, Uint8Array | string>,
): Promise<ImageSource> {
  const root = await temporaryFolder(t);
  await writeFiles(root, files);
  return openImageSource(root);
}

function pathsOf(source: ImageSource): string[] {
  return Array.from({ length: source.count }, (_, id) => source.path(id));
}

function countsOf({ passedOver = [] }: ImageSource): Record<string, number> {
  return Object.fromEntries(passedOver.map(({ kind, count }) => [kind, count]));
}

test('every format that is read takes part under each of its names, and decodes', async (t) => {
  const names = {
    jpeg: ['a.jpe', 'a.jfif', 'a.JPG', 'a.jif'],
    png: ['b.png', 'b.apng'],
    webp: ['c.webp'],
    gif: ['d.gif', 'd.GIF'],
    tiff: ['e.tif', 'e.tiff'],
    avif: ['f.avif'],
  } as const;
  const files = FORMATS.flatMap((format) =>
    names[format].map((name) => [name, bytesIn(format)] as const),
  );
  const source = await opened(t, Object.fromEntries(files));
  assert.deepEqual(pathsOf(source), files.map(([name]) => name).sort());
  for (let id = 0; id < source.count; id++) {
    const { width, height } = await decodeImage(await source.read(id));
    assert.deepEqual([width, height], [24, 16], source.path(id));
  }
  assert.deepEqual(countsOf(source), {});
});

test('content decides where the name does not: no extension, a strange one, that of a kind that is not read', async (t) => {
  const source = await opened(t, {
    plain: bytesIn('jpeg'),
    'IMG.0001': bytesIn('png'),
    'photo.jpg?size=large': bytesIn('webp'),
    'really-a-jpeg.HEIC': bytesIn('jpeg'),
    'av1.heif': bytesIn('avif'),
    'saved.bmp': bytesIn('gif'),
    notes: 'no image',
    'strange.xyz': 'no image',
    'empty.xyz': '',
  });
  assert.deepEqual(pathsOf(source), [
    'IMG.0001',
    'av1.heif',
    'photo.jpg?size=large',
    'plain',
    'really-a-jpeg.HEIC',
    'saved.bmp',
  ]);
  assert.deepEqual(countsOf(source), {});
});

test('kinds that are not read are counted, by content or else by name, the most frequent first', async (t) => {
  const source = await opened(t, {
    'a.jpg': bytesIn('jpeg'),
    'x/IMG_2.HEIC': headOf('HEIC'),
    'x/IMG_1.heic': headOf('HEIC'),
    'no-extension': headOf('HEIC'),
    'garbage.heif': 'garbage',
    'b.bmp': headOf('BMP'),
    'c.dat': headOf('BMP'),
    'd.jp2': headOf('JPEG 2000'),
    'e.psd': headOf('PSD'),
    'f.mov': 'anything',
    'g.nef': bytesIn('tiff'), // of a thumbnail, as cameras write it
    'h.cr2': headOf('camera raw'),
    'i.svg': '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
  });
  assert.deepEqual(pathsOf(source), ['a.jpg']);
  assert.deepEqual(Object.entries(countsOf(source)), [
    ['HEIC', 4],
    ['BMP', 2],
    ['camera raw', 2],
    ['JPEG 2000', 1],
    ['PSD', 1],
    ['SVG', 1],
    ['video', 1],
  ]);
});

test("garbage under an image's name is an unreadable image, not a file passed over", async (t) => {
  const source = await opened(t, { 'a.jpg': bytesIn('jpeg'), 'b.tif': 'xxx', 'c.avif': '' });
  assert.deepEqual(pathsOf(source), ['a.jpg', 'b.tif', 'c.avif']);
});

test('clutter and what lies beside images is no image and nothing to speak of', async (t) => {
  const clutter = {
    '__MACOSX/a.jpg': bytesIn('jpeg'),
    '@eaDir/a.jpg': bytesIn('jpeg'),
    '.hidden/a.jpg': bytesIn('jpeg'),
    '._a.jpg': 'x',
    'Thumbs.db': bytesIn('jpeg'),
    'a.jpg~': bytesIn('jpeg'),
    'clip.thm': bytesIn('jpeg'),
    'a.jpg_original': bytesIn('jpeg'),
    'a.txt': 'a caption',
    'a.JSON': '{}',
  };
  const source = await opened(t, { ...clutter, 'a.jpg': bytesIn('jpeg') });
  assert.deepEqual(pathsOf(source), ['a.jpg']);
  assert.deepEqual(countsOf(source), {});
});

test('a name that tells saves opening the file', () => {
  for (const name of ['a.jpg', 'x/b.TIFF', 'c.jfif']) assert.equal(judgeName(name).kind, 'image');
  for (const name of ['a.txt', 'b.json', 'c.zip', 'd.py', 'e.jpg~']) {
    assert.equal(judgeName(name).kind, 'other', name);
  }
  for (const name of ['a.mp4', 'b.CR2', 'c.svg']) {
    assert.equal(judgeName(name).kind, 'passedOver', name);
  }
  for (const name of ['a', 'b.heic', 'c.bmp', 'd.xyz', 'IMG.0001']) {
    assert.equal(judgeName(name).kind, 'unsure', name);
  }
});

test('a pipe that nobody writes to does not hold up the listing', async (t) => {
  const root = await temporaryFolder(t);
  const elsewhere = await temporaryFolder(t);
  execFileSync('mkfifo', [join(elsewhere, 'pipe')]);
  await writeFiles(root, { 'a.jpg': bytesIn('jpeg') });
  await symlink(join(elsewhere, 'pipe'), join(root, 'piped'));
  await symlink('/dev/zero', join(root, 'zero'));
  await symlink(join(root, 'nowhere'), join(root, 'broken'));
  assert.deepEqual(pathsOf(await openImageSource(root)), ['a.jpg']);
});

test('two letters do not make a BMP', () => {
  assert.equal(formatOf(Buffer.from('BM is how this text begins, and goes on')), null);
  assert.equal(formatOf(headOf('BMP'))?.name, 'BMP');
  assert.equal(formatOf(Buffer.from('BM')), null);
});

test('the decoder says of which kind a file is that it does not read', async () => {
  for (const kind of ['HEIC', 'BMP', 'JPEG 2000', 'PSD', 'camera raw'] as const) {
    await assert.rejects(decodeImage(headOf(kind)), {
      message: `a file of the kind ${kind}, which is not read (only JPEG, PNG, WebP, GIF, TIFF, AVIF)`,
    });
  }
});

test('a folder of nothing but HEIC says so, and how they are converted', async (t) => {
  await assert.rejects(opened(t, { 'a.HEIC': headOf('HEIC'), 'b.HEIC': headOf('HEIC') }), {
    code: 'DATA_UNREADABLE',
    message:
      /expected at least one image, found none; passed over 2 HEIC: .*for f in \*\.HEIC; do convert "\$f" "\$f\.jpg"; done$/,
  });
});

test('what is passed over is one line, with a remedy for each kind', () => {
  const of = (kind: string, count: number, example: string): PassedOver => ({
    kind,
    count,
    example,
  });
  assert.equal(passedOverLine([]), null);
  assert.equal(
    passedOverLine([of('HEIC', 40, 'x/IMG_1.HEIC'), of('video', 2, 'clip.MOV')]),
    'passed over 40 HEIC, 2 video: these kinds of files are not read; convert those that you need, ' +
      'e.g. by ImageMagick: for f in *.HEIC; do convert "$f" "$f.jpg"; done; a video becomes a ' +
      'picture a second by: ffmpeg -i NAME.MOV -r 1 NAME-%05d.jpg',
  );
  assert.equal(
    passedOverLine([of('camera raw', 3, 'a.NEF'), of('SVG', 1, 'a.svg')]),
    'passed over 3 camera raw, 1 SVG: these kinds of files are not read; convert those that you ' +
      'need to JPEG or PNG; camera raw becomes TIFF by: dcraw -T *.NEF',
  );
});

test('data index and data verify name what was passed over, for people and for programs', async (t) => {
  const root = await temporaryFolder(t);
  await writeFiles(root, { 'a.jpg': bytesIn('jpeg'), 'b.heic': headOf('HEIC'), 'c.bmp': 'x' });
  for (const command of ['index', 'verify']) {
    const plain = await ranCli(['data', command, '--data', root]);
    assert.equal(plain.code, 0, plain.stderr);
    assert.match(plain.stdout, /^passed over 1 BMP, 1 HEIC: .*convert/m);
    const json = await ranCli(['data', command, '--data', root, '--json']);
    const { images, passedOver } = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.deepEqual([images, passedOver], [1, { BMP: 1, HEIC: 1 }]);
  }
});
