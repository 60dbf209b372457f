/** The two views and the crop rule, against Pillow, written-out arithmetic and the rule's distribution. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  centreShorterSide,
  centreView,
  drawCrop,
  randomView,
  resizedSize,
} from '../../src/data/pixels/views.ts';
import { seededRng, type Rng } from '../../src/math/rng.ts';
import { lcgImage } from '../support/made/data-images.ts';

const PAPER = { cropArea: [0.08, 1], cropAspect: [3 / 4, 4 / 3], flipProbability: 0.5 } as const;

// Pillow 13.0.0: crop((5, 3, 25, 23)).resize((16, 16), BILINEAR), then transpose(FLIP_LEFT_RIGHT).
const PILLOW_20X20 = 'd6a884130f34c26b576a1783c9fac370d78e49610fd5d65831c4dacf1aea0017';
const PILLOW_20X20_MIRRORED = 'f1310e80c3823960577c51a8a75c34779c5524d010bf6c14d86f8e94a6b4475d';

/** An Rng that gives the listed numbers of [0, 1), integers by scaling them. */
function scriptedRng(numbers: readonly number[]): Rng {
  let taken = 0;
  const float = (): number => {
    const next = numbers[taken++];
    assert.ok(next !== undefined, 'drew more numbers than scripted');
    return next;
  };
  const refuse = (): number => assert.fail('views draw floats and integers only');
  return { float, integer: (n) => Math.floor(float() * n), uint32: refuse, normal: refuse };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('the long side is cut to an integer: 500 x 375 to 341, 333 x 500 to 384', () => {
  assert.deepEqual(resizedSize(500, 375, 256), { width: 341, height: 256 }); // 256 * 500 / 375 = 341.33
  assert.deepEqual(resizedSize(333, 500, 256), { width: 256, height: 384 }); // 256 * 500 / 333 = 384.38
  assert.equal(centreShorterSide(224, 256 / 224), 256);
});

test('the centre view equals resize and crop by Pillow to the bit', () => {
  // Pillow 13.0.0 on pixels of lcgImage: resize(BILINEAR) to 24x18, 18x24 and 341x256, then
  // crop at (4, 1), (1, 4) and (59, 16); sha256 of the RGB bytes.
  const view = (w: number, h: number, seed: number, size: number): string =>
    sha256(centreView(lcgImage(w, h, seed), size, 256 / 224));
  assert.equal(
    view(50, 37, 12, 16),
    '06ac606b877bf89690521f38b9a640dfd8ec326cd3b23c834df888b29b323b61',
  );
  assert.equal(
    view(37, 50, 13, 16),
    '47c444fb55819528829194bcc02c3734e1cdb0fc26d9dd301108dcaee6bde87b',
  );
  assert.equal(
    view(500, 375, 14, 224),
    '2852380e90a395bb8d6f71aef70437774a7944ee0fd38586f07a0bbca2a680f5',
  );
});

test('the random view equals crop, resize and mirror by Pillow to the bit', () => {
  // One attempt on 50 x 37 px: area fraction a, aspect 1, then top, left and the mirror.
  const view = (fraction: number, top: number, left: number, mirror: number): string => {
    const options = { cropArea: [0, 1], cropAspect: [1, 1], flipProbability: 0.5 } as const;
    const rng = scriptedRng([fraction, 0, top, left, mirror]);
    return sha256(randomView(lcgImage(50, 37, 12), 16, rng, options));
  };
  // round(sqrt(50 * 37 * 0.2162)) = 20; top = floor(0.2 * 18) = 3, left = floor(0.17 * 31) = 5
  assert.equal(view(0.2162, 0.2, 0.17, 0.6), PILLOW_20X20);
  assert.equal(view(0.2162, 0.2, 0.17, 0.4), PILLOW_20X20_MIRRORED);
});

test('a crop has the drawn area, aspect and place', () => {
  // area 200 * 100 * (0.08 + 0.92 * 0.25) = 6200, aspect 3/4: sqrt(6200 * 3/4) = 68.2, sqrt(6200 / (3/4)) = 90.9;
  // top floor(0.99 * (100 - 91 + 1)) = 9, left floor(0.995 * (200 - 68 + 1)) = 132
  const crop = drawCrop(200, 100, scriptedRng([0.25, 0, 0.99, 0.995]), PAPER);
  assert.deepEqual(crop, { left: 132, top: 9, width: 68, height: 91 });
});

test('a crop that does not fit is drawn again', () => {
  // area 200 * 100 * (0.08 + 0.92 * 0.5) = 10800 at aspect 1: 104 px do not fit 100; then 79 px do
  const crop = drawCrop(200, 100, scriptedRng([0.5, 0.5, 0.25, 0.5, 0.25, 0.75]), PAPER);
  assert.deepEqual(crop, { left: 91, top: 5, width: 79, height: 79 });
});

test('where ten draws do not fit, the centre crop of the nearest aspect is taken', () => {
  const tooLarge = scriptedRng(Array.from({ length: 20 }, () => 0.999));
  // 1000 x 10: full height, width 10 * 4/3 = 13, left (1000 - 13) >> 1
  assert.deepEqual(drawCrop(1000, 10, tooLarge, PAPER), {
    left: 493,
    top: 0,
    width: 13,
    height: 10,
  });
  // 10 x 1000: full width, height 10 / (3/4) = 13
  const again = scriptedRng(Array.from({ length: 20 }, () => 0.999));
  assert.deepEqual(drawCrop(10, 1000, again, PAPER), { left: 0, top: 493, width: 10, height: 13 });
});

test('one pixel can be cropped and viewed', () => {
  const image = { data: Uint8Array.of(9, 99, 199), width: 1, height: 1 };
  const crop = drawCrop(1, 1, seededRng(1), PAPER);
  assert.deepEqual(crop, { left: 0, top: 0, width: 1, height: 1 });
  for (const view of [centreView(image, 4, 1.14), randomView(image, 4, seededRng(2), PAPER)]) {
    for (let i = 0; i < view.length; i += 3) {
      assert.deepEqual([...view.subarray(i, i + 3)], [9, 99, 199]);
    }
  }
});

test("crops lie inside the image, and area and aspect have the rule's distribution", () => {
  // Half the area at most, in a square: every draw fits, so no draw is rejected and nothing is biased.
  const options = { cropArea: [0.1, 0.5], cropAspect: [3 / 4, 4 / 3] } as const;
  const rng = seededRng('crops');
  const n = 4000;
  let area = 0;
  let areaSquared = 0;
  let logAspect = 0;
  let centre = 0;
  for (let i = 0; i < n; i++) {
    const crop = drawCrop(1000, 1000, rng, options);
    assert.ok(crop.left >= 0 && crop.top >= 0);
    assert.ok(crop.left + crop.width <= 1000 && crop.top + crop.height <= 1000);
    const fraction = (crop.width * crop.height) / 1e6;
    area += fraction / n;
    areaSquared += fraction ** 2 / n;
    logAspect += Math.log(crop.width / crop.height) / n;
    centre += (crop.left + crop.width / 2) / 1000 / n;
  }
  // Uniform on [0.1, 0.5]: mean 0.3, standard deviation 0.4 / sqrt(12) = 0.1155; four standard errors of 4000 draws.
  assert.ok(Math.abs(area - 0.3) < (4 * 0.1155) / Math.sqrt(n), `mean area ${area}`);
  assert.ok(Math.abs(Math.sqrt(areaSquared - area ** 2) - 0.1155) < 0.004);
  // Log-uniform on [3/4, 4/3]: mean 0, standard deviation 0.5754 / sqrt(12) = 0.166.
  assert.ok(Math.abs(logAspect) < (4 * 0.166) / Math.sqrt(n), `mean log aspect ${logAspect}`);
  assert.ok(Math.abs(centre - 0.5) < 0.02);
});

test('half of the random views are mirrored, none at probability 0, all at 1', () => {
  const image = lcgImage(8, 8, 1);
  const whole = { cropArea: [1, 1], cropAspect: [1, 1] } as const;
  const plain = centreView(image, 8, 1);
  const mirrored = (probability: number): number => {
    let count = 0;
    for (let i = 0; i < 400; i++) {
      const options = { ...whole, flipProbability: probability };
      const view = randomView(image, 8, seededRng('mirror', i), options);
      if (Buffer.compare(view, plain) !== 0) count++;
    }
    return count;
  };
  assert.equal(mirrored(0), 0);
  assert.equal(mirrored(1), 400);
  assert.ok(Math.abs(mirrored(0.5) - 200) < 4 * Math.sqrt(400 * 0.25)); // four standard deviations
});

test('an extremely long image is viewed without resizing all of it', () => {
  const image = { data: new Uint8Array(300_000).fill(77), width: 100_000, height: 1 };
  // the whole resize would have 256 x 25,600,000 pixels
  assert.deepEqual(new Set(centreView(image, 224, 256 / 224)), new Set([77]));
});
