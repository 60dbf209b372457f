/** Files of torch.save, spoiled: their archive, the pickle behind a right checksum, and the older format. */
import assert from 'node:assert/strict';
import { isTorchFile, decodeTorchFile } from '../../src/arrays/torch/torch-file.ts';
import { readZip } from '../../src/arrays/torch/zip-members.ts';
import type { Rng } from '../../src/math/rng.ts';
import { zipOf } from '../support/made/zip.ts';
import { torchFiles } from '../support/oracles/torch-files.ts';
import type { Fuzzer, Outcome } from './engine.ts';
import { MAX_FILE, outcomeOf } from './file-outcomes.ts';
import { mutateBytes, once, pick } from './mutate.ts';

export function startTorchFiles(): Promise<Fuzzer> {
  const seeds = [...torchFiles()]
    .filter(([name]) => name !== 'network')
    .map(([, { bytes }]) => bytes);
  const archives = seeds.filter((bytes) => bytes[0] === 'P'.charCodeAt(0)).map(membersOf);
  const pickles = archives.map((members) => members['archive/data.pkl']!);
  const run = (rng: Rng): Outcome => {
    const bytes = once(rng, 2)
      ? spoiltWithin(rng, pick(rng, archives), pickles)
      : mutateBytes(rng, pick(rng, seeds), seeds, MAX_FILE);
    return outcomeOf(() => {
      // Whether it is one at all decides which reader has it; this one takes any bytes.
      isTorchFile(bytes);
      for (const { tensors } of decodeTorchFile(bytes, 'CONFIG_INVALID')) {
        for (const { shape, read } of tensors.values()) {
          const elements = shape.includes(0) ? 0 : shape.reduce((all, side) => all * side, 1);
          const values = read();
          assert.equal(values.length, elements, 'other elements than its shape');
          assert.ok(values.length <= bytes.length, 'an array is larger than its file');
        }
      }
    });
  };
  return Promise.resolve({ run });
}

type Members = Record<string, Uint8Array>;

function membersOf(bytes: Uint8Array): Members {
  return Object.fromEntries(readZip(bytes, (problem) => assert.fail(problem)));
}

/** One member is another one, and its checksum right. */
function spoiltWithin(rng: Rng, members: Members, pickles: readonly Uint8Array[]): Buffer {
  const name = once(rng, 4) ? pick(rng, Object.keys(members)) : 'archive/data.pkl';
  const spoilt = mutateBytes(rng, members[name]!, pickles, MAX_FILE);
  return zipOf({ ...members, [name]: spoilt }, { isWide: once(rng, 4) });
}
