import assert from 'node:assert/strict';
import { readFileSync, readdirSync, renameSync, statSync } from 'node:fs';
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { readLatestCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import type { Checkpoint, CheckpointContent } from '../../src/checkpoint/checkpoint.ts';
import { doomDisk } from '../support/doubles/doomed-disk.ts';

const KEEP_ALL = { keep: 100 };

async function newRoot(context: TestContext): Promise<string> {
  const folder = await fs.mkdtemp(join(tmpdir(), 'checkpoints-'));
  context.after(() => fs.rm(folder, { recursive: true }));
  return join(folder, 'checkpoints');
}

/** Content that tells its step, and which of several writings of the step it is. */
function contentOf(step: number, writing = 0): CheckpointContent {
  return {
    state: { epoch: step, writing, loss: 0.625, phases: ['pca', null, { done: true }] },
    files: {
      parameters: {
        'fc.weight': { data: Float32Array.of(step, writing, 3), shape: [3, 1] },
        'fc.bias': { data: Float64Array.of(-step), shape: [1] },
      },
      clustering: { labels: { data: Int32Array.of(step, -1), shape: [2] } },
    },
  };
}

/** The newest sound checkpoint, and the names of what was refused. */
async function read(root: string): Promise<{ checkpoint: Checkpoint | null; rejected: string[] }> {
  const rejected: string[] = [];
  const checkpoint = await readLatestCheckpoint(root, (name, reason) => {
    assert.ok(reason.length > 0);
    rejected.push(name);
  });
  return { checkpoint, rejected };
}

function assertIs(checkpoint: Checkpoint | null, step: number, writing = 0): void {
  assert.ok(checkpoint !== null);
  const { state, files } = contentOf(step, writing);
  assert.equal(checkpoint.step, step);
  assert.deepEqual(checkpoint.state, state);
  assert.deepEqual(Object.keys(checkpoint.files), Object.keys(files));
  for (const [name, arrays] of Object.entries(files)) {
    assert.deepEqual({ ...checkpoint.files[name] }, arrays);
  }
}

async function damage(path: string, change: (bytes: Buffer) => Uint8Array): Promise<void> {
  await fs.writeFile(path, change(await fs.readFile(path)));
}

test('a checkpoint comes back as it was written', async (context) => {
  const root = await newRoot(context);
  const receipt = await writeCheckpoint(root, 7, contentOf(7), { keep: 1 });
  const folder = join(root, 'step-7');
  const names = ['clustering.safetensors', 'manifest.json', 'parameters.safetensors'];
  assert.deepEqual((await fs.readdir(folder)).sort(), names);
  const sizes = await Promise.all(
    names.map(async (name) => (await fs.stat(join(folder, name))).size),
  );
  const bytes = sizes.reduce((total, size) => total + size, 0);
  assert.deepEqual(receipt, { name: 'step-7', bytes });
  assert.equal(await fs.readFile(join(root, 'LATEST'), 'utf8'), 'step-7\n');
  const { checkpoint, rejected } = await read(root);
  assertIs(checkpoint, 7);
  assert.equal(checkpoint?.name, 'step-7');
  assert.deepEqual(rejected, []);
});

test('where no checkpoint was completed there is none', async (context) => {
  const root = await newRoot(context);
  assert.deepEqual(await read(root), { checkpoint: null, rejected: [] });
  await fs.mkdir(join(root, 'step-3.partial-12'), { recursive: true });
  assert.deepEqual(await read(root), { checkpoint: null, rejected: [] });
});

test('a flipped byte anywhere in any file is noticed', async (context) => {
  const root = await newRoot(context);
  await writeCheckpoint(root, 1, contentOf(1), KEEP_ALL);
  await writeCheckpoint(root, 2, contentOf(2), KEEP_ALL);
  for (const name of await fs.readdir(join(root, 'step-2'))) {
    const path = join(root, 'step-2', name);
    const sound = await fs.readFile(path);
    // Every third one: that is every kind of field, at every alignment.
    for (let at = 0; at < sound.length; at += 3) {
      // White space between the manifest's fields means nothing; bit 0 makes another character of all others.
      if (name === 'manifest.json' && /\s/.test(String.fromCharCode(sound[at]!))) continue;
      await fs.writeFile(path, sound.with(at, sound[at]! ^ 1));
      const { checkpoint, rejected } = await read(root);
      assert.deepEqual(rejected, ['step-2'], `byte ${at} of ${name}`);
      assertIs(checkpoint, 1);
    }
    await fs.writeFile(path, sound);
  }
  assertIs((await read(root)).checkpoint, 2);
});

const wounds: [string, (folder: string) => Promise<unknown>][] = [
  [
    'a file cut short',
    (folder) => damage(join(folder, 'parameters.safetensors'), (b) => b.subarray(0, -1)),
  ],
  [
    'a file grown longer',
    (folder) => damage(join(folder, 'parameters.safetensors'), (b) => Buffer.concat([b, b])),
  ],
  ['a missing file', (folder) => fs.rm(join(folder, 'clustering.safetensors'))],
  ['a manifest cut short', (folder) => damage(join(folder, 'manifest.json'), (b) => b.subarray(9))],
  ['an empty manifest', (folder) => fs.truncate(join(folder, 'manifest.json'))],
  ['a missing manifest', (folder) => fs.rm(join(folder, 'manifest.json'))],
  ['a folder that is gone', (folder) => fs.rm(folder, { recursive: true })],
  [
    'a link in place of a file',
    async (folder) => {
      const path = join(folder, 'parameters.safetensors');
      await fs.rename(path, join(dirname(folder), 'elsewhere'));
      await fs.symlink(join('..', 'elsewhere'), path);
    },
  ],
  [
    'the folder of another step',
    async (folder) => {
      await fs.rm(folder, { recursive: true });
      await fs.cp(join(dirname(folder), 'step-1'), folder, { recursive: true });
    },
  ],
];

for (const [wound, inflict] of wounds) {
  test(`with ${wound}, the checkpoint before is used`, async (context) => {
    const root = await newRoot(context);
    await writeCheckpoint(root, 1, contentOf(1), KEEP_ALL);
    await writeCheckpoint(root, 2, contentOf(2), KEEP_ALL);
    await inflict(join(root, 'step-2'));
    const { checkpoint, rejected } = await read(root);
    assertIs(checkpoint, 1);
    assert.deepEqual(rejected, ['step-2']);
  });
}

test('checkpoints of which none is sound are an error, not a new beginning', async (context) => {
  const root = await newRoot(context);
  await writeCheckpoint(root, 1, contentOf(1), KEEP_ALL);
  await writeCheckpoint(root, 2, contentOf(2), KEEP_ALL);
  for (const name of ['step-1', 'step-2']) await fs.truncate(join(root, name, 'manifest.json'));
  await assert.rejects(read(root), { code: 'CHECKPOINT_CORRUPT' });
  for (const name of ['step-1', 'step-2']) await fs.rm(join(root, name), { recursive: true });
  await assert.rejects(read(root), { code: 'CHECKPOINT_CORRUPT' });
});

for (const [state, spoil] of [
  ['missing', (path: string) => fs.rm(path)],
  ['empty', (path: string) => fs.truncate(path)],
  ['leading out of the folder', (path: string) => fs.writeFile(path, '../step-9')],
] as const) {
  test(`with LATEST ${state}, the newest sound checkpoint is used`, async (context) => {
    const root = await newRoot(context);
    for (const step of [9, 10, 100]) await writeCheckpoint(root, step, contentOf(step), KEEP_ALL);
    await spoil(join(root, 'LATEST'));
    const { checkpoint, rejected } = await read(root);
    assertIs(checkpoint, 100);
    assert.deepEqual(rejected, ['LATEST']);
  });
}

test('something else in the place of a file is not opened', async (context) => {
  const root = await newRoot(context);
  await writeCheckpoint(root, 1, contentOf(1), KEEP_ALL);
  const path = join(root, 'step-1', 'manifest.json');
  await fs.rename(path, join(root, 'elsewhere'));
  await fs.symlink(join(root, 'elsewhere'), path);
  await assert.rejects(read(root), { message: /manifest\.json is not a regular file/ });
});

test('LATEST decides, even over a later step', async (context) => {
  const root = await newRoot(context);
  await writeCheckpoint(root, 5, contentOf(5), KEEP_ALL);
  await writeCheckpoint(root, 3, contentOf(3), KEEP_ALL);
  assertIs((await read(root)).checkpoint, 3);
});

test('a manifest whose files lead out of the folder is refused', async (context) => {
  const root = await newRoot(context);
  await writeCheckpoint(root, 1, contentOf(1), KEEP_ALL);
  await fs.cp(join(root, 'step-1', 'parameters.safetensors'), join(root, 'secret.safetensors'));
  await damage(join(root, 'step-1', 'manifest.json'), (bytes) =>
    Buffer.from(bytes.toString().replace('"parameters.safe', '"../secret.safe')),
  );
  await assert.rejects(read(root), { code: 'CHECKPOINT_CORRUPT', message: /malformed/ });
});

test('another format version is refused with both versions named', async (context) => {
  const root = await newRoot(context);
  await writeCheckpoint(root, 1, contentOf(1), KEEP_ALL);
  await damage(join(root, 'step-1', 'manifest.json'), (bytes) =>
    Buffer.from(bytes.toString().replace('"formatVersion": 1', '"formatVersion": 2')),
  );
  await assert.rejects(read(root), { message: /has format version 2, this release reads 1/ });
});

test('the newest K are kept, by number of step', async (context) => {
  const root = await newRoot(context);
  for (const step of [8, 9, 10, 11])
    await writeCheckpoint(root, step, contentOf(step), { keep: 3 });
  assert.deepEqual((await fs.readdir(root)).sort(), ['LATEST', 'step-10', 'step-11', 'step-9']);
});

test('what was just written is kept, whatever stands there with a later step', async (context) => {
  const root = await newRoot(context);
  for (const step of [10, 20, 30]) await writeCheckpoint(root, step, contentOf(step), KEEP_ALL);
  await writeCheckpoint(root, 15, contentOf(15), { keep: 1 });
  assert.deepEqual((await fs.readdir(root)).sort(), ['LATEST', 'step-15', 'step-20', 'step-30']);
  assertIs((await read(root)).checkpoint, 15);
});

test('a checkpoint of the same step is replaced', async (context) => {
  const root = await newRoot(context);
  await writeCheckpoint(root, 4, contentOf(4, 1), { keep: 2 });
  await writeCheckpoint(root, 4, contentOf(4, 2), { keep: 2 });
  assertIs((await read(root)).checkpoint, 4, 2);
  assert.deepEqual((await fs.readdir(root)).sort(), ['LATEST', 'step-4']);
});

test('what a checkpoint cannot hold is refused before anything is written', async (context) => {
  const root = await newRoot(context);
  const { state, files } = contentOf(1);
  const violation = { code: 'PROTOCOL_VIOLATION' };
  const refused: [number, CheckpointContent][] = [
    [-1, { state, files }],
    [1, { state, files: { '../parameters': {} } }],
    [1, { state: { loss: NaN }, files }],
    [1, { state: { ledger: { counts: new Map() } }, files }],
    [1, { state: { labels: Int32Array.of(1) }, files }],
  ];
  for (const [step, content] of refused) {
    await assert.rejects(writeCheckpoint(root, step, content, KEEP_ALL), violation);
  }
  await assert.rejects(fs.readdir(root), { code: 'ENOENT' });
});

test('a disk that fails is an error to try again after, and leaves no partial folder', async (context) => {
  const root = await newRoot(context);
  await writeCheckpoint(root, 1, contentOf(1), KEEP_ALL);
  const full = context.mock.method(fs, 'rename', () => Promise.reject(new Error('ENOSPC')));
  await assert.rejects(writeCheckpoint(root, 2, contentOf(2), KEEP_ALL), {
    code: 'UNAVAILABLE',
    message: /ENOSPC/,
  });
  full.mock.restore();
  assert.deepEqual((await fs.readdir(root)).sort(), ['LATEST', 'step-1']);
  assertIs((await read(root)).checkpoint, 1);
});

test('a disk that takes a few bytes at a time gets them all', async (context) => {
  const root = await newRoot(context);
  const disk = await doomDisk(Infinity, { portionBytes: 7 });
  await writeCheckpoint(root, 1, contentOf(1), KEEP_ALL).finally(disk.restore);
  assertIs((await read(root)).checkpoint, 1);
});

/** Kills the writing of a checkpoint after every single change to the disk, and looks at what is left each time. */
async function killAtEveryChange(
  context: TestContext,
  step: number,
  check: (left: Checkpoint | null) => void,
): Promise<number> {
  for (let allowed = 0; ; allowed += 1) {
    const root = await newRoot(context);
    await writeCheckpoint(root, 1, contentOf(1, 1), KEEP_ALL);
    const disk = await doomDisk(allowed);
    const isKilled = await writeCheckpoint(root, step, contentOf(step, 2), KEEP_ALL)
      .then(
        () => false,
        () => true,
      )
      .finally(disk.restore);
    if (!isKilled) return allowed;
    check((await read(root)).checkpoint);
    await writeCheckpoint(root, 3, contentOf(3), { keep: 1 });
    assertIs((await read(root)).checkpoint, 3);
    assert.deepEqual((await fs.readdir(root)).sort(), ['LATEST', 'step-3']);
  }
}

test('a writer killed at any change leaves the checkpoint before, or its own', async (context) => {
  let own = 0;
  const changes = await killAtEveryChange(context, 2, (left) => {
    if (left?.step === 2) own += 1;
    assertIs(left, left?.step === 2 ? 2 : 1, left?.step === 2 ? 2 : 1);
  });
  // Create, write (header and two arrays, or one) and sync three files, and so on: the kills were real ones.
  assert.ok(changes >= 15, `${changes}`);
  assert.ok(own >= 1, `${own}`);
});

test('a writer killed while it replaces the only checkpoint leaves one of the two', async (context) => {
  const writings = new Set<unknown>();
  await killAtEveryChange(context, 1, (left) => {
    const writing = left?.state['writing'] === 2 ? 2 : 1;
    assertIs(left, 1, writing);
    writings.add(writing);
  });
  assert.deepEqual(writings, new Set([1, 2]));
});

/** Every file in the folder with its content. */
function contentsOf(root: string): Record<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(join(root, name)).isFile());
  return Object.fromEntries(
    files.map((name) => [name, readFileSync(join(root, name)).toString('hex')]),
  );
}

