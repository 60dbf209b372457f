/**
 * Lists as people have them: what is clear is read, all else is one message with line, what is
 * there and what to write.
 */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test, type TestContext } from 'node:test';
import { readImageList, type ImageList } from '../../src/data/source/image-list.ts';
import { bytesOf } from '../../src/data/source/path-bytes.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import { TrainerError } from '../../src/errors.ts';
import { ranCli } from '../support/runs/cli-run.ts';
import { temporaryFolder, writeFiles } from '../support/made/data-images.ts';

const ROOT = '/nowhere/images';

const read = (name: string, text: string): ImageList => readImageList(name, ROOT, text);

const TWO = { paths: ['a b.jpg', 'sub/c.png'], labels: ['0', 'sports car'] };
const PATHS = { paths: TWO.paths, labels: null };

const CLEAR: readonly (readonly [name: string, text: string, expected: ImageList])[] = [
  ['labels after a blank.txt', 'a b.jpg 0\nsub/c.png  sports car\n', TWO],
  ['labels after a tab.txt', 'a b.jpg\t0\r\nsub/c.png\tsports car\r\n', TWO],
  ['labels before a tab.txt', '0\ta b.jpg\nsports car\tsub/c.png\n', TWO],
  ['labels after a comma.txt', 'a b.jpg,0\nsub/c.png, sports car\n', TWO],
  ['of MXNet.lst', '0\t0\ta b.jpg\n1\tsports car\tsub/c.png\n', TWO],
  ['a table in a.txt', 'Path;Label\na b.jpg;0\nsub/c.png;sports car\n', TWO],
  ['one label is missing.txt', 'a b.jpg 0\nsub/c.png\n', PATHS],
  ['double quotes.txt', '"a b.jpg"\n"sub/c.png"\n', PATHS],
  ['single quotes.txt', "'a b.jpg'\n'sub/c.png'\n", PATHS],
  ['quotes and labels.txt', '"a b.jpg" 0\n"sub/c.png","sports car"\n', TWO],
  ['comments.txt', '# my images\n#\n\na b.jpg\n#and more\n  # old.jpg\nsub/c.png\n', PATHS],
  ['returns of old.txt', 'a b.jpg\rsub/c.png\r', PATHS],
  ['dots of Windows.txt', '.\\a b.jpg\r\n.\\sub\\c.png\r\n', PATHS],
  ['folders of Windows.csv', 'path\na b.jpg\nsub\\c.png\n', PATHS],
  ['URLs of files.txt', `file://${ROOT}/a%20b.jpg\nfile:${ROOT}/sub/c.png\n`, PATHS],
  ['semicolons.csv', 'path;label\r\na b.jpg;0\r\nsub/c.png;sports car\r\n', TWO],
  ['tabs.csv', 'path\tlabel\na b.jpg\t0\nsub/c.png\tsports car\n', TWO],
  ['tabs.tsv', 'path\tlabel\na b.jpg\t0\nsub/c.png\tsports car\n', TWO],
  ['bars.csv', 'path|label\na b.jpg|0\nsub/c.png|sports car\n', TWO],
  ['capitals.csv', 'PATH,Label\na b.jpg,0\nsub/c.png,sports car\n', TWO],
  ['of pandas.csv', ',path,label\n0,a b.jpg,0\n1,sub/c.png,sports car\n', TWO],
  ['class first.csv', 'class,file_name\n0,a b.jpg\nsports car,sub/c.png\n', TWO],
  ['path goes before.csv', 'filename,Path,label\nx.jpg,a b.jpg,0\ny,sub/c.png,sports car\n', TWO],
  ['no header.csv', 'a b.jpg,0\nsub/c.png,sports car\n', TWO],
  ['no header, no label.csv', 'a b.jpg\nsub/c.png\n', PATHS],
  ['no header, more columns.csv', '1,a b.jpg,x\n2,sub/c.png,y\n', PATHS],
  ['comments above.csv', '# made by hand\n#!\npath,label\na b.jpg,0\nsub/c.png,sports car\n', TWO],
  ['empty fields at the end.csv', 'path,label\na b.jpg,0,\nsub/c.png,sports car,,\n', TWO],
  ['quoted.csv', '"path","label"\n"a b.jpg","0"\n"sub/c.png","sports car"\n', TWO],
  ['returns.csv', 'path,label\ra b.jpg,0\rsub/c.png,sports car\r', TWO],
  ['objects.jsonl', '{"path":"a b.jpg","label":0}\n{"Label":"sports car","Path":"sub/c.png"}', TWO],
  ['strings.jsonl', '# two\n"a b.jpg"\n"sub/c.png"\n', PATHS],
  ['images.ndjson', '{"image_path":"a b.jpg"}\n{"file":"sub/c.png"}\n', PATHS],
];

