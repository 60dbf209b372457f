/** Whitens the features that a worker holds of a data shard, or makes them unit rows as they are. */
import { normaliseRows } from '../clustering/odc/mixing.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { whiteningFromArrays } from '../run/whitening-arrays.ts';
import { shardKey, type WorkKind } from './kind.ts';

export type ProjectWork = { readonly kind: 'project'; readonly shard: number };

export interface ProjectOrder {
  readonly shard: number;
  /** Null: there is no PCA. */
  readonly whiteningArtifact: string | null;
}

export interface Projected {
  readonly rows: number;
}

export const project: WorkKind<ProjectWork, ProjectOrder, Projected> = {
  name: 'project',
  phase: 'project',
  timedAs: 'pca',
  needs: 'extracted',
  makes: 'projected',
  readsImages: false,
  isBackedUp: false,
  key: shardKey,

  encodeOrder: ({ shard, whiteningArtifact }) =>
    encodeBody(wire.Project, { shard, whiteningArtifact: whiteningArtifact ?? '' }),
  decodeOrder: (body) => {
    const { shard, whiteningArtifact: name } = decodeBody('project', wire.Project, body);
    return { shard, whiteningArtifact: name === '' ? null : name };
  },

  prepare: ({ whiteningArtifact }, _ids, { artifact }) => {
    if (whiteningArtifact !== null) artifact(whiteningArtifact).catch(() => undefined);
  },

  perform: async ({ shard, whiteningArtifact }, ids, { held, artifact, advance }) => {
    const resident = held.of(ids.epoch, shard, false);
    const rows = resident.ids.length;
    if (whiteningArtifact === null) {
      const features = normaliseRows(resident.features, resident.dim);
      held.hold(ids, { ...resident, features, isProjected: true });
      return { rows };
    }
    const whitening = whiteningFromArrays(await artifact(whiteningArtifact));
    const kernels = held.kernelsFor(rows);
    const features = kernels.project(whitening, resident.features, rows, advance);
    held.hold(ids, { ...resident, features, dim: whitening.outDim, isProjected: true });
    return { rows };
  },

  encodeResult: ({ rows }) => ({ header: { samples: rows } }),
  decodeResult: ({ header }) => ({ rows: header.samples }),
};
