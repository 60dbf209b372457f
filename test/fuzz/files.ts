/** What is fuzzed of files: checkpoints and their parts, configurations, lists of images, images. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join, normalize } from 'node:path';
import { crc32 } from 'node:zlib';
import { readRunId } from '../../coordinator/record/run-folder.ts';
import { readLatestCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../src/checkpoint/manifest.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/arrays/safetensors.ts';
import { loadRunConfig } from '../../src/config/load.ts';
import { packageRoot } from '../../src/process/package-root.ts';
import { decodeImage } from '../../src/data/pixels/decode.ts';
import { listText, readImageList } from '../../src/data/source/image-list.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import { messageOf } from '../../src/errors.ts';
import type { Rng } from '../../src/math/rng.ts';
import { encoder, lcgImage } from '../support/made/data-images.ts';
import {
  requireLine,
  requireRefusal,
  type Fuzzer,
  type FuzzTarget,
  type Outcome,
} from './engine.ts';
import {
  AWKWARD_WORDS,
  mutateBytes,
  mutateText,
  mutateValue,
  once,
  pick,
  randomBytes,
} from './mutate.ts';
import { withinRoot } from './opened-paths.ts';

const MEBIBYTE = 2 ** 20;
const MAX_FILE = 64 * 1024;

export const FILE_TARGETS: readonly FuzzTarget[] = [
  { ...file('safetensors', 3), start: startSafetensors },
  { ...file('manifests', 2), start: startManifests },
  { ...file('checkpoints', 3), start: startCheckpoints },
  { ...file('configs', 3), start: startConfigs },
  { ...file('run-configs', 2), start: startRunConfigs },
  { ...file('lists', 3), start: startLists },
  { ...file('images', 6, 256), start: startImages },
];

function file(name: string, weight: number, mebibytes = 64) {
  return { name, kind: 'files' as const, weight, memoryBytes: mebibytes * MEBIBYTE };
}

const TAKEN: Outcome = { inputs: 1, accepted: 1 };
const REFUSED: Outcome = { inputs: 1, accepted: 0 };

/** Runs a decoder; a refusal as decoders promise it is an outcome. */
function outcomeOf(decode: () => void): Outcome {
  try {
    decode();
    return TAKEN;
  } catch (error) {
    requireRefusal(error);
    return REFUSED;
  }
}

/** The same for decoders whose callers add where the input lies: an Error of one line, and none of JavaScript's own. */
function requireReason(error: unknown): void {
  if (!(error instanceof Error) || error.constructor !== Error) throw error;
  requireLine(messageOf(error));
}

function startSafetensors(): Promise<Fuzzer> {
  const arrays = {
    weights: { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] },
    sums: { data: Float64Array.of(0.5, 0.25), shape: [2] },
    labels: { data: Int32Array.of(-1, 7), shape: [2, 1] },
    counts: { data: Uint32Array.of(9), shape: [] },
    flags: { data: Uint8Array.of(1, 0, 1), shape: [3] },
    none: { data: new Float32Array(0), shape: [0, 5] },
  };
  const seeds = [
    encodeSafetensors(arrays),
    encodeSafetensors({ one: arrays.sums }, { format: 'pt' }),
    encodeSafetensors({}),
  ];
  const run = (rng: Rng): Outcome => {
    const bytes = once(rng, 3)
      ? withHeader(rng, pick(rng, seeds))
      : mutateBytes(rng, pick(rng, seeds), seeds, MAX_FILE);
    return outcomeOf(() => {
      const decoded = Object.entries(decodeSafetensors(bytes).arrays);
      for (const [name, { data, shape }] of decoded) {
        const elements = shape.reduce((product, side) => product * side, 1);
        assert.equal(data.length, elements, `${name} has other elements than its shape`);
      }
      const total = decoded.reduce((sum, [, { data }]) => sum + data.byteLength, 0);
      assert.ok(total <= bytes.length, 'arrays are larger than their file');
    });
  };
  return Promise.resolve({ run });
}

/** A file whose JSON header is another one, of a length that fits it. */
function withHeader(rng: Rng, bytes: Uint8Array): Buffer {
  const length = Buffer.from(bytes).readUInt32LE(0);
  const json = Buffer.from(bytes.subarray(8, 8 + length)).toString();
  const words = [...AWKWARD_WORDS, '__metadata__', '"F32"', '"I64"', '[0,0]', '"shape":[0]'];
  const header = Buffer.from(
    once(rng, 2)
      ? JSON.stringify(mutateValue(rng, JSON.parse(json) as object))
      : mutateText(rng, json, [json], words, MAX_FILE),
  );
  const size = Buffer.alloc(8);
  size.writeUInt32LE(header.length);
  return Buffer.concat([size, header, bytes.subarray(8 + length)]);
}

