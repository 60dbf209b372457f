/**
 * The transforms of a tiled convolution, cut into chunks for several threads. All operands are
 * addresses in the memory of the kernels; steps are in bytes. Shapes: tiles are numbered through
 * all images, row by row; of these, `count` from `first` on are done. Transformed, they are N
 * squared layers of [count, C], for channels in whole groups.
 */
import { defineJob } from './job.ts';
import { GROUP_BYTES, TILE_PLANS } from '../kernels/tile-kernels.ts';

const IMAGE_NAMES = [
  ...(['imageBytes', 'rowBytes', 'pixelBytes', 'groups'] as const),
  ...(['tileRows', 'tileColumns', 'first', 'count', 'tilesOfChunk', 'layerBytes', 'plan'] as const),
] as const;

type TiledImages = Readonly<Record<(typeof IMAGE_NAMES)[number], number>>;

/**
 * Images to layers: tiles of inputs, or with `isOutput` of the gradient of outputs. A chunk is some
 * tiles.
 */
export const cutTiles = defineJob(
  [...IMAGE_NAMES, 'source', 'target', 'isOutput'],
  (kernels, p, chunk) => {
    const { transformInput, transformOutputGradient } = kernels.tiles[p.plan]!;
    const cut = p.isOutput === 1 ? transformOutputGradient : transformInput;
    const [down, right] = [TILE_PLANS[p.plan]!.inputs * p.layerBytes, p.layerBytes];
    eachTile(p, chunk, (pixel, row) => {
      const target = p.target + row;
      cut(p.source + pixel, p.rowBytes, p.pixelBytes, target, down, right, p.groups);
    });
  },
);

/**
 * Layers of products to images: y = max(sum + bias, floor). A chunk is some tiles. A tile of which
 * a part lies outside goes first to the thread's own place in `spare`.
 */
export const joinTiles = defineJob(
  [
    ...[...IMAGE_NAMES, ...(['source', 'target', 'height', 'width'] as const)],
    ...(['biases', 'floor', 'spare', 'spareBytes'] as const),
  ],
  (kernels, p, chunk, thread) => {
    const { inputs, outputs } = TILE_PLANS[p.plan]!;
    const join = kernels.tiles[p.plan]!.transformProducts;
    const [down, right] = [inputs * p.layerBytes, p.layerBytes];
    eachTile(p, chunk, (pixel, row, y, x) => {
      const rows = Math.min(outputs, p.height - y);
      const columns = Math.min(outputs, p.width - x);
      const isWhole = rows === outputs && columns === outputs;
      const target = isWhole ? p.target + pixel : p.spare + thread * p.spareBytes;
      const rowBytes = isWhole ? p.rowBytes : outputs * p.pixelBytes;
      const ends = [p.source + row, down, right, target, rowBytes, p.pixelBytes] as const;
      join(...ends, p.groups, p.biases, p.floor);
      if (isWhole) return;
      for (let i = 0; i < rows; i += 1) {
        const to = p.target + pixel + i * p.rowBytes;
        kernels.copyBytes(to, target + i * rowBytes, columns * p.pixelBytes);
      }
    });
  },
);

/**
 * A filter's taps to layers, or with `isGradient` layers to the gradient of the taps. A chunk is
 * some groups.
 */
export const transformTaps = defineJob(
  [
    ...(['plan', 'isGradient', 'source', 'sourceRow', 'sourceColumn'] as const),
    ...(['target', 'targetRow', 'targetColumn', 'groups', 'groupsOfChunk'] as const),
  ],
  (kernels, p, chunk) => {
    const { transformFilter, transformFilterGradient } = kernels.tiles[p.plan]!;
    const transform = p.isGradient === 1 ? transformFilterGradient : transformFilter;
    const first = chunk * p.groupsOfChunk;
    const at = first * GROUP_BYTES;
    const groups = Math.min(p.groupsOfChunk, p.groups - first);
    const [source, target] = [p.source + at, p.target + at];
    transform(source, p.sourceRow, p.sourceColumn, target, p.targetRow, p.targetColumn, groups);
  },
);

/**
 * Calls with each tile's place: its first pixel's [bytes] in the images, its row's [bytes] in a
 * layer, and y and x [pixels].
 */
function eachTile(
  p: TiledImages,
  chunk: number,
  visit: (pixel: number, row: number, y: number, x: number) => void,
): void {
  const { outputs } = TILE_PLANS[p.plan]!;
  const begin = chunk * p.tilesOfChunk;
  const end = Math.min(p.count, begin + p.tilesOfChunk);
  for (let i = begin; i < end; i += 1) {
    const tile = p.first + i;
    const x = (tile % p.tileColumns) * outputs;
    const rowOfTiles = Math.floor(tile / p.tileColumns);
    const y = (rowOfTiles % p.tileRows) * outputs;
    const image = Math.floor(rowOfTiles / p.tileRows);
    const pixel = image * p.imageBytes + y * p.rowBytes + x * p.pixelBytes;
    visit(pixel, i * p.pixelBytes, y, x);
  }
}
