/** Files of torch.save: numbers as PyTorch has them, nothing run, and one line for what is damaged. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPickle } from '../../src/arrays/torch/pickle.ts';
import { decodeTorchFile, isTorchFile } from '../../src/arrays/torch/torch-file.ts';
import { readZip } from '../../src/arrays/torch/zip-members.ts';
import { TrainerError } from '../../src/errors.ts';
import { zipOf } from '../support/made/zip.ts';
import { torchFile, torchFiles } from '../support/oracles/torch-files.ts';

const CODE = 'CONFIG_INVALID';
const decode = (bytes: Uint8Array) => decodeTorchFile(bytes, CODE);

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof TrainerError && error.code === CODE, String(error));
    return error.message;
  }
  assert.fail('taken');
}

/** What Python prints of a number. */
function numberOf(text: string): number {
  return Number(text.replace('inf', 'Infinity'));
}

const OTHER = ['network', 'namespace', 'module', 'list', 'repeated'];

for (const [name, { bytes, tensors }] of torchFiles()) {
  if (OTHER.includes(name)) continue;
  test(`its numbers are PyTorch's: ${name}`, () => {
    assert.equal(isTorchFile(bytes), true);
    const names = Object.keys(tensors);
    const dict = decode(bytes).find(({ tensors: own }) => names.every((key) => own.has(key)))!;
    for (const [key, { shape, numbers }] of Object.entries(tensors)) {
      const tensor = dict.tensors.get(key)!;
      assert.deepEqual(tensor.shape, shape, key);
      if (numbers === null) {
        const message = refusal(() => tensor.read());
        assert.match(
          message,
          /array \S+: expected floating-point numbers, got (I64|U8); save them as/,
        );
        continue;
      }
      // As lists: NaN is NaN, of whatever bits.
      assert.deepEqual([...tensor.read()], [...Float32Array.from(numbers, numberOf)], key);
    }
  });
}

test('dictionaries of tensors are found inside others, the outermost first, each once', () => {
  const paths = decode(torchFile('checkpoint').bytes).map(({ path }) => path);
  assert.deepEqual(paths, ['state_dict']);
});

test('nothing of a file is run: a global that tensors do not need is refused by its name', () => {
  const message = refusal(() => decode(torchFile('namespace').bytes));
  assert.match(
    message,
    /^as a file of torch\.save: it needs argparse\.Namespace, and nothing of a pickle is run here; save the tensors alone, in Python: torch\.save\(net\.state_dict\(\), 'weights\.pth'\)$/,
  );
  assert.match(
    refusal(() => decode(torchFile('module').bytes)),
    /it needs torch\.nn\.modules/,
  );
  // os.system('id'), as the pickle of an object that says so of itself.
  const harm = zipOf({ 'a/data.pkl': '\x80\x02cos\nsystem\nU\x02id\x85R.' });
  assert.match(
    refusal(() => decode(harm)),
    /it needs os\.system, and nothing/,
  );
  // The names of other functions of Python, by the other operation.
  const eight = zipOf({
    'a/data.pkl': '\x80\x04\x8c\x08builtins\x8c\x04eval\x93.',
  });
  assert.match(
    refusal(() => decode(eight)),
    /it needs builtins\.eval, and nothing/,
  );
});

test('values of one element that claim to be millions are refused before memory is taken', () => {
  const [{ tensors }] = decode(torchFile('repeated').bytes) as [ReturnType<typeof decode>[number]];
  const message = refusal(() => tensors.get('weight')!.read());
  assert.match(message, /array weight: a tensor has 1073741824 elements, its storage 1$/);
  assert.match(
    refusal(() => decode(torchFile('list').bytes)),
    /it has no dictionary of tensors/,
  );
});

test('a file that is cut off anywhere is refused in one line, in both formats', () => {
  for (const name of ['state dict', 'state dict, before 1.6']) {
    const { bytes } = torchFile(name);
    for (let length = 20; length < bytes.length; length += 7) {
      const cut = bytes.subarray(0, length);
      assert.match(
        refusal(() => decode(cut).map(readAll)),
        /cut off|no storage/,
        `${name} ${length}`,
      );
    }
  }
});

function readAll({ tensors }: ReturnType<typeof decode>[number]): Float32Array[] {
  return [...tensors.values()].map(({ read }) => read());
}

test('a flipped bit of a tensor is seen by its checksum', () => {
  const { bytes } = torchFile('state dict');
  const damaged = Buffer.from(bytes);
  const { byteOffset } = readZip(bytes, (text) => new TrainerError(CODE, text)).get(
    'archive/data/0',
  )!;
  damaged[byteOffset - bytes.byteOffset]! ^= 1;
  assert.match(
    refusal(() => decode(damaged)),
    /archive\/data\/0 does not match its CRC-32/,
  );
});