for (const [name, text, expected] of CLEAR) {
  test(`a clear list: ${name}`, () => {
    assert.deepEqual(read(name, text), expected);
  });
}

for (const column of [
  'filename',
  'File',
  'image',
  'image_path',
  'Image Path',
  'img-name',
  'filepath',
]) {
  test(`a column called ${column} holds the paths`, () => {
    assert.deepEqual(read('a.csv', `size,${column},label\n1,x.jpg,3\n`), {
      paths: ['x.jpg'],
      labels: ['3'],
    });
  });
}

test('paths with blanks, commas and an unusual end stay whole', () => {
  const names = [
    'my photo 1.jpg',
    'x.jpg copy.jpg',
    'comma,semi;.jpg',
    'a, b.webp',
    'no extension',
    'n01440764/n01440764_10026',
    "'tis.jpg",
    '"so" he said.jpg',
    'a..jpg',
    'holiday.2019/x.jpg',
    '$(x).jpg',
    '%2e%2e.jpg',
  ];
  assert.deepEqual(read('a.txt', `${names.join('\n')}\n`), { paths: names, labels: null });
});

test('a quote in the middle of a field of a table is part of it, and a quoted field may be of two lines', () => {
  const { paths } = read(
    'a.csv',
    'path,label\n5" disk.jpg,1\n"a ""b"".jpg",2\n"new\nline.jpg",3\n',
  );
  assert.deepEqual(paths, ['5" disk.jpg', 'a "b".jpg', 'new\nline.jpg']);
});