for (const [what, step] of [
  ['a new checkpoint', 2],
  ['the only checkpoint in place of another', 1],
] as const) {
  test(`a writer of ${what} whose staging folder is taken away at any moment changes nothing any more`, async (context) => {
    let fenced = 0;
    for (let allowed = 0; ; allowed += 1) {
      const root = await newRoot(context);
      const staging = join(dirname(root), 'work');
      await fs.mkdir(staging);
      await writeCheckpoint(root, 1, contentOf(1, 1), { keep: 1, staging });
      const atFence: Record<string, string>[] = [];
      const disk = await doomDisk(allowed, {
        instead: () => {
          renameSync(staging, `${staging}-ended`);
          atFence.push(contentsOf(root));
        },
      });
      const isWritten = await writeCheckpoint(root, step, contentOf(step, 2), { keep: 1, staging })
        .then(
          () => true,
          () => false,
        )
        .finally(disk.restore);
      if (atFence.length === 0) break;
      fenced += 1;
      assert.deepEqual(contentsOf(root), atFence[0], `fenced before ${disk.changes[allowed]}`);
      const { checkpoint } = await read(root);
      assert.ok(checkpoint !== null);
      // Only what comes after all that readers see may still succeed.
      if (isWritten) assertIs(checkpoint, step, 2);
    }
    assert.ok(fenced >= 20, `${fenced}`);
  });
}

test('everything is forced to disk before the name that vouches for it', async (context) => {
  const root = await newRoot(context);
  await fs.mkdir(root);
  const disk = await doomDisk(Infinity);
  await writeCheckpoint(root, 6, contentOf(6), KEEP_ALL).finally(disk.restore);
  const changes = disk.changes.map((change) => {
    const [verb, path] = change.split(' ') as [string, string];
    return `${verb} ${basename(path).replace(/partial-\d+/, 'partial')}`;
  });
  const promises = changes.filter((change) => /^(sync|rename) /.test(change));
  assert.deepEqual(promises, [
    'sync parameters.safetensors',
    'sync clustering.safetensors',
    'sync manifest.json',
    'sync step-6.partial',
    'rename step-6',
    'sync checkpoints',
    'sync LATEST.partial',
    'rename LATEST',
    'sync checkpoints',
  ]);
  assert.ok(changes.lastIndexOf('write manifest.json') < changes.indexOf('sync manifest.json'));
});
