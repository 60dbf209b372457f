/** Solves the PCA of all images' features from their merged moments, on one worker. */
import type { Whitening } from '../clustering/whitening.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { whiteningFromArrays, whiteningToArrays } from '../run/whitening-arrays.ts';
import { momentsFromArrays } from './artifacts.ts';
import type { WorkKind } from './kind.ts';

export type SolvePcaWork = { readonly kind: 'solvePca' };

export interface SolvePcaOrder {
  /** The merged moments. */
  readonly momentsArtifact: string;
}

export const solvePca: WorkKind<SolvePcaWork, SolvePcaOrder, Whitening> = {
  name: 'solvePca',
  phase: 'pca',
  timedAs: 'pca',
  needs: 'none',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  key: ({ kind }) => kind,

  encodeOrder: (order) => encodeBody(wire.SolvePca, order),
  decodeOrder: (body) => decodeBody('solvePca', wire.SolvePca, body),

  perform: async ({ momentsArtifact }, _ids, { config, clustering, artifact, advance, logger }) => {
    const { pcaDim: outDim, pcaEpsilon: epsilon } = config.clustering;
    return clustering.solve(momentsFromArrays(await artifact(momentsArtifact)), {
      outDim,
      epsilon,
      onProgress: advance,
      onFallback: (reason) => {
        logger.warn('pca.solved-densely', { reason });
      },
    });
  },

  encodeResult: (whitening) => ({ arrays: whiteningToArrays(whitening) }),
  decodeResult: ({ arrays }) => whiteningFromArrays(arrays),
};
