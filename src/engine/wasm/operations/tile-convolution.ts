/**
 * Convolution at stride 1 in tiles of outputs (Winograd's, tile-kernels.ts): tiles and filter are
 * transformed to N N layers each, layer times layer is a product of matrices, and the products are
 * transformed to outputs. The input gradient is such a convolution too. Tiles go through in blocks,
 * so that layers take little memory; a tile's results have the same bits in any company. Shapes: B
 * images, x [B, H, W, C], dy and y [B, OH, OW, K], filter [R, R, C, K]; layers of T tiles [N N, T,
 * C or K].
 */
import type * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { Scratch, addressOf, teamOf, viewOf } from '../backend.ts';
import { imagesOf, padImages, type Images, type Shape4 } from './images.ts';
import type { ParametersOf } from '../jobs/jobs.ts';
import { PANEL, TILE_ROWS } from '../kernels/matrix-kernels.ts';
import type { Team } from '../threads/team.ts';
import { GROUP_BYTES, TILE_PLANS, type TilePlan } from '../kernels/tile-kernels.ts';
import { OUTER_SCRATCH_BYTES } from '../jobs/window-jobs.ts';
import {
  outerProductOf,
  packingOf,
  plainMatrix,
  productOf,
  rowOffsetsOf,
  type Epilogue,
} from './window-products.ts';

const BYTES = Float32Array.BYTES_PER_ELEMENT;
/** Floats of a block's layers on both sides: they stay in the cache. */
const BLOCK_FLOATS = 2 ** 20;
/** Floats between layers: without, those of a tile would often share cache sets. */
const LAYER_GAP = 16;
/**
 * Tiles of a block, however many channels they have: fewer would not pay for reading the filter's
 * layers again.
 */
const LEAST_BLOCK = 64;
/** Channels on either side from which on the transforms cost little beside the products. */
const LEAST_CHANNELS = 32;
const CHUNKS_OF_THREAD = 6;

/** Rows above and columns left of the image that count as zeros. */
export type Margin = readonly [top: number, left: number];

/**
 * How to cut a convolution of this geometry, or null where it is better done whole; the number of
 * images makes no difference.
 */
export function planOf({
  filterHeight,
  filterWidth,
  strideHeight,
  strideWidth,
  inChannels,
  outChannels,
  padInfo: { top, bottom, left, right },
}: tf.backend_util.Conv2DInfo): number | null {
  const plan = TILE_PLANS.findIndex(({ taps }) => taps === filterHeight && taps === filterWidth);
  const isFit =
    plan >= 0 &&
    Math.max(strideHeight, strideWidth) === 1 &&
    Math.max(top, bottom, left, right) < filterHeight &&
    Math.min(inChannels, outChannels) >= LEAST_CHANNELS &&
    [inChannels, outChannels].every((channels) => channels % PANEL === 0);
  return isFit ? plan : null;
}

/** A filter, and what is done with it. */
export interface FilterUse {
  /** Its number in {@link TILE_PLANS}. */
  readonly plan: number;
  readonly filter: tf.TensorInfo;
  /** Turned by half and transposed [R, R, K, C]: for the input gradient. */
  readonly isTurned: boolean;
}

/** y = epilogue(x times the filter), which is used on x with zeros around it. */
export function convolveTiles(
  backend: BackendWasm,
  x: tf.TensorInfo,
  margin: Margin,
  use: FilterUse,
  y: tf.TensorInfo,
  { bias, rectify }: Epilogue,
): void {
  const [inputs, outputs] = [imagesOf(x.shape as Shape4), imagesOf(y.shape as Shape4)];
  const [from, to] = [inputs.channels, outputs.channels];
  const team = teamOf(backend);
  const scratch = new Scratch(backend);
  const tiling = tilingOf(use.plan, outputs, from + to);
  const at = (info: tf.TensorInfo): number => addressOf(backend, info);
  const padded = wholeTiles(tiling, from, tiling.taps - 1);
  const source = padImages(backend, x, padded, margin, scratch);
  const packed = scratch.floats(tiling.layers * from * to);
  packFilter(backend, tiling, use, [from, to], packed);
  const cut = scratch.floats(roomFor(tiling, from));
  const products = scratch.floats(roomFor(tiling, to));
  const cutOffsets = scratch.ints(rowOffsetsOf(tiling.block, from));
  const productOffsets = scratch.ints(rowOffsetsOf(tiling.block, to));
  const [noBiases, biases] = [scratch.floats(to), scratch.floats(to)];
  const spareFloats = tiling.outputs ** 2 * to;
  const spare = scratch.floats(team.threads * spareFloats);
  const [noFloor, floor] = [scratch.floats(1), scratch.floats(1)];
  for (const zeros of [noBiases, biases]) viewOf(backend, zeros).fill(0);
  if (bias !== null) viewOf(backend, biases).set(viewOf(backend, bias));
  viewOf(backend, noFloor)[0] = -Infinity;
  viewOf(backend, floor)[0] = rectify ? 0 : -Infinity;
  for (const block of blocksOf(tiling)) {
    cutTiles(team, tiling, padded, block, at(source), at(cut), false);
    const product = productOf(
      {
        ...{ windows: at(cut), windowOffsets: at(cutOffsets), count: block.count },
        ...{ segments: 1, segmentLength: from, gap: 0 },
        ...{ packed: at(packed), panels: to / PANEL, biases: at(noBiases), floor: at(noFloor) },
        ...{ out: at(products), outOffsets: at(productOffsets) },
      },
      team.threads,
    );
    const layers = {
      ...{ chunksOfLayer: product.chunks, packedLayer: from * to * BYTES },
      ...{ windowsLayer: layerOf(tiling, from) * BYTES, outLayer: layerOf(tiling, to) * BYTES },
    };
    team.run(
      'windowTilesOfLayers',
      { ...product.operands, ...layers },
      tiling.layers * product.chunks,
    );
    const tiled = tiledImages(team, tiling, outputs, block);
    const operands = {
      ...{ ...tiled.operands, source: at(products), target: at(y) },
      ...{ height: outputs.height, width: outputs.width, biases: at(biases), floor: at(floor) },
      ...{ spare: at(spare), spareBytes: spareFloats * BYTES },
    };
    team.run('joinTiles', operands, tiled.chunks);
  }
  scratch.free();
}

