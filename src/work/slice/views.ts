/** Views of a unit's slices: made while the slices before them are computed. */
import type { AlgorithmWork, SmallCrops } from '../../algorithms/work.ts';
import { requireReadable } from '../../data/source/images-unreadable.ts';
import type { UnreadableImage } from '../../data/source/unreadable.ts';
import { drawnViews } from '../../data/loader/drawn-views.ts';
import type { LoadedViews } from '../../data/loader/loader.ts';
import type { SliceName, SliceSamples, SmallViews, ViewTools, WorkTools } from '../tools.ts';

/** A batch of a slice whose views are wanted. */
export interface NamedSlice {
  readonly name: SliceName;
  readonly samples: SliceSamples;
}

/** Views of one slice. */
export interface SliceViews {
  readonly pixels: Uint8Array;
  /** Undefined where the algorithm has none. */
  readonly small: SmallViews | undefined;
  readonly damaged: readonly UnreadableImage[];
}

export interface ViewMaker {
  readonly views: ViewTools;
  readonly algorithm: Pick<AlgorithmWork, 'crops' | 'smallCrops'>;
}

/** Begins what is not begun yet. */
export function beginViews(slice: NamedSlice, maker: ViewMaker): void {
  largeViews(slice, maker).catch(() => undefined);
  smallViews(slice, maker)?.views.catch(() => undefined);
}

/**
 * @param others of the unit, whose views are asked for where an image of this one cannot be read,
 *   so that one decision is of all
 * @throws ImagesUnreadable
 */
export async function viewsOf(
  slice: NamedSlice,
  others: readonly NamedSlice[],
  tools: WorkTools,
): Promise<SliceViews> {
  const { pixels, damaged } = await readable(largeViews(slice, tools), others, tools);
  const waited = smallViews(slice, tools);
  if (waited === null) return { pixels, small: undefined, damaged };
  const { pixels: images } = await readable(waited.views, others, tools);
  const { count: crops, size } = waited.crops;
  const { batchNormMomentum } = tools.config.training;
  return { pixels, small: { images, crops, size, batchNormMomentum }, damaged };
}

async function readable(
  wanted: Promise<LoadedViews>,
  others: readonly NamedSlice[],
  tools: WorkTools,
): Promise<LoadedViews> {
  const views = await tools.times.views(wanted);
  if (views.unreadable.length > 0) {
    requireReadable(await withOthers(views.unreadable, others, tools));
  }
  return views;
}

function largeViews({ name, samples }: NamedSlice, maker: ViewMaker): Promise<LoadedViews> {
  return maker.views.ofSlice(name, drawnViews(samples, maker.algorithm.crops));
}

/** Null where the algorithm has none. */
function smallViews(
  { name, samples }: NamedSlice,
  { views, algorithm: { smallCrops: crops } }: ViewMaker,
): { readonly crops: SmallCrops; readonly views: Promise<LoadedViews> } | null {
  if (crops === null) return null;
  const draws = drawnViews(samples, crops.count);
  return { crops, views: views.smallOfSlice(name, draws, crops) };
}

/** Each image once. */
async function withOthers(
  unreadable: readonly UnreadableImage[],
  others: readonly NamedSlice[],
  tools: WorkTools,
): Promise<UnreadableImage[]> {
  const images = new Map(unreadable.map((image) => [image.id, image]));
  for (const other of others) {
    const found = await largeViews(other, tools);
    tools.views.letGo(other.name);
    for (const image of found.unreadable) images.set(image.id, image);
  }
  return [...images.values()];
}
