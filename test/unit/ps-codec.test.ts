/**
 * The codecs of the parameter exchange: PyTorch's and NumPy's numbers, a plain loop, the laws of
 * rounding, and JavaScript beside the parameter kernels.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { seededRng } from '../../src/math/rng.ts';
import { parameterKernels } from '../../src/parameter-plane/kernels.ts';
import { gradientCodec, type GradientCodec } from '../../src/ps/codec/gradient-codec.ts';
import { plainRounded } from '../support/oracles/plain-codecs.ts';

interface Oracle {
  readonly values: readonly number[];
  readonly bfloat16: readonly number[];
  readonly float16: readonly number[];
  readonly blocks: readonly (readonly number[])[];
  readonly int8: readonly (readonly number[])[];
}
const oracle = JSON.parse(
  readFileSync(new URL('../oracle/codecs.json', import.meta.url), 'utf8'),
) as Oracle;

const NAMES = ['bfloat16', 'float16', 'int8'] as const;
const { module, story } = parameterKernels();
const skip = module === null && `parameter kernels: ${story}`;
const WAYS = [
  ['JavaScript', null, false],
  ['kernels', module, skip],
] as const;

const ofBits = (bits: readonly number[]): Float32Array =>
  new Float32Array(Uint32Array.from(bits).buffer);
const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.slice().buffer);

function rounded(codec: GradientCodec, values: Float32Array): Float32Array {
  const to = new Float32Array(values.length).fill(9);
  codec.round(values, to);
  return to;
}

function throughBytes(codec: GradientCodec, values: Float32Array): Float32Array {
  const bytes = new Uint8Array(codec.bytesOf(values.length)).fill(255);
  codec.encode(values, bytes);
  const decoded = new Float32Array(values.length).fill(9);
  codec.decode(bytes, decoded);
  return decoded;
}

/**
 * All kinds of numbers: every exponent, ties, denormals, both zeros; nothing that is not finite.
 */
function anyNumbers(seed: number, length: number): Float32Array {
  const rng = seededRng('codec', seed);
  const bits = Uint32Array.from({ length }, () => {
    const exponent = rng.integer(255);
    const coarse = rng.integer(2) * 0x7f_ffff;
    const significand = rng.integer(0x80_0000) & (coarse === 0 ? 0x7f_f000 : coarse);
    return (rng.integer(2) * 0x8000_0000 + exponent * 0x80_0000 + significand) >>> 0;
  });
  bits.set([0, 0x8000_0000, 1, 0x8000_0001].slice(0, length));
  return new Float32Array(bits.buffer);
}

/** Of magnitudes as a gradient has them. */
function usualNumbers(seed: number, length: number): Float32Array {
  const rng = seededRng('usual', seed);
  return Float32Array.from({ length }, () => rng.normal() * 10 ** (rng.integer(4) - 3));
}

