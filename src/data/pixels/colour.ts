/**
 * Changes of colour for ODC's views: brightness, contrast, saturation and hue in random order, and grey at random. They stand in
 * for the Sobel filter of DeepCluster: without them the network would group images by their colour.
 * Sources: spec of ODC, section 4; the definitions of torchvision's ColorJitter and RandomGrayscale on 8-bit images, and those of
 * Pillow that they rest on: ITU-R 601-2 luma, blending in float32, hue in an HSV of 8 bits each.
 * Pure, in place, level for level what Pillow gives. Shapes: S side of a view; views are [S, S, 3] uint8.
 */
import { shuffleInPlace, type Rng } from '../../math/rng.ts';

/** A range of 0 leaves its adjustment out. */
export interface ColourJitterOptions {
  /** Factors are uniform on [max(0, 1 - x), 1 + x]. */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** Turns are uniform on [-x, x], x at most 0.5: half the colour circle. */
  readonly hue: number;
}

type Adjustment = 'brightness' | 'contrast' | 'saturation' | 'hue';

/** One draw: what is done, in this order, and how much. */
export type ColourJitter = readonly {
  readonly adjustment: Adjustment;
  readonly amount: number;
}[];

const ADJUST: Readonly<Record<Adjustment, (pixels: Uint8Array, amount: number) => void>> = {
  brightness: adjustBrightness,
  contrast: adjustContrast,
  saturation: adjustSaturation,
  hue: adjustHue,
};

/**
 * Draws the order, then the four amounts; always seven numbers, so that what is drawn next does not depend on them.
 * What has no range is not in the draw: a hue turned by nothing is still rounded to HSV and back.
 */
export function drawColourJitter(rng: Rng, options: ColourJitterOptions): ColourJitter {
  const order = [0, 1, 2, 3];
  shuffleInPlace(order, rng);
  const factor = (range: number): number => {
    const least = Math.max(0, 1 - range);
    return least + (1 + range - least) * rng.float();
  };
  const changes = [
    { adjustment: 'brightness', amount: factor(options.brightness) },
    { adjustment: 'contrast', amount: factor(options.contrast) },
    { adjustment: 'saturation', amount: factor(options.saturation) },
    { adjustment: 'hue', amount: options.hue * (2 * rng.float() - 1) },
  ] as const;
  return order.map((i) => changes[i]!).filter(({ adjustment }) => options[adjustment] > 0);
}

export function applyColourJitter(pixels: Uint8Array, jitter: ColourJitter): void {
  for (const { adjustment, amount } of jitter) ADJUST[adjustment](pixels, amount);
}

/** Makes the view grey with some probability; takes one number. */
export function randomGrey(pixels: Uint8Array, rng: Rng, probability: number): void {
  if (rng.float() < probability) makeGrey(pixels);
}

/** Blends with black. @param factor 0 for black, 1 for no change, 2 for twice the light */
export function adjustBrightness(pixels: Uint8Array, factor: number): void {
  mapLevels(pixels, blendTable(0, factor));
}

/** Blends with the mean grey of the image, rounded. */
export function adjustContrast(pixels: Uint8Array, factor: number): void {
  let sum = 0;
  for (let i = 0; i < pixels.length; i += 3) sum += luma(pixels, i);
  const mean = Math.floor(sum / (pixels.length / 3) + 0.5);
  mapLevels(pixels, blendTable(mean, factor));
}

/** Blends each pixel with its grey. */
export function adjustSaturation(pixels: Uint8Array, factor: number): void {
  // factor * (level - grey) in float32, for every difference there is.
  const parts = new Float32Array(511);
  const single = Math.fround(factor);
  for (let i = 0; i < 511; i += 1) parts[i] = single * (i - 255);
  for (let i = 0; i < pixels.length; i += 3) {
    const grey = luma(pixels, i);
    const shift = 255 - grey;
    for (let c = i; c < i + 3; c += 1) {
      pixels[c] = toLevel(Math.fround(grey + parts[pixels[c]! + shift]!));
    }
  }
}

/** @param turn part of the colour circle, -0.5 to 0.5; cut to whole steps of 1/255, as the circle has 256 levels */
export function adjustHue(pixels: Uint8Array, turn: number): void {
  const steps = Math.trunc(turn * 255) & 0xff;
  for (let i = 0; i < pixels.length; i += 3) turnHue(pixels, i, steps);
}

