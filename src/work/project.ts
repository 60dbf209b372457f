/**
 * Whitens the features that a worker holds of a data shard, or makes them unit rows as they are.
 */
import { normaliseRows } from '../clustering/odc/mixing.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { whiteningFromArrays } from '../run/whitening-arrays.ts';
import { shardKey, type WorkKind } from './kind.ts';
import type { ResidentShard } from './tools.ts';

export type ProjectWork = { readonly kind: 'project'; readonly shard: number };

export interface ProjectOrder {
  readonly shard: number;
  /** Null: there is no PCA. */
  readonly whiteningArtifact: string | null;
  /** Null: the whole row as one; of rows of a PCA always. */
  readonly parts: RowParts | null;
}

/** Rows of several unit rows, one behind the other. */
export interface RowParts {
  readonly count: number;
  /** The one that is taken; null: all of them. */
  readonly taken: number | null;
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

  encodeOrder: ({ shard, whiteningArtifact, parts }) =>
    encodeBody(wire.Project, {
      ...{ shard, whiteningArtifact: whiteningArtifact ?? '' },
      ...{ parts: parts?.count ?? 0, part: parts?.taken ?? -1 },
    }),
  decodeOrder: (body) => {
    const order = decodeBody('project', wire.Project, body);
    const { shard, whiteningArtifact: name, parts: count, part } = order;
    return {
      shard,
      whiteningArtifact: name === '' ? null : name,
      parts: count === 0 ? null : { count, taken: part < 0 ? null : part },
    };
  },

  prepare: ({ whiteningArtifact }, _ids, { artifact }) => {
    if (whiteningArtifact !== null) artifact(whiteningArtifact).catch(() => undefined);
  },

  perform: async ({ shard, whiteningArtifact, parts }, ids, { held, artifact, advance }) => {
    const resident = held.of(ids.epoch, shard, false);
    const rows = resident.ids.length;
    if (whiteningArtifact === null) {
      held.hold(ids, { ...resident, ...unitRows(resident, parts), isProjected: true });
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

/** The rows, or of each a part, with every part of length 1. */
export function unitRows(
  { features, dim }: Pick<ResidentShard, 'features' | 'dim'>,
  parts: RowParts | null,
): Pick<ResidentShard, 'features' | 'dim'> {
  if (parts === null) return { features: normaliseRows(features, dim), dim };
  const width = dim / parts.count;
  const { taken } = parts;
  if (taken === null) return { features: normaliseRows(features, width), dim };
  const own = new Float32Array((features.length / dim) * width);
  for (let row = 0; row * dim < features.length; row += 1) {
    const begin = row * dim + taken * width;
    own.set(features.subarray(begin, begin + width), row * width);
  }
  return { features: normaliseRows(own, width), dim: width };
}
