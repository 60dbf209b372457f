/** Changes of colour and small turns, level for level against torchvision on Pillow images (test/oracle/colour.py). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  applyColourJitter,
  drawColourJitter,
  makeGrey,
  randomGrey,
  type ColourJitter,
} from '../../src/data/pixels/colour.ts';
import { drawRotation, rotateView } from '../../src/data/pixels/rotation.ts';
import { seededRng } from '../../src/math/rng.ts';

interface Case {
  readonly adjustment: 'brightness' | 'contrast' | 'saturation' | 'hue' | 'grey' | 'rotation';
  readonly amount: number;
}

interface Oracle {
  readonly side: number;
  readonly image: readonly number[];
  readonly cases: readonly (Case & { readonly pixels: readonly number[] })[];
  readonly chain: { readonly jitter: ColourJitter; readonly pixels: readonly number[] };
  readonly lattice: readonly (Case & { readonly sha256: string })[];
}

const path = new URL('../oracle/colour.json', import.meta.url);
const oracle = JSON.parse(readFileSync(path, 'utf8')) as Oracle;

const ODC_RANGES = { brightness: 0.4, contrast: 0.4, saturation: 1, hue: 0.5 };

function changed(pixels: Uint8Array, { adjustment, amount }: Case): Uint8Array {
  const out = pixels.slice();
  if (adjustment === 'brightness') adjustBrightness(out, amount);
  else if (adjustment === 'contrast') adjustContrast(out, amount);
  else if (adjustment === 'saturation') adjustSaturation(out, amount);
  else if (adjustment === 'hue') adjustHue(out, amount);
  else if (adjustment === 'grey') makeGrey(out);
  else rotateView(pixels, oracle.side, amount, out);
  return out;
}

for (const expected of oracle.cases) {
  test(`${expected.adjustment} by ${expected.amount} gives what Pillow gives`, () => {
    const pixels = Uint8Array.from(oracle.image);
    assert.deepEqual([...changed(pixels, expected)], expected.pixels);
  });
}

test('a jitter is applied in its order', () => {
  const pixels = Uint8Array.from(oracle.image);
  const reversed = pixels.slice();
  applyColourJitter(pixels, oracle.chain.jitter);
  assert.deepEqual([...pixels], oracle.chain.pixels);
  applyColourJitter(reversed, oracle.chain.jitter.toReversed());
  assert.notDeepEqual(reversed, pixels);
});

test('every fifth level of red, green and blue: the same bytes as from Pillow', () => {
  const levels = Array.from({ length: 52 }, (_, i) => 5 * i);
  const lattice = Uint8Array.from(
    levels.flatMap((red) =>
      levels.flatMap((green) => levels.flatMap((blue) => [red, green, blue])),
    ),
  );
  for (const expected of oracle.lattice) {
    const digest = createHash('sha256').update(changed(lattice, expected)).digest('hex');
    assert.equal(digest, expected.sha256, `${expected.adjustment} by ${expected.amount}`);
  }
});

test('draws: each order of the four equally often, amounts uniform in their ranges', () => {
  const rng = seededRng('jitter');
  const rounds = 24 * 500;
  const orders = new Map<string, number>();
  const sums = { brightness: 0, contrast: 0, saturation: 0, hue: 0 };
  const middles = { brightness: 1, contrast: 1, saturation: 1, hue: 0 };
  for (let i = 0; i < rounds; i += 1) {
    const jitter = drawColourJitter(rng, ODC_RANGES);
    const order = jitter.map(({ adjustment }) => adjustment[0]).join('');
    orders.set(order, (orders.get(order) ?? 0) + 1);
    for (const { adjustment, amount } of jitter) {
      assert.ok(Math.abs(amount - middles[adjustment]) <= ODC_RANGES[adjustment]);
      sums[adjustment] += amount - middles[adjustment];
    }
  }
  assert.equal(orders.size, 24);
  // Five standard errors: of a count of 500, and of a mean of uniform numbers.
  for (const count of orders.values()) assert.ok(Math.abs(count - 500) < 5 * Math.sqrt(500));
  for (const adjustment of ['brightness', 'contrast', 'saturation', 'hue'] as const) {
    const error = (5 * ODC_RANGES[adjustment]) / Math.sqrt(3 * rounds);
    assert.ok(Math.abs(sums[adjustment] / rounds) < error, adjustment);
  }
});

test('an adjustment without a range is left out, and the draws of the others stay', () => {
  for (const adjustment of ['brightness', 'contrast', 'saturation', 'hue'] as const) {
    const [all, some] = [seededRng('part', adjustment), seededRng('part', adjustment)];
    const expected = drawColourJitter(all, ODC_RANGES).filter(
      (change) => change.adjustment !== adjustment,
    );
    assert.deepEqual(drawColourJitter(some, { ...ODC_RANGES, [adjustment]: 0 }), expected);
    assert.equal(some.float(), all.float());
  }
});

test('grey comes with its probability, and takes one number either way', () => {
  const rng = seededRng('grey');
  const rounds = 10_000;
  let greys = 0;
  for (let i = 0; i < rounds; i += 1) {
    const pixel = Uint8Array.of(250, 5, 90);
    randomGrey(pixel, rng, 0.2);
    if (pixel[0] === pixel[1]) greys += 1;
  }
  assert.ok(Math.abs(greys / rounds - 0.2) < 5 * Math.sqrt((0.2 * 0.8) / rounds));
  const [grey, plain] = [seededRng('one'), seededRng('one')];
  randomGrey(Uint8Array.of(1, 2, 3), grey, 1);
  randomGrey(Uint8Array.of(1, 2, 3), plain, 0);
  assert.equal(grey.float(), plain.float());
});

test('a turn of 0 is none', () => {
  const pixels = Uint8Array.from(oracle.image);
  const out = new Uint8Array(pixels.length);
  rotateView(pixels, oracle.side, 0, out);
  assert.deepEqual(out, pixels);
});

test('turns are uniform on both sides', () => {
  assert.equal(drawRotation(seededRng('turn', 1), 20), 20 * (2 * seededRng('turn', 1).float() - 1));
  const rng = seededRng('turns');
  const rounds = 10_000;
  const quarters = [0, 0, 0, 0];
  for (let i = 0; i < rounds; i += 1) {
    const degrees = drawRotation(rng, 2);
    assert.ok(Math.abs(degrees) <= 2);
    quarters[Math.min(Math.floor(degrees + 2), 3)]! += 1;
  }
  // Five standard deviations of a count.
  for (const count of quarters) {
    assert.ok(Math.abs(count - rounds / 4) < 5 * Math.sqrt(rounds * 0.25 * 0.75));
  }
});