test('archives: 64-bit numbers, compressed members, and members that are not there', () => {
  const members = { 'a/x': 'first', 'a/y': Buffer.from([1, 2, 3]) };
  const refuse = (text: string): TrainerError => new TrainerError(CODE, text);
  for (const isWide of [false, true]) {
    const read = readZip(zipOf(members, { isWide }), refuse);
    assert.equal(Buffer.from(read.get('a/x')!).toString(), 'first');
    assert.deepEqual([...read.get('a/y')!], [1, 2, 3]);
  }
  const compressed = zipOf(members, { method: 8 });
  assert.match(
    refusal(() => readZip(compressed, refuse)),
    /a\/x is compressed or encrypted/,
  );
  assert.match(
    refusal(() => decode(zipOf(members))),
    /the archive has 0 members data\.pkl/,
  );
  const big = zipOf({ 'a/data.pkl': 'N.', 'a/byteorder': 'big' });
  assert.match(
    refusal(() => decode(big)),
    /not little-endian; save it again elsewhere/,
  );
});

test('a tensor beyond its storage, a storage beyond its bytes, a pickle out of order', () => {
  const tensor = (rest: string): Buffer =>
    zipOf({
      'a/data.pkl':
        '\x80\x02}U\x01wctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\n' +
        `U\x010U\x03cpuK\x04tQ${rest}tRs.`,
      'a/data/0': new Uint8Array(12),
    });
  const read = (rest: string) => () => decode(tensor(rest)).map(readAll);
  assert.match(
    refusal(read('K\x00K\x04\x85K\x01\x85')),
    /storage 0 has 12 bytes, its tensors need 16/,
  );
  assert.match(
    refusal(read('K\x02K\x03\x85K\x01\x85')),
    /ends at element 4 of its storage, which has 4/,
  );
  assert.match(refusal(read('K\x00K\x04\x85)')), /a tensor has 1 axes and 0 strides/);
  assert.match(refusal(read('K\x00J\xff\xff\xff\xff\x85K\x01\x85')), /made of no storage, offset/);
  const pickle = (text: string) => () => decode(zipOf({ 'a/data.pkl': text }));
  for (const [text, message] of [
    ['.', /takes a value that is not there/],
    ['(0.', /takes a value that is not there/],
    ['u.', /takes a mark that is not there/],
    ['h\x01.', /takes a value that was not kept/],
    ['}(K\x01u.', /has a key without a value/],
    ['}]Ns.', /a key that is neither text nor number/],
    ['X\xff\xff\xff\xffabc', /ends in mid-value: it is cut off \(byte 5/],
    ['i.', /operation 105 is none that tensors need/],
    ['N)R.', /it calls what is no function/],
    ['NNb.', /sets attributes of what is no dictionary/],
  ] as const) {
    assert.match(refusal(pickle(text)), message, JSON.stringify(text));
  }
});

test('numbers of a pickle, by its operations', () => {
  const value = (...bytes: number[]) =>
    readPickle(Uint8Array.from([...bytes, 0x2e]), 0, {
      globalOf: () => undefined,
      persistentOf: () => null,
      refuse: (text) => new TrainerError(CODE, text),
    }).value;
  assert.equal(value(0x4b, 255), 255);
  assert.equal(value(0x4d, 1, 2), 1 + 2 * 256);
  assert.equal(value(0x4a, 0xfe, 0xff, 0xff, 0xff), -2);
  assert.equal(value(0x8a, 0), 0);
  assert.equal(value(0x8a, 1, 0x80), -128);
  assert.equal(value(0x8a, 2, 0x80, 0), 128);
  assert.equal(value(0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 0x40), 2n ** 62n);
  assert.equal(value(0x47, 0xc0, 0x04, 0, 0, 0, 0, 0, 0), -2.5);
});

test('a dictionary that holds itself is read once', () => {
  // d = {}; d['d'] = d; d['w'] = a tensor
  const bytes = zipOf({
    'a/data.pkl':
      '\x80\x02}q\x00U\x01dh\x00sU\x01wctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\n' +
      'FloatStorage\nU\x010U\x03cpuK\x01tQK\x00))tRs.',
    'a/data/0': new Uint8Array(Float32Array.of(2.5).buffer),
  });
  const dicts = decode(bytes);
  assert.deepEqual(
    dicts.map(({ path }) => path),
    [''],
  );
  assert.deepEqual(readAll(dicts[0]!), [Float32Array.of(2.5)]);
});
