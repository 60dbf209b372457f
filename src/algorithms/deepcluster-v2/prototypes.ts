/**
 * The prototypes of an epoch as they travel from the coordinator to the workers. Shapes: H heads, K
 * clusters, d columns.
 */
import { arrayOf } from '../../arrays/bundle.ts';
import type { NamedArrays } from '../../arrays/safetensors.ts';
import { protocolViolation } from '../../errors.ts';

/** Family of the artifacts' names. */
export const PROTOTYPES_ARTIFACT = 'prototypes';

/** @param epoch whose clusterings they are of */
export function prototypesArtifact(epoch: number): string {
  return `${PROTOTYPES_ARTIFACT}/${epoch}`;
}

/** @param values [H, K, d] */
export function prototypesToBundle(values: Float32Array): NamedArrays {
  return { prototypes: { data: values, shape: [values.length] } };
}

/** @throws TrainerError PROTOCOL_VIOLATION for another number of them */
export function prototypesFromBundle(bundle: NamedArrays, count: number): Float32Array {
  const values = arrayOf(bundle, 'prototypes', Float32Array);
  if (values.length === count) return values;
  throw protocolViolation(
    'prototypes',
    `${count} numbers`,
    values.length,
    'run the same release on every process',
  );
}
