/** A whitening as the bundle of arrays in which it travels, and is kept in checkpoints. */
import { arrayOf } from '../arrays/bundle.ts';
import type { NamedArrays } from '../arrays/safetensors.ts';
import type { Whitening } from '../clustering/whitening.ts';

export function whiteningToArrays(whitening: Whitening): NamedArrays {
  const { inDim, outDim, mean, components, eigenvalues } = whitening;
  return {
    'whitening-mean': { data: mean, shape: [inDim] },
    'whitening-components': { data: components, shape: [outDim, inDim] },
    'whitening-eigenvalues': { data: eigenvalues, shape: [outDim] },
  };
}

/** Whether a clustering's arrays have one: without PCA there is none. */
export function holdsWhitening(arrays: NamedArrays): boolean {
  return 'whitening-components' in arrays;
}

/** @throws TrainerError PROTOCOL_VIOLATION for a bundle that is not one */
export function whiteningFromArrays(arrays: NamedArrays): Whitening {
  const mean = arrayOf(arrays, 'whitening-mean', Float64Array);
  const eigenvalues = arrayOf(arrays, 'whitening-eigenvalues', Float64Array);
  return {
    inDim: mean.length,
    outDim: eigenvalues.length,
    mean,
    components: arrayOf(arrays, 'whitening-components', Float64Array),
    eigenvalues,
  };
}