/** The filter's layers, each in panels. @param packed [N N, from, to] */
function packFilter(
  backend: BackendWasm,
  tiling: Tiling,
  { plan, filter, isTurned }: FilterUse,
  [from, to]: readonly [number, number],
  packed: tf.TensorInfo,
): void {
  const team = teamOf(backend);
  const scratch = new Scratch(backend);
  const layers = scratch.floats(tiling.layers * from * to);
  const at = (info: tf.TensorInfo): number => addressOf(backend, info);
  const layer = from * to * BYTES;
  // The last tap first, where it is turned.
  const { taps, inputs } = tiling;
  const [first, step] = isTurned ? [(taps ** 2 - 1) * layer, -layer] : [0, layer];
  transformTaps(team, from * to, {
    ...{ plan, isGradient: 0 },
    ...{ source: at(filter) + first, sourceRow: taps * step, sourceColumn: step },
    ...{ target: at(layers), targetRow: inputs * layer, targetColumn: layer },
  });
  const matrix = plainMatrix(layers, from, to, isTurned);
  const { operands, chunks } = packingOf(matrix, at(layers), at(packed), team.threads);
  const steps = { chunksOfLayer: chunks, sourceLayer: layer, packedLayer: layer };
  team.run('packMatrices', { ...operands, ...steps }, tiling.layers * chunks);
  scratch.free();
}

/** gradient [R, R, C, K] = what dy says of the filter that made it of x. */
export function tiledFilterGradient(
  backend: BackendWasm,
  plan: number,
  x: tf.TensorInfo,
  margin: Margin,
  dy: tf.TensorInfo,
  gradient: tf.TensorInfo,
): void {
  const [inputs, outputs] = [imagesOf(x.shape as Shape4), imagesOf(dy.shape as Shape4)];
  const [from, to] = [inputs.channels, outputs.channels];
  const team = teamOf(backend);
  const scratch = new Scratch(backend);
  const tiling = tilingOf(plan, outputs, from + to);
  const at = (info: tf.TensorInfo): number => addressOf(backend, info);
  const paddedX = wholeTiles(tiling, from, tiling.taps - 1);
  const paddedDy = wholeTiles(tiling, to, 0);
  const source = padImages(backend, x, paddedX, margin, scratch);
  const sourceDy = padImages(backend, dy, paddedDy, [0, 0], scratch);
  const cut = scratch.floats(roomFor(tiling, from));
  const cutDy = scratch.floats(roomFor(tiling, to));
  const sums = scratch.floats(tiling.layers * from * to);
  const cutOffsets = scratch.ints(rowOffsetsOf(tiling.block, from));
  const ownMemory = scratch.floats((team.threads * OUTER_SCRATCH_BYTES) / BYTES);
  for (const block of blocksOf(tiling)) {
    cutTiles(team, tiling, paddedX, block, at(source), at(cut), false);
    cutTiles(team, tiling, paddedDy, block, at(sourceDy), at(cutDy), true);
    const product = outerProductOf(
      {
        ...{ windows: at(cut), windowOffsets: at(cutOffsets), count: block.count },
        ...{ segments: 1, segmentLength: from, segmentStep: 0 },
        ...{ matrix: at(cutDy), columns: to, continues: 0, adds: block.first > 0 ? 1 : 0 },
        ...{ out: at(sums), scratch: at(ownMemory), scratchBytes: OUTER_SCRATCH_BYTES },
      },
      team.threads,
    );
    const layers = {
      ...{ chunksOfLayer: product.chunks, outLayer: from * to * BYTES },
      ...{ windowsLayer: layerOf(tiling, from) * BYTES, matrixLayer: layerOf(tiling, to) * BYTES },
    };
    team.run(
      'outerTilesOfLayers',
      { ...product.operands, ...layers },
      tiling.layers * product.chunks,
    );
  }
  const tap = from * to * BYTES;
  transformTaps(team, from * to, {
    ...{ plan, isGradient: 1, source: at(sums), sourceRow: tiling.inputs * tap, sourceColumn: tap },
    ...{ target: at(gradient), targetRow: tiling.taps * tap, targetColumn: tap },
  });
  scratch.free();
}

