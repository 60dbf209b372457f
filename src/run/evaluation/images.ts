/** Which images an evaluation looks at, and what both networks make of them. */
import type { ImageSource } from '../../data/source/source.ts';
import type { UnreadableImage } from '../../data/source/unreadable.ts';
import { dataUnreadable } from '../../errors.ts';
import { membersByClass, stratifiedSplit, type SplitOptions } from '../../evaluation/split.ts';
import { gather } from '../../math/matrix.ts';
import { seededRng, shuffleInPlace } from '../../math/rng.ts';
import type { OpenedRun } from '../open-run.ts';
import type { Evaluated, NetworkFeatures } from './evaluated.ts';
import type { Pass, Wanted } from './networks.ts';
import type { Compared } from './report.ts';

export interface ChosenImages {
  /** Ascending. */
  readonly ids: Int32Array;
  /**
   * Whether they have classes, and at least one of them two images: one to learn from, and one to
   * test on.
   */
  readonly hasClasses: boolean;
}

/**
 * At most `maxImages`: by the run's own split where there are classes, as at the end of the run;
 * else drawn by its seed.
 */
export function chosenImages(
  { truth, count }: ImageSource,
  { config: { seed, evaluation } }: OpenedRun,
  maxImages: number,
): ChosenImages {
  if (truth !== null) {
    const { labels } = truth;
    const split = { labels, testFraction: evaluation.testFraction, maxImages, seed };
    const { train, test } = stratifiedSplit(split);
    if (test.length > 0) {
      return { ids: Int32Array.from([...train, ...test]).sort(), hasClasses: true };
    }
  }
  const ids = Int32Array.from({ length: count }, (_, id) => id);
  return { ids: drawnImages(ids, maxImages, seed), hasClasses: false };
}

/**
 * @param perClass images of each class that are to be drawn from those to learn from
 * @throws TrainerError DATA_UNREADABLE where a class has fewer
 */
export function requirePerClass(
  { labels, names }: NonNullable<Evaluated['truth']>,
  perClass: readonly number[],
  { images, ...split }: Omit<SplitOptions, 'labels'> & { readonly images: string },
): void {
  const { train } = stratifiedSplit({ ...split, labels });
  const sizes = membersByClass(gather(labels, train)).map(({ length }) => length);
  // A class that none of the images is in is in no draw.
  const fewest = Math.min(...sizes.filter((size) => size > 0));
  const most = Math.max(0, ...perClass);
  if (most <= fewest) return;
  const name = names[sizes.indexOf(fewest)];
  throw dataUnreadable(
    images,
    `class ${name} has ${fewest} to learn from, and ${most} of each class are asked for`,
    `lower --per-class to ${fewest}, or name more images`,
  );
}

/** Some of the images, in their order. */
export function drawnImages(ids: Int32Array, most: number, seed: number): Int32Array {
  if (ids.length <= most) return ids;
  const shuffled = ids.slice();
  shuffleInPlace(shuffled, seededRng(seed, 'evaluated images'));
  return shuffled.slice(0, most).sort();
}

export interface FeaturesOfImages {
  /** [m] of the rows. */
  readonly ids: Int32Array;
  readonly features: Compared<NetworkFeatures>;
  /** [m, P]; empty where they were not asked for. */
  readonly pixels: Float32Array;
  readonly unreadable: readonly UnreadableImage[];
}

/**
 * Representations and features of both networks in one pass over the images.
 * @param pixels numbers of the raw pixels of a view; 0 leaves them out
 */
export async function featuresOf(
  { spec, networks }: Pick<Evaluated, 'spec' | 'networks'>,
  pass: Pass,
  pixels = 0,
): Promise<FeaturesOfImages> {
  const { featureLayer, featureDim, representationLayer, representationDim } = spec;
  const hasNeck = featureLayer !== representationLayer;
  const wanted = (['trained', 'random'] as const).flatMap((network): Wanted[] => [
    { network, output: 'representation', width: representationDim },
    ...(hasNeck ? [{ network, output: 'feature', width: featureDim } as const] : []),
  ]);
  const raw: Wanted = { network: 'trained', output: 'pixels', width: pixels };
  const outputs = await networks.outputs(pass, pixels > 0 ? [...wanted, raw] : wanted);
  const { ids, rows, unreadable } = outputs;
  const [first, second, third, fourth] = rows as [Float32Array, Float32Array, ...Float32Array[]];
  const features: Compared<NetworkFeatures> = hasNeck
    ? {
        trained: { representation: first, feature: second },
        random: { representation: third!, feature: fourth! },
      }
    : {
        trained: { representation: first, feature: first },
        random: { representation: second, feature: second },
      };
  return { ids, features, pixels: rows[wanted.length] ?? new Float32Array(0), unreadable };
}
