/**
 * Made images: a labelled set drawn from nothing, so that the demo and the tests need no download.
 * The class is the structure (made-patterns.ts); colours, place, scale, rotation, contrast, illumination and grain vary
 * within it, so that no single pixel or colour tells a class. Each image depends on the seed, its class and its number
 * alone. Labels are the sub-folders and serve evaluation only.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { configInvalid } from '../../errors.ts';
import { seededRng, type Rng } from '../../math/rng.ts';
import { forEachInLanes } from '../lanes.ts';
import { PATTERN_CLASSES, type Pattern, type PatternClass } from './made-patterns.ts';
import type { RawImage } from '../pixels/resample.ts';

export interface MakeImagesOptions {
  /** Folder to make; must be absent, empty, or hold exactly this set. */
  readonly out: string;
  /** Number of classes. */
  readonly classes: number;
  readonly perClass: number;
  /** Side of the square images [px]. */
  readonly size: number;
  readonly seed: number;
}

export interface MadeImages {
  readonly images: number;
  /** Names of the classes, in order of making. */
  readonly classes: string[];
}

/** File beside the class folders that says how they were made; written last. */
const RECORD = 'made.json';
/** Raised whenever the same options would draw other pixels. */
const MAKER_VERSION = 1;
const JPEG = { quality: 92, chromaSubsampling: '4:4:4' } as const;
const LANES = 4;
/** A photo's horizon, not a kaleidoscope: orientation tells structures apart, so it varies, but not all the way round [rad]. */
const MAX_ROTATION = 0.3;

/**
 * Draws JPEG files `out/<class>/<number>.jpg`; does nothing where they are there already.
 * @throws TrainerError CONFIG_INVALID
 */
export async function makeImages(options: MakeImagesOptions): Promise<MadeImages> {
  requireInRange('classes', options.classes, 2, PATTERN_CLASSES.length);
  requireInRange('perClass', options.perClass, 1, 10_000);
  requireInRange('size', options.size, 16, 1024);
  requireInRange('seed', options.seed, 0, Number.MAX_SAFE_INTEGER);
  const classes = PATTERN_CLASSES.slice(0, options.classes);
  const made = {
    images: classes.length * options.perClass,
    classes: classes.map((patternClass) => patternClass.name),
  };
  const { perClass, size, seed } = options;
  const record = { version: MAKER_VERSION, classes: made.classes, perClass, size, seed };
  const recordText = `${JSON.stringify(record)}\n`;
  if (!(await isMade(options, made.classes, recordText))) {
    await makeFolder(options, classes, recordText);
  }
  return made;
}

/** Pixels of image `number` of a class. */
export function drawMadeImage(
  patternClass: PatternClass,
  number: number,
  size: number,
  seed: number,
): RawImage {
  const rng = seededRng(seed, 'made', patternClass.name, number);
  const look = drawLook(rng, size);
  const pattern = patternClass.create(rng);
  return { data: render(pattern, look, size, rng), width: size, height: size };
}

/** What varies within a class. */
interface Look {
  /** The pattern's origin [px]: the middle of rings and spirals, the phase of all that repeats. */
  readonly originX: number;
  readonly originY: number;
  /** One cell [px]. */
  readonly cell: number;
  /** [rad] */
  readonly rotation: number;
  /** [3] linear in 0..1; either may be the lighter one. */
  readonly foreground: readonly number[];
  readonly background: readonly number[];
  /** Change of brightness over the image, as a fraction, along x and y. */
  readonly slopeX: number;
  readonly slopeY: number;
  /** Standard deviation of the noise in 0..1. */
  readonly grain: number;
}