const UNCLEAR: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  [
    'urls.txt',
    '# two\nhttps://example.org/a.jpg\nhttps://example.org/b.jpg\n',
    /^data urls\.txt: line 2 names a URL, "https:\/\/example\.org\/a\.jpg", but images must be files on this machine; fetch them into a folder, e\.g\. by wget -x -P images -i urls\.txt, and give that folder/,
  ],
  [
    'urls.csv',
    'path\ns3://bucket/a.jpg\n',
    /line 2 names a URL, "s3:.*; fetch them into a folder and/,
  ],
  [
    'far.txt',
    'file://server/share/a.jpg\n',
    /line 1 names "file:\/\/server.* no URL of a file on this/,
  ],
  [
    'odd.txt',
    'file:///nowhere/50%.jpg\n',
    /line 1 names .*; write file:\/\/\/folder\/a\.jpg, with %25/,
  ],
  [
    'drive.txt',
    'a.jpg\nC:\\photos\\a.jpg\n',
    /line 2 names "C:\\\\photos.*, a place on a Windows machine; write paths relative to the list's folder/,
  ],
  ['share.csv', 'path\n\\\\nas\\a.jpg\n', /line 2 names .* a place on a Windows machine/],
  [
    'up.txt',
    '..\\a.jpg\n',
    /line 1 names "\.\.\/a\.jpg", which is not inside the list's folder; move/,
  ],
  ['up.lst', 'file:///nowhere/images/../a.jpg\n', /line 1 names .*not inside the list's folder/],
  [
    'hash.txt',
    'a.jpg\n#b.jpg\n',
    /line 2 is "#b\.jpg", a comment or the name of a file that is not there; write "# \.\.\." with a blank for a comment, or \.\/#b\.jpg/,
  ],
  [
    'header.csv',
    'id,photo\n1,a\n',
    /line 1 has "id", "photo": neither a known column of paths nor an image's name; call the one with the paths 'path'/,
  ],
  [
    'pairs.csv',
    'a.jpg,a_mask.png\n',
    /line 1 has "a\.jpg", "a_mask\.png": several names of images.*; call .*, or begin the list with a header such as path,label/,
  ],
  [
    'two.csv',
    'image,filename\na,b\n',
    /line 1 has "image" and "filename", and either may hold the paths; call the one/,
  ],
  [
    'ragged.csv',
    'path,label\na.jpg,1\n\nb.jpg\n',
    /line 4 has 1 field where the header has 2: "b\.jpg"; write all fields/,
  ],
  ['commented.csv', '# a\n\n#b\npath,label\na.jpg\n', /line 5 has 1 field/],
  ['ragged nameless.csv', 'a.jpg,1\nb.jpg,1,x\n', /line 2 has 3 fields where line 1 has 2/],
  ['empty.csv', 'label,Image\n1,a.jpg\n2,\n', /line 3 has no "Image": "2,"; name an image there/],
  [
    'open.csv',
    'path\n"a.jpg\nb.jpg\n',
    /line \d cannot be read as a table: .*; write "" for a quote inside/,
  ],
  [
    'a.jsonl',
    '{"path":"a.jpg"}\n{"photo":"b.jpg"}\n',
    /line 2 has no 'path': .*photo.*; write \{"path": "a\.jpg"\}/,
  ],
  ['b.jsonl', '{"path":"a.jpg"}\na.jpg\n', /line 2 is not JSON: .*; write \{"path": "a\.jpg"\}/],
  [
    'nul.txt',
    'a\0.\0j\0p\0g\0',
    /line 1 names a file with a NUL character; save the list as UTF-8/,
  ],
  ['long.txt', `a.jpg\n"${'x'.repeat(70_000)}\n`, /line 2 has 70001 characters, which is no path/],
];

for (const [name, text, message] of UNCLEAR) {
  test(`an unclear list is refused in one line: ${name}`, () => {
    assert.throws(
      () => read(name, text),
      (error) => {
        assert.ok(error instanceof TrainerError);
        assert.equal(error.code, 'DATA_UNREADABLE');
        assert.match(error.message, message);
        assert.match(error.message, /^data [^:]+: line \d+ [^\n]+; [^\n]+$/);
        return true;
      },
    );
  });
}

test('every remedy of an unclear list is one that is read', () => {
  for (const [name, text, paths] of [
    ['hash.txt', 'a.jpg\n# b.jpg\n', ['a.jpg']],
    ['hash.txt', 'a.jpg\n./#b.jpg\n', ['a.jpg', '#b.jpg']],
    ['header.csv', 'id,path\n1,a\n', ['a']],
    ['pairs.csv', 'path,label\na.jpg,a_mask.png\n', ['a.jpg']],
    ['ragged.csv', 'path,label\na.jpg,1\n\nb.jpg,\n', ['a.jpg', 'b.jpg']],
    ['ragged.csv', 'path,label\na.jpg,1\n"b,c.jpg",2\n', ['a.jpg', 'b,c.jpg']],
    ['open.csv', 'path\n"""a"" b.jpg"\n', ['"a" b.jpg']],
    ['odd.txt', `file://${ROOT}/50%25.jpg\n`, ['50%.jpg']],
    ['a.jsonl', '{"path": "a.jpg"}\n', ['a.jpg']],
  ] as const) {
    assert.deepEqual(read(name, text).paths, paths, name);
  }
});

