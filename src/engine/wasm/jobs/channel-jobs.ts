/**
 * The passes of batch norm and max pooling, cut into chunks for several threads. All operands are
 * addresses in the memory of the kernels. Shapes: N rows of C channels; of the channels, whole
 * groups of GROUP are done here.
 */
import { GROUP } from '../kernels/channel-kernels.ts';
import { defineJob } from './job.ts';

const BYTES = Float32Array.BYTES_PER_ELEMENT;
/** Sums of a group: of a and of a b, in float64. */
export const SUM_BYTES_OF_GROUP = 2 * GROUP * Float64Array.BYTES_PER_ELEMENT;

/**
 * Rows that are read for all channels before the next ones: they stay in the second-level cache.
 */
const ROW_BLOCK = 256;

/** Column sums of some rows, to a place of the chunk's own. @see AddColumnSums */
export const sumColumns = defineJob(
  ['a', 'b', 'y', 'masked', 'channels', 'rows', 'rowsOfChunk', 'sums'],
  (kernels, p, chunk) => {
    const groups = Math.floor(p.channels / GROUP);
    const rowBytes = p.channels * BYTES;
    const sums = p.sums + chunk * groups * SUM_BYTES_OF_GROUP;
    const add = p.masked === 1 ? kernels.addOpenColumnSums : kernels.addColumnSums;
    const end = Math.min(p.rows, (chunk + 1) * p.rowsOfChunk);
    kernels.clearBytes(sums, groups * SUM_BYTES_OF_GROUP);
    for (let row = chunk * p.rowsOfChunk; row < end; row += ROW_BLOCK) {
      const at = row * rowBytes;
      const rows = Math.min(ROW_BLOCK, end - row);
      add(p.a + at, p.b + at, p.y + at, rowBytes, rows, sums, groups);
    }
  },
);

/** y = max(scale x + shift, floor). A chunk is some rows. */
export const scaleColumns = defineJob(
  ['x', 'y', 'channels', 'rows', 'rowsOfChunk', 'scale', 'shift', 'floor'],
  (kernels, p, chunk) => {
    const begin = chunk * p.rowsOfChunk;
    const at = begin * p.channels * BYTES;
    const rows = Math.min(p.rows - begin, p.rowsOfChunk);
    const [groups, gap] = [Math.floor(p.channels / GROUP), (p.channels % GROUP) * BYTES];
    kernels.scaleRows(p.x + at, p.y + at, rows, groups, gap, p.scale, p.shift, p.floor);
  },
);

/** dx = a dy + (b x + shift). A chunk is some rows. */
export const blendColumns = defineJob(
  ['dy', 'y', 'masked', 'x', 'dx', 'channels', 'rows', 'rowsOfChunk', 'a', 'b', 'shift'],
  (kernels, p, chunk) => {
    const begin = chunk * p.rowsOfChunk;
    const at = begin * p.channels * BYTES;
    const rows = Math.min(p.rows - begin, p.rowsOfChunk);
    const [groups, gap] = [Math.floor(p.channels / GROUP), (p.channels % GROUP) * BYTES];
    const blend = p.masked === 1 ? kernels.blendOpenRows : kernels.blendRows;
    const [dy, y, x, dx] = [p.dy + at, p.y + at, p.x + at, p.dx + at];
    blend(dy, y, x, dx, rows, groups, gap, p.a, p.b, p.shift);
  },
);

const POOL_NAMES = [
  ...(['x', 'y', 'inHeight', 'inWidth', 'channels', 'outHeight', 'outWidth'] as const),
  ...(['window', 'windowWidth', 'stride', 'strideWidth', 'top', 'left'] as const),
] as const;

type Pool = Readonly<Record<(typeof POOL_NAMES)[number], number>>;

/** Max pooling. A chunk is one row of pooled pixels of one image. */
export const poolRow = defineJob(POOL_NAMES, (kernels, p, chunk) => {
  eachWindow(p, chunk, (y, x, rows, columns) => {
    const gap = (p.inWidth - columns) * p.channels * BYTES;
    const groups = Math.floor(p.channels / GROUP);
    kernels.takeLargest(p.x + x, p.y + y, rows, columns, gap, p.channels * BYTES, groups);
  });
});

/** The way back. A chunk is one image: windows of neighbouring rows overlap. */
export const poolGradient = defineJob([...POOL_NAMES, 'dy', 'dx'], (kernels, p, chunk) => {
  const imageBytes = p.inHeight * p.inWidth * p.channels * BYTES;
  const groups = Math.floor(p.channels / GROUP);
  kernels.clearBytes(p.dx + chunk * imageBytes, imageBytes);
  if (groups === 0) return;
  for (let row = 0; row < p.outHeight; row += 1) {
    eachWindow(p, chunk * p.outHeight + row, (y, x, rows, columns) => {
      const gap = (p.inWidth - columns) * p.channels * BYTES;
      const [dy, dx, step] = [p.dy + y, p.dx + x, p.channels * BYTES];
      kernels.routeToFirst(p.y + y, dy, p.x + x, dx, rows, columns, gap, step, groups);
    });
  }
});

/**
 * Calls with the offsets [bytes] of each pooled pixel in a row and of its window, as far as it lies
 * in the image.
 */
function eachWindow(
  p: Pool,
  row: number,
  visit: (y: number, x: number, rows: number, columns: number) => void,
): void {
  const image = Math.floor(row / p.outHeight);
  const top = (row % p.outHeight) * p.stride - p.top;
  const y0 = Math.max(0, top);
  const rows = Math.min(p.inHeight, top + p.window) - y0;
  for (let column = 0; column < p.outWidth; column += 1) {
    const left = column * p.strideWidth - p.left;
    const x0 = Math.max(0, left);
    const columns = Math.min(p.inWidth, left + p.windowWidth) - x0;
    const pixel = (image * p.inHeight + y0) * p.inWidth + x0;
    const pooled = (row * p.outWidth + column) * p.channels * BYTES;
    visit(pooled, pixel * p.channels * BYTES, rows, columns);
  }
}