/** Each pixel becomes its luma. */
export function makeGrey(pixels: Uint8Array): void {
  for (let i = 0; i < pixels.length; i += 3) {
    const grey = luma(pixels, i);
    pixels[i] = grey;
    pixels[i + 1] = grey;
    pixels[i + 2] = grey;
  }
}

/** ITU-R 601-2: 0.299 R + 0.587 G + 0.114 B, in 1/65536, rounded. */
function luma(pixels: Uint8Array, i: number): number {
  const sum = pixels[i]! * 19_595 + pixels[i + 1]! * 38_470 + pixels[i + 2]! * 7471;
  return (sum + 0x8000) >> 16;
}

/** level -> base + factor * (level - base), in float32. */
function blendTable(base: number, factor: number): Uint8Array {
  const single = Math.fround(factor);
  return Uint8Array.from({ length: 256 }, (_, level) =>
    toLevel(Math.fround(base + Math.fround(single * (level - base)))),
  );
}

/** Cut, not rounded. */
function toLevel(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
}

function mapLevels(pixels: Uint8Array, table: Uint8Array): void {
  for (let i = 0; i < pixels.length; i += 1) pixels[i] = table[pixels[i]!]!;
}

/** For each hue level: which sixth of the circle, and how far into it. */
const HUE_SECTOR = Uint8Array.from({ length: 256 }, (_, hue) => Math.floor((hue * 6) / 255) % 6);
const HUE_PART = Float32Array.from({ length: 256 }, (_, hue) => ((hue * 6) / 255) % 1);

/** To HSV with 8 bits each, the hue turned around the circle, and back; the rounding on both ways is part of it. */
function turnHue(pixels: Uint8Array, i: number, steps: number): void {
  const red = pixels[i]!;
  const green = pixels[i + 1]!;
  const blue = pixels[i + 2]!;
  const value = Math.max(red, green, blue);
  const range = value - Math.min(red, green, blue);
  // A grey has no hue, and stays.
  if (range === 0) return;
  const saturation = Math.trunc(Math.fround(range / value) * 255);
  // A saturation that was cut to 0 makes a grey.
  if (saturation === 0) {
    pixels.fill(value, i, i + 3);
    return;
  }
  const hue = (hueLevel(red, green, blue, value, range) + steps) & 0xff;
  const sector = HUE_SECTOR[hue]!;
  const part = HUE_PART[hue]!;
  const grade = Math.fround(saturation / 255);
  // Rounded: all are positive.
  const low = (value * (1 - grade) + 0.5) | 0;
  const falling = (value * (1 - grade * part) + 0.5) | 0;
  const rising = (value * (1 - grade * (1 - part)) + 0.5) | 0;
  switch (sector) {
    case 0: {
      setPixel(pixels, i, value, rising, low);
      return;
    }
    case 1: {
      setPixel(pixels, i, falling, value, low);
      return;
    }
    case 2: {
      setPixel(pixels, i, low, value, rising);
      return;
    }
    case 3: {
      setPixel(pixels, i, low, falling, value);
      return;
    }
    case 4: {
      setPixel(pixels, i, rising, low, value);
      return;
    }
    default: {
      setPixel(pixels, i, value, low, falling);
      return;
    }
  }
}

/** 0 for red, 85 for green, 170 for blue; in float32, cut. */
function hueLevel(red: number, green: number, blue: number, value: number, range: number): number {
  const r = Math.fround((value - red) / range);
  const g = Math.fround((value - green) / range);
  const b = Math.fround((value - blue) / range);
  let sixth: number;
  if (red === value) sixth = Math.fround(b - g);
  else if (green === value) sixth = Math.fround(2 + r - b);
  else sixth = Math.fround(4 + g - r);
  const turn = sixth / 6 + 1;
  return Math.trunc(Math.fround(turn >= 1 ? turn - 1 : turn) * 255);
}

function setPixel(pixels: Uint8Array, i: number, red: number, green: number, blue: number): void {
  pixels[i] = red;
  pixels[i + 1] = green;
  pixels[i + 2] = blue;
}