/** Opens a list beside files of these names. */
async function listed(
  t: TestContext,
  name: string,
  content: string | Buffer,
  files: readonly string[] = [],
): Promise<{ paths: string[]; labels: string[] | null; root: string }> {
  const root = await temporaryFolder(t);
  await writeFiles(root, Object.fromEntries(files.map((file) => [file, file])));
  await writeFiles(root, { [name]: content });
  const source = await openImageSource(join(root, name));
  const { truth } = source;
  return {
    root,
    paths: Array.from({ length: source.count }, (_, id) => source.path(id)),
    labels: truth === null ? null : Array.from(truth.labels, (label) => truth.names[label]!),
  };
}

test('UTF-16 with its mark is read, of either byte order; what goes on as something else is refused', async (t) => {
  const text = '\u{FEFF}é.jpg\r\n日本語.jpg 1\r\n';
  const little = Buffer.from(text, 'utf16le');
  const big = Buffer.from(text, 'utf16le').swap16();
  for (const content of [little, big]) {
    assert.deepEqual((await listed(t, 'a.txt', content)).paths, ['é.jpg', '日本語.jpg']);
  }
  await assert.rejects(listed(t, 'a.txt', little.subarray(0, 21)), {
    code: 'DATA_UNREADABLE',
    message: /a\.txt: begins as UTF-16 and goes on as something else; save it as UTF-8/,
  });
});

test('names that are there are taken as they are: with a backslash, a number sign, a blank or a tab', async (t) => {
  const names = ['#1 100%.jpg', 'back\\slash.jpg', 'plain.jpg', 'tab\there.jpg', 'two.jpg 2'];
  const { paths, labels } = await listed(t, 'a.txt', `${names.join('\n')}\n`, names);
  assert.deepEqual(paths, names);
  assert.equal(labels, null);
});

test('an image that goes away changes neither the number of entries nor their labels', async (t) => {
  const text = 'a.jpg 1\nsub\\b.jpg 2\nc.jpg 1\n';
  const { root, ...before } = await listed(t, 'a.txt', text, ['a.jpg', 'sub/b.jpg', 'c.jpg']);
  assert.deepEqual(before, { paths: ['a.jpg', 'sub/b.jpg', 'c.jpg'], labels: ['1', '2', '1'] });
  await rm(join(root, 'sub'), { recursive: true });
  await rm(join(root, 'a.jpg'));
  const { paths, labels } = readImageList('a.txt', root, text);
  assert.deepEqual({ paths, labels }, before);
});

test('a list does not ask the disk about places outside its folder', async (t) => {
  const outer = await temporaryFolder(t);
  await writeFiles(outer, { 'secret.jpg 1': 'x', 'in/a.jpg': 'x' });
  const root = join(outer, 'in');
  // Were it looked up, it would be a name with a blank; so it is a path with a label, and refused
  // as one.
  assert.throws(() => readImageList('a.txt', root, '../secret.jpg 1\n'), {
    message: /line 1 names "\.\.\/secret\.jpg"/,
  });
});

test('the list that data index writes is the folder again, whatever the names', async (t) => {
  const root = await temporaryFolder(t);
  const names = [
    ' leading.jpg',
    '"quoted".jpg',
    '#1 100%.jpg',
    '%2e%2e.jpg',
    'C:\\x.jpg',
    'back\\slash.jpg',
    'file:/a.jpg',
    'new\nline.jpg',
    'no label 1.jpg',
    'tab\there.jpg',
    'é😀.jpg',
  ];
  await writeFiles(root, Object.fromEntries(names.map((name) => [name, `of ${name}`])));
  const list = join(root, 'list.ndjson');
  const { code, stderr } = await ranCli(['data', 'index', '--data', root, '--out', list]);
  assert.equal(code, 0, stderr);
  const source = await openImageSource(list);
  assert.equal(source.count, names.length);
  for (let id = 0; id < source.count; id++) {
    assert.equal((await source.read(id)).toString(), `of ${source.path(id)}`);
  }
});

test('a URL of a file may hold bytes that are no UTF-8', () => {
  const url = `${pathToFileURL(ROOT).href}/caf%E9%C3%A9.jpg`;
  const [path] = read('a.txt', `${url}\n`).paths;
  assert.equal(bytesOf(path!).toString('hex'), '636166e9c3a92e6a7067');
});
