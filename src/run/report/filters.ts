/** The filters of a network's first layer as a picture, where the layer sees colours. */
import { encodePng, type Picture } from '../../data/pixels/sprites.ts';
import type { ParameterLayout } from '../../ps/layout.ts';
import type { FilterPicture } from '../../report/report-data.ts';

export interface NetworkNumbers {
  readonly layout: ParameterLayout;
  /** [layout.parameterCount] float32 */
  readonly parameters: Float32Array;
}

/** Width of the picture, and of a filter in it, at most [CSS px]. */
const WIDTH = 960;
const FILTER_WIDTH = 44;

/** The filters side by side, a pixel for each of their weights. */
export interface DrawnFilters extends Picture {
  /** Name of the layer's variable. */
  readonly layer: string;
  readonly count: number;
  /** Of a filter [px]. */
  readonly side: number;
  /** Filters in a full row. */
  readonly columns: number;
}

/**
 * As PNG with transparency. Null for a first layer that is no convolution, or sees something else
 * than three colours.
 */
export async function drawFilters({
  layout,
  parameters,
}: NetworkNumbers): Promise<DrawnFilters | null> {
  const first = layout.variables[0];
  if (first?.shape.length !== 4 || first.shape[2] !== 3) return null;
  const [side = 0, breadth = 0, , count = 0] = first.shape;
  if (side !== breadth) return null;
  const values = parameters.subarray(first.offset, first.offset + first.size);
  const columns = Math.min(count, Math.floor(WIDTH / FILTER_WIDTH));
  const { rgba, width, height } = tiledFilters(values, side, count, columns);
  const encoded = await encodePng(rgba, width, height);
  return { encoded, width, height, layer: first.name, count, side, columns };
}

/** The same as it stands in a page. */
export async function filterPicture(network: NetworkNumbers): Promise<FilterPicture | null> {
  const drawn = await drawFilters(network);
  if (drawn === null) return null;
  const { encoded, columns, layer, count, side } = drawn;
  return {
    dataUri: `data:image/png;base64,${encoded.toString('base64')}`,
    width: columns * FILTER_WIDTH,
    ...{ layer, count, side },
  };
}

/**
 * Filters side by side with a transparent pixel after each, their values stretched from lowest to
 * highest over 0 to 255.
 * @param values [side, side, 3, count]
 */
export function tiledFilters(
  values: Float32Array,
  side: number,
  count: number,
  columns: number,
): { readonly rgba: Uint8Array; readonly width: number; readonly height: number } {
  const step = side + 1;
  const width = columns * step;
  const height = Math.ceil(count / columns) * step;
  const rgba = new Uint8Array(width * height * 4);
  for (let filter = 0; filter < count; filter += 1) {
    const own = Float32Array.from(
      { length: side * side * 3 },
      (_, i) => values[i * count + filter]!,
    );
    const low = own.reduce((least, value) => Math.min(least, value), Infinity);
    const high = own.reduce((most, value) => Math.max(most, value), -Infinity);
    const left = (filter % columns) * step;
    const top = Math.floor(filter / columns) * step;
    own.forEach((value, i) => {
      const pixel = Math.floor(i / 3);
      const x = left + (pixel % side);
      const y = top + Math.floor(pixel / side);
      const at = (y * width + x) * 4;
      rgba[at + (i % 3)] = Math.round((255 * (value - low)) / (high - low || 1));
      rgba[at + 3] = 255;
    });
  }
  return { rgba, width, height };
}
