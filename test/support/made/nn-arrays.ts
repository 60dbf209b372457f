/** Arrays for tests of the network: the generator of the oracle figures, layouts, and comparison within a tolerance. */
import assert from 'node:assert/strict';

/** Values in [0, 1) of the linear congruential generator that the oracle figures were made with. */
export function lcgValues(seed: number, length: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length }, () => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  });
}

/** Values in [-0.5, 0.5). */
export function centredValues(seed: number, length: number): Float32Array {
  return Float32Array.from(lcgValues(seed, length), (value) => value - 0.5);
}

/** [N, C, H, W] to [N, H, W, C]. */
export function channelsLast(
  values: ArrayLike<number>,
  [n, c, h, w]: readonly [number, number, number, number],
): Float32Array {
  const output = new Float32Array(n * c * h * w);
  for (let i = 0; i < output.length; i += 1) {
    const [image, rest] = [Math.floor(i / (h * w * c)), i % (h * w * c)];
    const [pixel, channel] = [Math.floor(rest / c), rest % c];
    output[i] = values[(image * c + channel) * h * w + pixel]!;
  }
  return output;
}

/** Images of bytes without pattern. */
export function byteImages(seed: number, count: number, size: number): Uint8Array {
  return Uint8Array.from(lcgValues(seed, count * size * size * 3), (value) => value * 256);
}

/** Each element within `tolerance` times the largest expected magnitude. */
export function assertClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = 'array',
): void {
  assert.equal(got.length, expected.length, `${what}: length`);
  let scale = 1e-30;
  for (let i = 0; i < expected.length; i += 1) scale = Math.max(scale, Math.abs(expected[i]!));
  for (let i = 0; i < got.length; i += 1) {
    const error = Math.abs(got[i]! - expected[i]!);
    // Written so that NaN fails.
    if (!(error <= tolerance * scale)) {
      assert.fail(`${what}[${i}]: expected ${expected[i]}, got ${got[i]}; scale ${scale}`);
    }
  }
}