/** A manifest's file, as its folder has one. */
const MANIFEST = {
  step: 40,
  state: { epoch: 2, losses: [0.5, 0.25], ledger: { next: null, done: ['a', 'b'] } },
  files: [
    { name: 'parameters.safetensors', bytes: 100, sha256: 'ab'.repeat(32) },
    { name: 'record.safetensors', bytes: 8, sha256: 'cd'.repeat(32) },
  ],
};

function startManifests(): Promise<Fuzzer> {
  const seed = Buffer.from(encodeManifest(MANIFEST)).toString();
  const run = (rng: Rng): Outcome => {
    const bytes = once(rng, 2)
      ? encodeSpoilt(rng, MANIFEST)
      : Buffer.from(mutateText(rng, seed, [seed], AWKWARD_WORDS, MAX_FILE));
    try {
      const { files } = decodeManifest(bytes);
      for (const { name } of files) assert.match(name, /^[\w-]+\.safetensors$/);
      return TAKEN;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      requireReason(error);
      return REFUSED;
    }
  };
  return Promise.resolve({ run });
}

/** A manifest of other values whose digest is right; the one that was, where it has a form that is not encoded. */
function encodeSpoilt(rng: Rng, manifest: Manifest): Uint8Array {
  try {
    return encodeManifest(mutateValue(rng, manifest));
  } catch {
    return encodeManifest(manifest);
  }
}

/** Two checkpoints, of which the newer one is spoiled: it, or the one before it, is read, or it is said why neither is. */
async function startCheckpoints(): Promise<Fuzzer> {
  const home = newFolder();
  const root = join(home, 'checkpoints');
  const outside = join(home, 'outside');
  const contents = [1, 2].map((step) => ({
    state: { epoch: step, losses: [0.5] },
    files: {
      parameters: { weights: { data: Float32Array.of(step, 2, 3), shape: [3] } },
      record: { counts: { data: Int32Array.of(step), shape: [1] } },
    },
  }));
  for (const [i, content] of contents.entries()) {
    await writeCheckpoint(root, i + 1, content, { keep: 9 });
  }
  fs.cpSync(join(root, 'step-2'), join(outside, 'step-2'), { recursive: true });
  const names = ['LATEST', ...fs.readdirSync(join(root, 'step-2')).map((n) => `step-2/${n}`)];
  const sound = new Map(names.map((name) => [name, fs.readFileSync(join(root, name))]));
  const spoil = (rng: Rng): void => {
    const name = pick(rng, names);
    const path = join(root, name);
    const bytes = sound.get(name)!;
    switch (rng.integer(12)) {
      case 0:
        fs.rmSync(path);
        return;
      case 1:
        fs.rmSync(path);
        fs.symlinkSync(join(outside, name), path);
        return;
      case 2:
        fs.rmSync(path);
        fs.mkdirSync(path);
        return;
      case 3:
        fs.rmSync(join(root, 'step-2'), { recursive: true });
        fs.symlinkSync(join(outside, 'step-2'), join(root, 'step-2'));
        return;
      case 4:
        fs.writeFileSync(join(root, 'LATEST'), mutateText(rng, 'step-2', [], STEP_NAMES, 300));
        return;
      case 5: {
        const manifest = decodeManifest(sound.get('step-2/manifest.json')!);
        fs.writeFileSync(join(root, 'step-2', 'manifest.json'), encodeSpoilt(rng, manifest));
        return;
      }
      case 6:
        fs.truncateSync(path, pick(rng, [0, bytes.length + 1, 2 ** 40]));
        return;
      default:
        fs.writeFileSync(path, mutateBytes(rng, bytes, [...sound.values()], MAX_FILE));
    }
  };
  const restore = (): void => {
    fs.rmSync(join(root, 'step-2'), { recursive: true, force: true });
    fs.rmSync(join(root, 'LATEST'), { recursive: true, force: true });
    fs.mkdirSync(join(root, 'step-2'));
    for (const [name, bytes] of sound) fs.writeFileSync(join(root, name), bytes);
  };
  const run = async (rng: Rng): Promise<Outcome> => {
    spoil(rng);
    try {
      const reasons: string[] = [];
      const read = await withinRoot(fs.realpathSync(root), () =>
        readLatestCheckpoint(root, (name, reason) => reasons.push(`${name}: ${reason}`)),
      );
      for (const reason of reasons) requireLine(reason);
      assert.ok(read !== null, 'checkpoints were there, and none was found');
      const { files } = contents[read.step - 1]!;
      for (const [name, arrays] of Object.entries(read.files)) {
        assert.deepEqual({ ...arrays }, files[name as keyof typeof files]);
      }
      return read.step === 2 ? TAKEN : REFUSED;
    } finally {
      restore();
    }
  };
  return { run, close: () => fs.rmSync(home, { recursive: true }) };
}

