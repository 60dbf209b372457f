/**
 * Where a network is probed on its way: after each convolution's ReLU, before any pooling,
 * averaged to less than 10,000 numbers an image. Sources: Zhang et al. 2016 (arXiv:1603.08511),
 * whose protocol DeepCluster's linear evaluation follows; spec of DeepCluster, section 10.1. Of
 * ResNet-50 the points are its stem and its four stages. Shapes: B images, S side of a map, C
 * channels, s side after pooling.
 */
import { shapeMismatch } from '../errors.ts';
import type { ModelSpec } from './architectures.ts';
import { shapedLayers, type Layer, type MapShape } from './layers.ts';

export interface ProbePoint {
  /** `conv3`, counted from 1, or `stage2` of a residual network. */
  readonly name: string;
  /** Index in the network's layers of the one whose output is taken. */
  readonly layer: number;
  readonly map: MapShape;
  readonly pooling: AveragePooling;
  /** s s C */
  readonly dim: number;
}

/** Windows that do not overlap; zeros around the map count in the mean, as in the reference. */
export interface AveragePooling {
  /** Side of a window, and from one to the next. */
  readonly window: number;
  /** Zeros on each side. */
  readonly padding: number;
  /** s */
  readonly side: number;
}

/** Numbers of a probe at most: AlexNet's maps are pooled to 9,216 and 9,600. */
const MAX_DIM = 10_000;
/**
 * Convolutions of which all are probed unless told otherwise; of more only those before a
 * pooling.
 */
const FEW = 5;

/** All points of a network, from the first layer on. */
export function probePointsOf(spec: ModelSpec): ProbePoint[] {
  let convolutions = 0;
  let stages = 0;
  const body = spec.layers.slice(0, spec.representationLayer + 1);
  return body.flatMap((layer, at) => {
    if (layer.kind === 'residual') {
      const isLast = !isSameStage(layer, body[at + 1]);
      return isLast ? [pointAt(spec, at, `stage${(stages += 1)}`)] : [];
    }
    if (layer.kind !== 'relu' || !isConvolved(body, at)) return [];
    return [pointAt(spec, at, `conv${(convolutions += 1)}`)];
  });
}

/** Those that are probed unless others are named. */
export function usualProbePoints(spec: ModelSpec): ProbePoint[] {
  const points = probePointsOf(spec);
  const isFew = points.length <= FEW;
  return points.filter(({ layer }) => isFew || spec.layers[layer + 1]?.kind === 'maxPool');
}

/** Whether a ReLU is that of a convolution with batch norm. */
function isConvolved(layers: readonly Layer[], relu: number): boolean {
  return layers[relu - 1]?.kind === 'batchNorm' && layers[relu - 2]?.kind === 'conv';
}

/** A block without a shortcut of its own goes on with the maps of the one before. */
function isSameStage(block: Layer, next: Layer | undefined): boolean {
  return block.kind === 'residual' && next?.kind === 'residual' && next.shortcut.length === 0;
}

function pointAt(spec: ModelSpec, layer: number, name: string): ProbePoint {
  const map = shapedLayers(spec.layers.slice(0, layer + 1), spec.input).at(-1)!.output;
  const pooling = poolingFor(map);
  return { name, layer, map, pooling, dim: pooling.side ** 2 * map.channels };
}

/**
 * The finest pooling below {@link MAX_DIM}, with as little padding as it takes: for AlexNet's
 * maps that of the reference, windows of 6, 4, 3, 3 and 2. A map that is small enough stays as it
 * is, one of very many channels becomes its mean.
 */
export function poolingFor({ side, channels }: MapShape): AveragePooling {
  const finest = Math.min(side, Math.floor(Math.sqrt(MAX_DIM / channels)));
  for (let to = finest; to > 1; to -= 1) {
    for (let padding = 0; padding <= side / 2; padding += 1) {
      const window = windowFor(side + 2 * padding, to);
      if (window !== null && padding <= window / 2) return { window, padding, side: to };
    }
  }
  return { window: side, padding: 0, side: 1 };
}

/** The smallest window that gives `to` full ones across; null where none does. */
function windowFor(across: number, to: number): number | null {
  const window = Math.floor(across / (to + 1)) + 1;
  return Math.floor(across / window) === to ? window : null;
}

/**
 * @param maps [B, S, S, C]
 * @returns [B, s, s, C], sums in float64
 * @throws TrainerError SHAPE_MISMATCH
 */
export function averagePool(maps: Float32Array, count: number, point: ProbePoint): Float32Array {
  const { map, pooling, dim } = point;
  const { side, channels } = map;
  if (maps.length !== count * side * side * channels) {
    throw shapeMismatch('maps to pool', [count, side, side, channels], [maps.length]);
  }
  if (pooling.window === 1) return maps;
  const pooled = new Float32Array(count * dim);
  const sums = new Float64Array(channels);
  const { window, padding, side: to } = pooling;
  for (let at = 0; at < count * to * to; at += 1) {
    const image = Math.floor(at / (to * to));
    const top = Math.floor((at % (to * to)) / to) * window - padding;
    const left = (at % to) * window - padding;
    sums.fill(0);
    for (let y = Math.max(0, top); y < Math.min(side, top + window); y += 1) {
      for (let x = Math.max(0, left); x < Math.min(side, left + window); x += 1) {
        const from = ((image * side + y) * side + x) * channels;
        for (let c = 0; c < channels; c += 1) sums[c]! += maps[from + c]!;
      }
    }
    for (let c = 0; c < channels; c += 1) pooled[at * channels + c] = sums[c]! / window ** 2;
  }
  return pooled;
}
