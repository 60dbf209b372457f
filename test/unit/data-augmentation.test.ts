/**
 * What happens to a random view: its order, its draws, and nothing where it is off; the parts are
 * tested with colour.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { augmentView, type AugmentationOptions } from '../../src/data/pixels/augmentation.ts';
import { blurView } from '../../src/data/pixels/blur.ts';
import { applyColourJitter, drawColourJitter, makeGrey } from '../../src/data/pixels/colour.ts';
import { dataConfigSchema } from '../../src/data/config.ts';
import { drawRotation, rotateView } from '../../src/data/pixels/rotation.ts';
import { randomView } from '../../src/data/pixels/views.ts';
import { seededRng, type Rng } from '../../src/math/rng.ts';
import { lcgImage } from '../support/made/data-images.ts';

const SIZE = 24;
const OFF: AugmentationOptions = {
  rotationDegrees: 0,
  colourJitter: { brightness: 0, contrast: 0, saturation: 0, hue: 0 },
  greyProbability: 0,
};
const ODC: AugmentationOptions = {
  rotationDegrees: 2,
  colourJitter: { brightness: 0.4, contrast: 0.4, saturation: 1, hue: 0.5 },
  greyProbability: 0.2,
};

const plain = lcgImage(SIZE, SIZE, 5).data;

function augmented(rng: Rng, options: AugmentationOptions): Uint8Array {
  const view = plain.slice();
  augmentView(view, SIZE, rng, options);
  return view;
}

type Change = (view: Uint8Array) => void;

/** The three changes that a stream gives, drawn by hand. */
function changesOf(
  rng: Rng,
  { rotationDegrees, colourJitter, greyProbability }: AugmentationOptions,
) {
  const degrees = drawRotation(rng, rotationDegrees);
  const jitter = drawColourJitter(rng, colourJitter);
  const isGrey = rng.float() < greyProbability;
  const turn: Change = (view) => {
    rotateView(view.slice(), SIZE, degrees, view);
  };
  const recolour: Change = (view) => {
    applyColourJitter(view, jitter);
  };
  const grey: Change = (view) => {
    if (isGrey) makeGrey(view);
  };
  return { turn, recolour, grey, isGrey };
}

function composed(...changes: readonly Change[]): Uint8Array {
  const view = plain.slice();
  for (const change of changes) change(view);
  return view;
}

test('by default a view stays as it is, to the bit', () => {
  const { rotationDegrees, colourJitter, greyProbability } = dataConfigSchema.parse({});
  assert.deepEqual({ rotationDegrees, colourJitter, greyProbability }, OFF);
  for (let i = 0; i < 20; i += 1) assert.deepEqual(augmented(seededRng('off', i), OFF), plain);
});

test('rotation comes first, then colour, then grey', () => {
  // At 40 degrees black corners are many, and contrast and brightness see them.
  const options = { ...ODC, rotationDegrees: 40, greyProbability: 0.5 };
  const rounds = 40;
  let greys = 0;
  let toldFromColourFirst = 0;
  let toldFromGreyFirst = 0;
  for (let i = 0; i < rounds; i += 1) {
    const view = augmented(seededRng('order', i), options);
    const { turn, recolour, grey, isGrey } = changesOf(seededRng('order', i), options);
    assert.deepEqual(view, composed(turn, recolour, grey));
    greys += Number(isGrey);
    toldFromColourFirst += Number(!isDeepStrictEqual(view, composed(recolour, turn, grey)));
    toldFromGreyFirst += Number(!isDeepStrictEqual(view, composed(turn, grey, recolour)));
  }
  // Turns of less than a pixel are the same in any order, and so is grey where there is none.
  assert.ok(toldFromColourFirst > 0.9 * rounds, `${toldFromColourFirst} of ${rounds}`);
  assert.ok(greys > 0 && greys < rounds, `${greys} of ${rounds} are grey`);
  assert.equal(toldFromGreyFirst, greys);
});

test('the draws follow those of crop and mirror, on the same stream', () => {
  const config = dataConfigSchema.parse({ imageSize: SIZE, ...ODC });
  const image = lcgImage(50, 37, 3);
  const [ours, byHand] = [seededRng('stream'), seededRng('stream')];
  const view = randomView(image, SIZE, ours, config);
  augmentView(view, SIZE, ours, config);
  const expected = randomView(image, SIZE, byHand, config);
  const { turn, recolour, grey } = changesOf(byHand, ODC);
  for (const change of [turn, recolour, grey]) change(expected);
  assert.deepEqual(view, expected);
});

test('the same stream gives the same view, another stream another', () => {
  const views = Array.from({ length: 20 }, (_, i) => augmented(seededRng('seed', i), ODC));
  for (const [i, view] of views.entries()) {
    assert.deepEqual(augmented(seededRng('seed', i), ODC), view);
  }
  assert.equal(new Set(views.map((view) => Buffer.from(view).toString('hex'))).size, 20);
});

test('each change can be had alone, with the draw that it has in company', () => {
  for (let i = 0; i < 20; i += 1) {
    const stream = (): Rng => seededRng('alone', i);
    const all = { ...ODC, rotationDegrees: 40, greyProbability: 0.5 };
    const { turn, recolour, grey } = changesOf(stream(), all);
    const { rotationDegrees, colourJitter, greyProbability } = all;
    assert.deepEqual(augmented(stream(), { ...OFF, rotationDegrees }), composed(turn));
    assert.deepEqual(augmented(stream(), { ...OFF, colourJitter }), composed(recolour));
    assert.deepEqual(augmented(stream(), { ...OFF, greyProbability }), composed(grey));
  }
});

test('colours change in as many views as their probability says, and the rest stay as drawn', () => {
  const rounds = 200;
  const options = { ...OFF, colourJitter: ODC.colourJitter, colourJitterProbability: 0.3 };
  let changed = 0;
  for (let i = 0; i < rounds; i += 1) {
    const stream = (): Rng => seededRng('sometimes', i);
    const view = augmented(stream(), options);
    const { recolour } = changesOf(stream(), options);
    const isPlain = isDeepStrictEqual(view, plain);
    if (!isPlain) assert.deepEqual(view, composed(recolour));
    changed += Number(!isPlain);
  }
  // Three standard deviations of a binomial.
  assert.ok(Math.abs(changed / rounds - 0.3) < 0.1, `${changed} of ${rounds}`);
});

test('a blur comes last, of a deviation in proportion to the view', () => {
  const options = { ...ODC, blurProbability: 1 };
  for (let i = 0; i < 10; i += 1) {
    const [stream, drawnAgain] = [seededRng('blur', i), seededRng('blur', i)];
    const view = augmented(stream, options);
    const { turn, recolour, grey } = changesOf(drawnAgain, ODC);
    const expected = composed(turn, recolour, grey);
    // Those of jitter and blur, then the deviation: 0.1 to 2 px of 224.
    drawnAgain.float();
    drawnAgain.float();
    blurView(expected, SIZE, ((0.1 + 1.9 * drawnAgain.float()) * SIZE) / 224);
    assert.deepEqual(view, expected);
  }
});
