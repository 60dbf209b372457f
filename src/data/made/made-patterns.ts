/**
 * The structures that made images show, one a class: each is a signed distance, so that edges can be drawn smoothly.
 * Coordinates are in cells, one cell being about a period; a pattern extends over the whole plane around its origin.
 */
import type { Rng } from '../../math/rng.ts';

/** Distance to the nearest edge in cells, roughly; positive on the foreground. */
export type Pattern = (u: number, v: number) => number;

export interface PatternClass {
  readonly name: string;
  /** Draws what varies within the class beyond place, scale and rotation, which the caller varies. */
  readonly create: (rng: Rng) => Pattern;
}

const TAU = 2 * Math.PI;
const SQRT3 = Math.sqrt(3);

/** In this order: the first n classes of a set are the first n of these. */
export const PATTERN_CLASSES: readonly PatternClass[] = [
  { name: 'gratings', create: () => (u) => stripe(u, 0.5) },
  { name: 'checks', create: () => checks },
  { name: 'dots', create: () => (u, v) => 0.3 - Math.hypot(centred(u), centred(v)) },
  { name: 'rings', create: ringsAround },
  { name: 'blobs', create: blobs },
  { name: 'crosses', create: () => (u, v) => cross(Math.abs(centred(u)), Math.abs(centred(v))) },
  { name: 'grids', create: () => (u, v) => Math.max(stripe(u, 0.24), stripe(v, 0.24)) },
  { name: 'zigzags', create: () => zigzag },
  { name: 'bricks', create: () => brick },
  { name: 'spirals', create: spiralAround },
  { name: 'strokes', create: strokes },
  { name: 'stars', create: () => (u, v) => star(centred(u / 1.2) * 1.2, centred(v / 1.2) * 1.2) },
  { name: 'triangles', create: () => triangle },
  { name: 'waves', create: () => wave },
  { name: 'hexagons', create: () => hexagon },
  { name: 'hatching', create: () => hatching },
];

/** Position within the cell, [-0.5, 0.5). */
function centred(t: number): number {
  return t - Math.floor(t) - 0.5;
}

/** Bands of period 1 that cover the fraction `duty`. */
function stripe(t: number, duty: number): number {
  return duty / 2 - Math.abs(centred(t));
}

function checks(u: number, v: number): number {
  const a = stripe(u / 1.2, 0.5) * 1.2;
  const b = stripe(v / 1.2, 0.5) * 1.2;
  return Math.sign(a * b) * Math.min(Math.abs(a), Math.abs(b));
}

function ringsAround(rng: Rng): Pattern {
  const phase = rng.float();
  return (u, v) => stripe(Math.hypot(u, v) + phase, 0.5);
}

/** Level set of a few plane waves in all directions: patches without order. */
function blobs(rng: Rng): Pattern {
  const waves = Array.from({ length: 7 }, () => {
    const direction = TAU * rng.float();
    const frequency = TAU * (0.35 + 0.35 * rng.float());
    return {
      x: frequency * Math.cos(direction),
      y: frequency * Math.sin(direction),
      phase: TAU * rng.float(),
    };
  });
  const steepness = 0.5 * TAU * Math.sqrt(waves.length / 2);
  return (u, v) => {
    let sum = 0;
    for (const wave of waves) sum += Math.cos(wave.x * u + wave.y * v + wave.phase);
    return sum / steepness;
  };
}

function cross(x: number, y: number): number {
  return Math.max(Math.min(0.12 - x, 0.4 - y), Math.min(0.4 - x, 0.12 - y));
}

function zigzag(u: number, v: number): number {
  return stripe(v + Math.abs(centred(u)) * 1.4, 0.5) / Math.hypot(1, 1.4);
}

/** Rows half a cell high, every other one shifted by half a brick. */
function brick(u: number, v: number): number {
  const row = Math.floor(v * 2);
  const x = centred((u + (row % 2 === 0 ? 0 : 0.65)) / 1.3) * 1.3;
  return Math.min(0.58 - Math.abs(x), 0.19 - Math.abs(centred(v * 2) / 2));
}

