/** Checkpoints and their parts: arrays, manifests, and folders of two checkpoints, spoiled and read. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors } from '../../src/arrays/safetensors.ts';
import { readLatestCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../src/checkpoint/manifest.ts';
import type { Rng } from '../../src/math/rng.ts';
import { requireLine, type Fuzzer, type Outcome } from './engine.ts';
import { MAX_FILE, REFUSED, TAKEN, newFolder, outcomeOf, requireReason } from './file-outcomes.ts';
import { AWKWARD_WORDS, mutateBytes, mutateText, mutateValue, once, pick } from './mutate.ts';
import { withinRoot } from './opened-paths.ts';

export function startSafetensors(): Promise<Fuzzer> {
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

export function startManifests(): Promise<Fuzzer> {
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
export async function startCheckpoints(): Promise<Fuzzer> {
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