const STEP_NAMES = [...AWKWARD_WORDS, 'step-1', 'step-9', '../outside/step-2', 'step-2.replaced'];

const YAML_WORDS = [
  ...AWKWARD_WORDS,
  ...['&a ', '*a', '&a [*a]', '&b {x: *b}', '<<: *a', '!!binary ', '!!set', '!!timestamp '],
  ...[
    '? ',
    '%YAML 1.1\n---\n',
    '---\n',
    '...\n',
    '|\n',
    '>-\n',
    '!<tag:x> ',
    '0x1F',
    '.inf',
    '.nan',
  ],
  ...['preset: demo\n', 'runId: x\n', 'config:\n', 'training:\n  batchSize: 1\n', 'seed: 1\n'],
];

async function startConfigs(): Promise<Fuzzer> {
  const presets = join(packageRoot(), 'presets');
  const seeds = await Promise.all(
    fs.readdirSync(presets).map((name) => readFile(join(presets, name), 'utf8')),
  );
  const laughs =
    'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nseed: [*b,*b,*b,*b,*b]\n';
  return fuzzConfigFile('run.yaml', [...seeds, laughs, 'seed: 3\n'], () => undefined);
}

function startRunConfigs(): Promise<Fuzzer> {
  const { config, origins } = loadRunConfig({ env: {}, settings: [] });
  const seed = JSON.stringify({ runId: 'a1b2c3', config, origins }, null, 2);
  return Promise.resolve(
    fuzzConfigFile('config.json', [seed], (folder) => {
      readRunId(folder);
    }),
  );
}

/** @param also reads more of the folder that the file lies in */
function fuzzConfigFile(
  name: string,
  seeds: readonly string[],
  also: (folder: string) => void,
): Fuzzer {
  const folder = newFolder();
  const path = join(folder, name);
  const run = (rng: Rng): Outcome => {
    const text = once(rng, 12)
      ? randomBytes(rng, 400)
      : mutateText(rng, pick(rng, seeds), seeds, YAML_WORDS, MAX_FILE);
    fs.writeFileSync(path, text);
    const outcome = outcomeOf(() => loadRunConfig({ file: path, env: {}, settings: [] }));
    outcomeOf(() => {
      also(folder);
    });
    return outcome;
  };
  return { run, close: () => fs.rmSync(folder, { recursive: true }) };
}

const LISTS: Readonly<Record<string, string>> = {
  '.txt': 'a/one.jpg\nb/two.png\n\n  c/three.webp  \n',
  '.csv': 'path,label\na/one.jpg,cat\n"b/two, 2.png",dog\n"c/""three"".webp",cat\n',
  '.ndjson': '{"path":"a/one.jpg","label":"cat"}\n{"path":"b/two.png","class":7}\n',
  '.lst':
    '# two\n"a/one.jpg" cat\n0\t1.0\tb/two.png\n.\\c\\three.webp,3\nfile:///a%20b.jpg\n#x.jpg\n',
  '.tsv': '# made\nFile Name\tClass\na/one.jpg\tcat\nb;two.png\tdog\n',
  '.jsonl': '"a/one.jpg"\n{"Image_Path":"caf\\udce9.jpg","Label":1}\n',
};

