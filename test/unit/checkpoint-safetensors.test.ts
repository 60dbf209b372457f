import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeSafetensors,
  encodeSafetensors,
  safetensorsChunks,
} from '../../src/arrays/safetensors.ts';
import type { NamedArrays } from '../../src/arrays/safetensors.ts';

const CORRUPT = { code: 'CHECKPOINT_CORRUPT' };

/** A file of the format, put together by hand. */
function fileOf(header: unknown, data: readonly number[], length?: bigint): Uint8Array {
  const isText = typeof header === 'string' || header instanceof Uint8Array;
  const json = Buffer.from(isText ? header : JSON.stringify(header));
  const lengthBytes = Buffer.alloc(8);
  lengthBytes.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([lengthBytes, json, Buffer.from(data)]);
}

const samples: NamedArrays = {
  doubles: { data: Float64Array.of(Math.PI, -0, 5e-324), shape: [3] },
  floats: { data: Float32Array.of(1.5, -2, 3e-45, 4, 5, 6), shape: [2, 3] },
  labels: { data: Int32Array.of(-1, 2 ** 31 - 1), shape: [1, 2, 1] },
  counts: { data: Uint32Array.of(0, 2 ** 32 - 1), shape: [2] },
  bytes: { data: Uint8Array.of(0, 127, 255), shape: [3] },
  scalar: { data: Float32Array.of(7), shape: [] },
  empty: { data: new Float32Array(0), shape: [0, 4] },
};

test('the bytes are those of the format, written out by hand', () => {
  const encoded = encodeSafetensors({ a: { data: Float32Array.of(1, -2), shape: [2] } });
  const json = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'; // 54 bytes, padded to 56
  const data = [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]; // 1 and -2 as IEEE 754, little-endian
  assert.deepEqual(Buffer.from(encoded), Buffer.from(fileOf(`${json}  `, data)));
});

test('arrays of every type come back with their values, shapes and metadata', () => {
  const { arrays, metadata } = decodeSafetensors(encodeSafetensors(samples, { epoch: '3' }));
  assert.deepEqual({ ...arrays }, samples);
  assert.deepEqual(metadata, { epoch: '3' });
});

test('the pieces are the file, and share memory with the arrays', () => {
  const floats = Float32Array.of(1, 2);
  const pieces = safetensorsChunks({ floats: { data: floats, shape: [2] } });
  floats[0] = 9;
  const { arrays } = decodeSafetensors(Buffer.concat(pieces));
  assert.deepEqual(arrays['floats']?.data, Float32Array.of(9, 2));
});

test('equal content gives equal bytes, in whatever order it was put together', () => {
  const reversed = Object.fromEntries(Object.entries(samples).reverse());
  assert.deepEqual(encodeSafetensors(reversed), encodeSafetensors(samples));
});

test('arrays come out right from bytes at any offset, and aligned ones without a copy', () => {
  const encoded = encodeSafetensors(samples);
  for (let shift = 0; shift < 8; shift += 1) {
    const shifted = new Uint8Array(encoded.length + 8).subarray(shift, shift + encoded.length);
    shifted.set(encoded);
    const { arrays } = decodeSafetensors(shifted);
    assert.deepEqual({ ...arrays }, samples);
    const isView = arrays['doubles']?.data.buffer === shifted.buffer;
    assert.equal(isView, shift === 0);
  }
});

test('a file cut anywhere, or with a byte too many, is refused', () => {
  const encoded = encodeSafetensors(samples);
  for (let length = 0; length < encoded.length; length += 1) {
    assert.throws(() => decodeSafetensors(encoded.subarray(0, length)), CORRUPT, `at ${length}`);
  }
  assert.throws(() => decodeSafetensors(Buffer.concat([encoded, Buffer.of(0)])), CORRUPT);
});

test('names of the prototype are names like others, or refused, and never lead to it', () => {
  const { arrays } = decodeSafetensors(
    encodeSafetensors({ toString: { data: Uint8Array.of(1), shape: [1] } }),
  );
  assert.deepEqual(arrays['toString']?.data, Uint8Array.of(1));
  assert.equal(arrays['constructor'], undefined);
});