/** How images of outputs are cut into tiles. */
interface Tiling extends TilePlan {
  readonly plan: number;
  readonly layers: number;
  readonly images: number;
  /** Of an image; so are `tileColumns`. */
  readonly tileRows: number;
  readonly tileColumns: number;
  readonly tiles: number;
  /**
   * Tiles that are done at a time, whole rows of a product's; at most `most` and what makes them
   * whole.
   */
  readonly block: number;
  readonly most: number;
}

interface Block {
  readonly first: number;
  readonly count: number;
}

/** @param channels on both sides */
function tilingOf(plan: number, { batch, height, width }: Images, channels: number): Tiling {
  const shape = TILE_PLANS[plan]!;
  const layers = shape.inputs ** 2;
  const tileRows = Math.ceil(height / shape.outputs);
  const tileColumns = Math.ceil(width / shape.outputs);
  const tiles = batch * tileRows * tileColumns;
  const most = Math.max(LEAST_BLOCK, Math.floor(BLOCK_FLOATS / (layers * channels)));
  const blocks = Math.ceil(tiles / most);
  const block = Math.ceil(tiles / blocks / TILE_ROWS) * TILE_ROWS;
  return { ...shape, plan, layers, images: batch, tileRows, tileColumns, tiles, most, block };
}

/**
 * Floats of a block's layers, were it the largest: so that memory grows with the images as tensors
 * do, by as much for each.
 */
function roomFor({ layers, most }: Tiling, channels: number): number {
  return layers * ((most + TILE_ROWS) * channels + LAYER_GAP);
}

/** Floats from a layer of a block to the next one. */
function layerOf({ block }: Tiling, channels: number): number {
  return block * channels + LAYER_GAP;
}

function blocksOf({ tiles, block }: Tiling): Block[] {
  return Array.from({ length: Math.ceil(tiles / block) }, (_, i) => {
    const first = i * block;
    return { first, count: Math.min(block, tiles - first) };
  });
}

/** The size with whole tiles. @param overlap pixels that a tile sees of the next one */
function wholeTiles(
  { images, tileRows, tileColumns, outputs }: Tiling,
  channels: number,
  overlap: number,
): Images {
  const height = tileRows * outputs + overlap;
  const width = tileColumns * outputs + overlap;
  return { batch: images, height, width, channels };
}

function cutTiles(
  team: Team,
  tiling: Tiling,
  images: Images,
  block: Block,
  source: number,
  target: number,
  isOutput: boolean,
): void {
  const { operands, chunks } = tiledImages(team, tiling, images, block);
  team.run('cutTiles', { ...operands, source, target, isOutput: isOutput ? 1 : 0 }, chunks);
}

/** What the jobs on tiles have in common. */
function tiledImages(
  { threads }: Team,
  tiling: Tiling,
  { height, width, channels }: Images,
  { first, count }: Block,
) {
  const { plan, tileRows, tileColumns } = tiling;
  const pixelBytes = channels * BYTES;
  const rowBytes = width * pixelBytes;
  const tilesOfChunk = Math.ceil(count / (CHUNKS_OF_THREAD * threads));
  return {
    operands: {
      ...{ imageBytes: height * rowBytes, rowBytes, pixelBytes },
      ...{ groups: pixelBytes / GROUP_BYTES, tileRows, tileColumns },
      ...{ plan, first, count, tilesOfChunk, layerBytes: layerOf(tiling, channels) * BYTES },
    },
    chunks: Math.ceil(count / tilesOfChunk),
  };
}

/** @param size floats of a tap */
function transformTaps(
  team: Team,
  size: number,
  operands: Omit<ParametersOf<'transformTaps'>, 'groups' | 'groupsOfChunk'>,
): void {
  const groups = (size * BYTES) / GROUP_BYTES;
  const groupsOfChunk = Math.ceil(groups / (CHUNKS_OF_THREAD * team.threads));
  const chunks = Math.ceil(groups / groupsOfChunk);
  team.run('transformTaps', { ...operands, groups, groupsOfChunk }, chunks);
}