function startLists(): Promise<Fuzzer> {
  const folder = newFolder();
  const seeds = Object.values(LISTS);
  const words = [...AWKWARD_WORDS, '../../etc/passwd', './', 'path', 'label', 'C:\\x', '\\', '//'];
  const run = async (rng: Rng): Promise<Outcome> => {
    const extension = pick(rng, Object.keys(LISTS));
    const mutated = mutateText(rng, LISTS[extension]!, seeds, words, MAX_FILE);
    const text = once(rng, 12)
      ? randomBytes(rng, 400)
      : once(rng, 12)
        ? Buffer.from(`\u{FEFF}${mutated}`, 'utf16le')
        : Buffer.from(mutated, once(rng, 12) ? 'latin1' : 'utf8');
    const path = join(folder, `list${extension}`);
    const outcome = outcomeOf(() => {
      for (const entry of readImageList(path, folder, listText(path, text)).paths) {
        const isInside = !isAbsolute(entry) && normalize(entry).split('/')[0] !== '..';
        assert.ok(isInside && !entry.includes('\0'), `lists ${JSON.stringify(entry)}`);
      }
    });
    if (once(rng, 4)) await readThroughSource(folder, path, text);
    return outcome;
  };
  return Promise.resolve({ run, close: () => fs.rmSync(folder, { recursive: true }) });
}

/** Opens a list as a run does, and the first image that it names. */
async function readThroughSource(folder: string, path: string, text: Uint8Array): Promise<void> {
  fs.writeFileSync(path, text);
  try {
    await withinRoot(fs.realpathSync(folder), async () => {
      const source = await openImageSource(path);
      await source.read(0).catch((error: unknown) => {
        assert.ok(error instanceof Error && 'code' in error, messageOf(error));
      });
    });
  } catch (error) {
    requireRefusal(error);
  }
}

/** The process's memory may grow by this much while images are decoded: none here has more than a few pixels to show. */
const MAX_RESIDENT_BYTES = 512 * MEBIBYTE;

async function startImages(): Promise<Fuzzer> {
  const image = encoder(lcgImage(48, 32, 5));
  const seeds = await Promise.all([
    image.clone().jpeg({ quality: 80 }).toBuffer(),
    image.clone().jpeg({ progressive: true }).withMetadata({ orientation: 6 }).toBuffer(),
    image.clone().toColourspace('cmyk').jpeg().toBuffer(),
    image.clone().png().toBuffer(),
    image.clone().png({ palette: true, progressive: true }).toBuffer(),
    image.clone().toColourspace('rgb16').ensureAlpha().png().toBuffer(),
    image.clone().webp({ quality: 70 }).toBuffer(),
    image.clone().webp({ lossless: true }).toBuffer(),
    image.clone().gif().toBuffer(),
    image.clone().tiff().toBuffer(),
    image.clone().avif({ effort: 0 }).toBuffer(),
  ]);
  let resident = 0;
  const run = async (rng: Rng): Promise<Outcome> => {
    const bytes = once(rng, 8)
      ? withSize(rng, pick(rng, seeds))
      : once(rng, 20)
        ? Buffer.concat([pick(rng, seeds).subarray(0, 16), randomBytes(rng, 600)])
        : mutateBytes(rng, pick(rng, seeds), seeds, MAX_FILE);
    const options = {
      ...(once(rng, 2) ? { maxShorterSide: 1 + rng.integer(64) } : {}),
      strict: once(rng, 3),
    };
    resident ||= maxResidentBytes();
    let outcome = REFUSED;
    try {
      const { data, width, height } = await decodeImage(bytes, options);
      assert.equal(data.length, width * height * 3);
      outcome = TAKEN;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      requireReason(error);
    }
    const grown = maxResidentBytes() - resident;
    resident = Math.max(resident, maxResidentBytes());
    assert.ok(grown < MAX_RESIDENT_BYTES, `an image of ${bytes.length} bytes took ${grown} bytes`);
    return outcome;
  };
  return { run };
}

const SIDES = [0, 1, 7, 255, 4_000, 16_000, 16_384, 65_535, 2 ** 31 - 1];

/** An image that declares another size, in a header that is otherwise right: PNG's and JPEG's, or as it was. */
function withSize(rng: Rng, seed: Buffer): Buffer {
  const bytes = Buffer.from(
    seed.subarray(0, once(rng, 2) ? seed.length : rng.integer(seed.length)),
  );
  const [width, height] = [pick(rng, SIDES), pick(rng, SIDES)];
  if (bytes.toString('latin1', 12, 16) === 'IHDR' && bytes.length >= 33) {
    bytes.writeUInt32BE(width, 16);
    bytes.writeUInt32BE(height, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  }
  const frame = Math.max(bytes.indexOf('ffc0', 'hex'), bytes.indexOf('ffc2', 'hex'));
  if (frame >= 0 && bytes.length >= frame + 9) {
    bytes.writeUInt16BE(height & 0xffff, frame + 5);
    bytes.writeUInt16BE(width & 0xffff, frame + 7);
  }
  return bytes;
}

function maxResidentBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

function newFolder(): string {
  return fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'fuzz-')));
}