test('what the format cannot hold is not written', () => {
  const one = { data: Float32Array.of(1), shape: [1] };
  const violation = { code: 'PROTOCOL_VIOLATION' };
  assert.throws(() => encodeSafetensors({ ['__proto__']: one }), violation);
  assert.throws(() => encodeSafetensors({ __metadata__: one }), violation);
  const mismatch = { code: 'SHAPE_MISMATCH' };
  assert.throws(() => encodeSafetensors({ a: { ...one, shape: [2] } }), mismatch);
  assert.throws(() => encodeSafetensors({ a: { ...one, shape: [-1, -1] } }), mismatch);
});

test('an error has the code and the name that the caller gives it', () => {
  const context = { what: 'result of order 7', code: 'PROTOCOL_VIOLATION' } as const;
  assert.throws(() => decodeSafetensors(Buffer.alloc(3), context), {
    code: 'PROTOCOL_VIOLATION',
    message: /^result of order 7: /,
  });
});

const f32 = (begin: number, end: number, ...shape: number[]): object => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});
const zeros = (bytes: number): number[] => new Array<number>(bytes).fill(0);

const damages: [string, Uint8Array][] = [
  ['a header longer than the file', fileOf({}, [], 3n)],
  ['a header length that no number holds', fileOf({}, [], 2n ** 64n - 1n)],
  ['a header that is not JSON', fileOf('{"a":', [])],
  ['a header that is a list', fileOf([], [])],
  [
    'a header that is not UTF-8',
    fileOf(Buffer.from('{"\xff":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}', 'latin1'), []),
  ],
  ['a header beyond all measure', fileOf(`{}${' '.repeat(9 * 2 ** 20)}`, [])],
  ['an unknown type', fileOf({ a: { dtype: 'F16', shape: [1], data_offsets: [0, 2] } }, zeros(2))],
  ['a type that is a property', fileOf({ a: { ...f32(0, 4, 1), dtype: 'toString' } }, zeros(4))],
  ['a field too many', fileOf({ a: { ...f32(0, 4, 1), more: 1 } }, zeros(4))],
  ['a negative side', fileOf({ a: f32(0, 4, -1) }, zeros(4))],
  ['a fraction of a side', fileOf({ a: f32(0, 6, 1.5) }, zeros(6))],
  ['more shape than bytes', fileOf({ a: f32(0, 4, 2) }, zeros(4))],
  ['a shape beyond all memory', fileOf({ a: f32(0, 4, 2 ** 40, 2 ** 40) }, zeros(4))],
  ['offsets the wrong way round', fileOf({ a: f32(4, 0, 1) }, zeros(4))],
  ['offsets behind the end', fileOf({ a: f32(0, 8, 2) }, zeros(4))],
  ['a gap before an array', fileOf({ a: f32(4, 8, 1) }, zeros(8))],
  ['a gap between arrays', fileOf({ a: f32(0, 4, 1), b: f32(8, 12, 1) }, zeros(12))],
  ['arrays that overlap', fileOf({ a: f32(0, 8, 2), b: f32(4, 12, 2) }, zeros(12))],
  ['bytes behind the last array', fileOf({ a: f32(0, 4, 1) }, zeros(8))],
  ['metadata that are not strings', fileOf({ __metadata__: { a: 1 } }, [])],
  [
    'the name of the prototype',
    fileOf('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', zeros(1)),
  ],
];

for (const [damage, bytes] of damages) {
  test(`a file with ${damage} is refused`, () => {
    assert.throws(() => decodeSafetensors(bytes), CORRUPT);
  });
}

test('the hand-made file that the damages depart from is sound', () => {
  const { arrays } = decodeSafetensors(fileOf({ b: f32(4, 8, 1), a: f32(0, 4, 1) }, zeros(8)));
  assert.deepEqual(Object.keys(arrays).sort(), ['a', 'b']);
});