function drawLook(rng: Rng, size: number): Look {
  const uniform = (low: number, high: number): number => low + (high - low) * rng.float();
  const originX = size * uniform(0.25, 0.75);
  const originY = size * uniform(0.25, 0.75);
  const scale = Math.exp(uniform(Math.log(0.6), Math.log(1.7)));
  const rotation = uniform(-MAX_ROTATION, MAX_ROTATION);
  const contrast = uniform(0.25, 0.6);
  const dark = uniform(0.12, 0.88 - contrast);
  const inverted = rng.float() < 0.5;
  const darker = colour(rng.float(), uniform(0.1, 0.7), dark);
  const lighter = colour(rng.float(), uniform(0.1, 0.7), dark + contrast);
  const illumination = uniform(0, 0.6);
  const lightFrom = uniform(0, 2 * Math.PI);
  return {
    originX,
    originY,
    cell: (size / 5) * scale,
    rotation,
    foreground: inverted ? darker : lighter,
    background: inverted ? lighter : darker,
    slopeX: illumination * Math.cos(lightFrom),
    slopeY: illumination * Math.sin(lightFrom),
    grain: uniform(0, 0.3),
  };
}

/** Red, green, blue of a hue, saturation and lightness, all in 0..1. */
function colour(hue: number, saturation: number, lightness: number): number[] {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  return [0, 8, 4].map((n) => {
    const k = (n + hue * 12) % 12;
    return lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  });
}

/** One sample a pixel; edges are smoothed over a pixel by their distance. */
function render(pattern: Pattern, look: Look, size: number, rng: Rng): Uint8Array {
  const data = new Uint8Array(size * size * 3);
  const along = Math.cos(look.rotation) / look.cell;
  const across = Math.sin(look.rotation) / look.cell;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const dx = x + 0.5 - look.originX;
      const dy = y + 0.5 - look.originY;
      const distance = pattern(dx * along + dy * across, dy * along - dx * across) * look.cell;
      const coverage = Math.min(1, Math.max(0, 0.5 + distance));
      const light = 1 + look.slopeX * (x / size - 0.5) + look.slopeY * (y / size - 0.5);
      const noise = look.grain * rng.normal();
      const pixel = (y * size + x) * 3;
      for (let c = 0; c < 3; c++) {
        const back = look.background[c]!;
        const value = (back + (look.foreground[c]! - back) * coverage) * light + noise;
        data[pixel + c] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
    }
  }
  return data;
}

/** Draws into a folder beside `out` and renames it, so that `out` is never a part of a set. */
async function makeFolder(
  options: MakeImagesOptions,
  classes: readonly PatternClass[],
  recordText: string,
): Promise<void> {
  const { perClass, size, seed } = options;
  const out = resolve(options.out);
  const folder = `${out}.making-${process.pid}`;
  try {
    await mkdir(folder, { recursive: true });
    for (const { name } of classes) await mkdir(join(folder, name));
    await forEachInLanes(classes.length * perClass, LANES, async (i) => {
      const patternClass = classes[Math.floor(i / perClass)]!;
      const number = i % perClass;
      const { data, width, height } = drawMadeImage(patternClass, number, size, seed);
      const file = join(folder, patternClass.name, fileName(number));
      await sharp(data, { raw: { width, height, channels: 3 } })
        .jpeg(JPEG)
        .toFile(file);
    });
    await writeFile(join(folder, RECORD), recordText);
    await rename(folder, out);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Whether `out` holds this very set; false where it is absent or empty.
 * @throws TrainerError CONFIG_INVALID where it holds anything else
 */
async function isMade(
  options: MakeImagesOptions,
  names: readonly string[],
  recordText: string,
): Promise<boolean> {
  const found = await listFolder(options.out);
  if (found.length === 0) return false;
  const sameRecord = (await readRecord(options.out)) === recordText;
  const sameEntries = found.join() === [...names, RECORD].sort().join();
  const files = Array.from({ length: options.perClass }, (_, number) => fileName(number)).join();
  if (sameRecord && sameEntries) {
    const folders = await Promise.all(names.map((name) => listFolder(join(options.out, name))));
    if (folders.every((folder) => folder.join() === files)) return true;
  }
  throw configInvalid('out', 'must be a new or empty folder, or hold this very set', options.out);
}

/** Sorted names; empty where there is no such folder. */
async function listFolder(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw configInvalid('out', 'must be a folder that can be read', folder);
  }
}

async function readRecord(out: string): Promise<string | null> {
  return readFile(join(out, RECORD), 'utf8').catch(() => null);
}

function fileName(number: number): string {
  return `${String(number).padStart(4, '0')}.jpg`;
}

function requireInRange(key: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw configInvalid(key, `must be an integer from ${low} to ${high}`, value);
  }
}