for (const [way, kernels, skipped] of WAYS) {
  test(`numbers of 16 bits are PyTorch’s, by ${way}`, { skip: skipped }, () => {
    for (const name of ['bfloat16', 'float16'] as const) {
      const values = ofBits(oracle.values);
      const expected = Uint32Array.from(oracle[name]);
      const codec = gradientCodec(name, kernels);
      assert.deepEqual(bitsOf(rounded(codec, values)), expected, name);
      assert.deepEqual(bitsOf(throughBytes(codec, values)), expected, `${name} as bytes`);
    }
  });

  test(`blocks of int8 are NumPy’s, by ${way}`, { skip: skipped }, () => {
    const codec = gradientCodec('int8', kernels);
    // Each by itself, and the whole ones in a row.
    for (const [i, block] of oracle.blocks.entries()) {
      const expected = ofBits(oracle.int8[i]!);
      assert.deepEqual(rounded(codec, ofBits(block)), expected, `${i}`);
      assert.deepEqual(throughBytes(codec, ofBits(block)), rounded(codec, ofBits(block)), `${i}`);
    }
    const all = ofBits(oracle.blocks.flat());
    const expected = ofBits(oracle.int8.flat());
    assert.deepEqual(rounded(codec, all), expected);
    assert.deepEqual(throughBytes(codec, all), expected);
  });

  test(`numbers of all kinds are the plain loop’s, by ${way}`, { skip: skipped }, () => {
    for (const name of NAMES) {
      const codec = gradientCodec(name, kernels);
      for (const length of [1, 63, 64, 255, 256, 257, 1000]) {
        for (const values of [anyNumbers(length, length), usualNumbers(length, length)]) {
          const expected = Float32Array.from(plainRounded([...values], name));
          assert.deepEqual(bitsOf(rounded(codec, values)), bitsOf(expected), `${name} ${length}`);
        }
      }
    }
  });

  test(
    `what is rounded stays, also through its bytes and in place, by ${way}`,
    { skip: skipped },
    () => {
      for (const name of NAMES) {
        const codec = gradientCodec(name, kernels);
        for (let seed = 0; seed < 40; seed += 1) {
          const length = 1 + seededRng('length', seed).integer(700);
          for (const values of [anyNumbers(seed, length), usualNumbers(seed, length)]) {
            const once = rounded(codec, values);
            assert.deepEqual(bitsOf(rounded(codec, once)), bitsOf(once), `${name}, seed ${seed}`);
            assert.deepEqual(bitsOf(throughBytes(codec, once)), bitsOf(once), `${name}, bytes`);
            assert.deepEqual(bitsOf(throughBytes(codec, values)), bitsOf(once), `${name}, encoded`);
            codec.round(values);
            assert.deepEqual(bitsOf(values), bitsOf(once), `${name}, in place`);
          }
        }
      }
    },
  );

  test(`an error is half a unit of the last place at most, by ${way}`, { skip: skipped }, () => {
    const values = usualNumbers(3, 2560);
    for (const [name, relative, absolute] of [
      ['bfloat16', 2 ** -8, 0],
      ['float16', 2 ** -11, 2 ** -25],
    ] as const) {
      rounded(gradientCodec(name, kernels), values).forEach((value, i) => {
        const error = Math.abs(value - values[i]!);
        assert.ok(error <= Math.max(relative * Math.abs(values[i]!), absolute), `${name} ${i}`);
      });
    }
    const codec = gradientCodec('int8', kernels);
    for (let begin = 0; begin < values.length; begin += 256) {
      const block = values.slice(begin, begin + 256);
      const largest = Math.max(...block.map(Math.abs));
      rounded(codec, block).forEach((value, i) => {
        // The quotient is rounded to float32 before: to 2^-17 of a step.
        assert.ok(Math.abs(value - block[i]!) <= (largest / 127) * (0.5 + 2 ** -8));
      });
    }
  });

  test(`what is finite stays so, and what is not is seen, by ${way}`, { skip: skipped }, () => {
    const beyond = new Float32Array(300).fill(3.4e38).map((value, i) => (i % 2 ? -value : value));
    for (const [name, most] of [
      ['bfloat16', (2 - 2 ** -7) * 2 ** 127],
      ['float16', 65504],
    ] as const) {
      const codec = gradientCodec(name, kernels);
      assert.deepEqual(
        rounded(codec, beyond),
        beyond.map((value) => Math.sign(value) * most),
      );
      const odd = new Float32Array(100).fill(1);
      odd.set([Infinity, -Infinity, NaN]);
      for (const result of [rounded(codec, odd), throughBytes(codec, odd)]) {
        assert.deepEqual([...result.subarray(0, 4)], [Infinity, -Infinity, NaN, 1]);
      }
    }
    const codec = gradientCodec('int8', kernels);
    assert.ok(rounded(codec, beyond).every(Number.isFinite));
    for (const odd of [NaN, Infinity, -Infinity]) {
      const values = new Float32Array(512).fill(1).with(70, odd);
      for (const result of [rounded(codec, values), throughBytes(codec, values)]) {
        assert.ok(result.subarray(0, 256).every(Number.isNaN));
        assert.ok(result.subarray(256).every(Number.isFinite));
      }
    }
  });
}

test('kernels have JavaScript’s bits and bytes, whatever the length', { skip }, () => {
  for (const name of NAMES) {
    const [plain, fast] = [gradientCodec(name, null), gradientCodec(name, module)];
    for (const length of [64, 65, 511, 512, 65_536, 65_537, 300_001]) {
      const values = anyNumbers(length, length);
      // A third of the blocks has something odd.
      for (let at = 300; at < length; at += 768) values[at] = [NaN, Infinity, -Infinity][at % 3]!;
      const [ours, theirs] = [plain, fast].map((codec) => {
        const bytes = new Uint8Array(codec.bytesOf(length));
        codec.encode(values, bytes);
        return { bytes, bits: bitsOf(rounded(codec, values)) };
      });
      assert.deepEqual(Buffer.from(theirs!.bytes), Buffer.from(ours!.bytes), `${name} ${length}`);
      assert.deepEqual(theirs!.bits, ours!.bits, `${name} ${length}`);
      const [to, too] = [new Float32Array(length), new Float32Array(length)];
      plain.decode(ours!.bytes, to);
      fast.decode(ours!.bytes, too);
      assert.deepEqual(bitsOf(too), bitsOf(to), `${name} ${length}`);
    }
  }
});

test('all numbers of 16 bits come back from their bytes', () => {
  for (const name of ['bfloat16', 'float16'] as const) {
    const bytes = new Uint8Array(Uint16Array.from({ length: 65_536 }, (_, i) => i).buffer);
    const results = WAYS.filter(([, , skipped]) => skipped === false).map(([, kernels]) => {
      const codec = gradientCodec(name, kernels);
      const values = new Float32Array(65_536);
      codec.decode(bytes, values);
      const again = new Uint8Array(bytes.length);
      codec.encode(values, again);
      const halves = new Uint16Array(again.buffer);
      values.forEach((value, i) => {
        if (!Number.isNaN(value)) assert.equal(halves[i], i, name);
      });
      return bitsOf(values);
    });
    assert.deepEqual(results.at(-1), results[0]);
  }
});
