/** The header of NumPy's files, byte for byte as NumPy 2 writes it, and read back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvFloat, csvText } from '../../src/tables/csv.ts';
import { npyHeader, readNpyHeader } from '../../src/tables/npy.ts';

test('the header is what numpy.save writes', () => {
  // numpy.save(f, numpy.zeros((3, 2), '<f4')), its first 128 bytes.
  const dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
  const expected = Buffer.concat([
    Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]),
    Buffer.from(`${dictionary.padEnd(117)}\n`),
  ]);
  assert.deepEqual(npyHeader(3, 2), expected);
});

test('any shape has a header of the same length, which is read back', () => {
  for (const [rows, dim] of [
    [0, 1],
    [1, 4096],
    [123_456_789_012, 2048],
  ] as const) {
    const header = npyHeader(rows, dim);
    assert.equal(header.length, 128);
    assert.deepEqual(readNpyHeader(header), { begin: 128, rows, dim });
  }
});

test('what is no such array is not read as one', () => {
  assert.equal(readNpyHeader(Buffer.from('no array at all, but longer than its magic')), null);
  const doubles = Buffer.from(npyHeader(3, 2).toString('latin1').replace('<f4', '<f8'), 'latin1');
  assert.equal(readNpyHeader(doubles), null);
});

test('a number in a table has the fewest digits that give it back', () => {
  for (const value of [0, 1, -0.5, 0.1, 1 / 3, 1e-30, 3.4e38, 16_777_217, Math.PI].map(
    Math.fround,
  )) {
    assert.equal(Math.fround(Number(csvFloat(value))), value);
  }
  assert.equal(csvFloat(Math.fround(0.1)), '0.1');
  assert.equal(csvFloat(NaN), '');
});

test('a text in a table is quoted where it must be', () => {
  assert.deepEqual(['a b', 'a,b', 'say "a"', 'a\nb'].map(csvText), [
    'a b',
    '"a,b"',
    '"say ""a"""',
    '"a\nb"',
  ]);
});