/** One or two arms, turning either way. */
function spiralAround(rng: Rng): Pattern {
  const arms = (1 + rng.integer(2)) * (rng.float() < 0.5 ? -1 : 1);
  return (u, v) => stripe(Math.hypot(u, v) + (arms * Math.atan2(v, u)) / TAU, 0.5);
}

/** A field of signs like letters: each cell holds three strokes between points of a 3 x 3 lattice. */
function strokes(rng: Rng): Pattern {
  const salt = rng.uint32();
  const cell = 1.5;
  return (u, v) => {
    const column = Math.floor(u / cell);
    const row = Math.floor(v / cell);
    let hash = mix(salt ^ Math.imul(column, 0x9e3779b1) ^ Math.imul(row, 0x85ebca77));
    const x = centred(u / cell) * cell;
    const y = centred(v / cell) * cell;
    let nearest = Infinity;
    for (let stroke = 0; stroke < 3; stroke++) {
      const from = hash % 9;
      const to = (from + 1 + ((hash >>> 8) % 8)) % 9;
      nearest = Math.min(nearest, toSegment(x, y, latticePoint(from), latticePoint(to)));
      hash = mix(hash);
    }
    return 0.1 - nearest;
  };
}

function latticePoint(index: number): readonly [number, number] {
  return [((index % 3) - 1) * 0.5, (Math.floor(index / 3) - 1) * 0.5];
}

function toSegment(
  x: number,
  y: number,
  [ax, ay]: readonly [number, number],
  [bx, by]: readonly [number, number],
): number {
  const dx = bx - ax;
  const dy = by - ay;
  const along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy);
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

/** Scrambles 32 bits, so that neighbouring cells look unrelated. */
function mix(bits: number): number {
  let h = bits;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Five points: the plane folded into one tenth of a turn, where the outline is a line from tip to notch. */
function star(x: number, y: number): number {
  const tip = 0.55;
  const notch = 0.22;
  const turn = TAU / 5;
  const angle = Math.abs(centred(Math.atan2(y, x) / turn + 0.5)) * turn;
  const radius = Math.hypot(x, y);
  const notchX = notch * Math.cos(turn / 2) - tip;
  const notchY = notch * Math.sin(turn / 2);
  const fromTipX = radius * Math.cos(angle) - tip;
  const fromTipY = radius * Math.sin(angle);
  return (notchX * fromTipY - notchY * fromTipX) / Math.hypot(notchX, notchY);
}

/** Tiling of the plane by triangles, every other one filled. */
function triangle(u: number, v: number): number {
  const side = 1.3;
  const p = u / side - v / side / SQRT3;
  const q = (2 * v) / side / SQRT3;
  const x = p - Math.floor(p);
  const y = q - Math.floor(q);
  const height = (side * SQRT3) / 2;
  return x + y < 1
    ? Math.min(x, y, 1 - x - y) * height
    : -Math.min(1 - x, 1 - y, x + y - 1) * height;
}

function wave(u: number, v: number): number {
  const slope = 0.3 * (TAU / 1.4) * Math.cos((TAU * u) / 1.4);
  return stripe(v + 0.3 * Math.sin((TAU * u) / 1.4), 0.5) / Math.hypot(1, slope);
}

/** Honeycomb: hexagons with gaps; the nearer of two shifted rectangular lattices holds the cell's centre. */
function hexagon(u: number, v: number): number {
  const ax = centred(u);
  const ay = centred(v / SQRT3) * SQRT3;
  const bx = centred(u + 0.5);
  const by = centred(v / SQRT3 + 0.5) * SQRT3;
  const nearA = ax * ax + ay * ay < bx * bx + by * by;
  const x = Math.abs(nearA ? ax : bx);
  const y = Math.abs(nearA ? ay : by);
  return 0.41 - Math.max(x, x / 2 + (y * SQRT3) / 2);
}

/** A weave: squares hatched across and along by turns. */
function hatching(u: number, v: number): number {
  const cell = 1.6;
  const across = (Math.floor(u / cell) + Math.floor(v / cell)) % 2 === 0;
  return stripe(((across ? u : v) * 3) / cell, 0.5) * (cell / 3);
}
