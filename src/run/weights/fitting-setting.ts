/** The one setting by which a file of weights would be of the run's network, if there is one. */
import type { RunConfig } from '../../config/schema.ts';
import { describeModel, type ModelSpec } from '../../nn/architectures.ts';
import { SMALLEST_IMAGE } from '../../nn/config.ts';
import { pytorchShape } from '../../nn/pytorch-names.ts';
import type { GivenArray } from './weights-file.ts';

/** Sides of images that networks are trained on [px], the usual one first. */
const SIDES = [224, 32, 48, 64, 96, 112, 128, 160, 192, 256, 299, 384];

/** Advice for a person, as the end of a sentence; null: no single setting does. */
export function fittingSetting(
  { model, data, clustering }: Pick<RunConfig, 'model' | 'data' | 'clustering'>,
  { sobel }: Pick<ModelSpec, 'sobel'>,
  arrays: ReadonlyMap<string, GivenArray>,
): string | null {
  const fits = (own: typeof model, side: number): boolean => {
    if (side < SMALLEST_IMAGE[own.architecture]) return false;
    const { layout } = describeModel(own, side, clustering.k);
    return layout.variables.every(({ name, shape }) => {
      const given = arrays.get(name);
      return given === undefined || given.shape.join() === pytorchShape(shape).join();
    });
  };
  // Then something is missing.
  if (fits(model, data.imageSize)) return null;
  if (fits({ ...model, sobel: !sobel }, data.imageSize)) {
    const sees = sobel ? 'it sees colours' : "it sees Sobel's two maps";
    return `${sees}, add --set model.sobel=${!sobel}`;
  }
  const side = SIDES.find((candidate) => fits(model, candidate));
  if (side === undefined) return null;
  return `its images had another size, add --set data.imageSize=${side}`;
}
