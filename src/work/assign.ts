/** Labels a data shard's images by their nearest centroids. */
import { arrayOf, numberArray, numberOf } from '../arrays/bundle.ts';
import type { NamedArrays } from '../arrays/safetensors.ts';
import { besidesOwn, nearestTwo, type RowMetric } from '../clustering/nearest-two.ts';
import { protocolViolation } from '../errors.ts';
import { gather } from '../math/matrix.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { centroidsFromArrays, labelsFromArrays } from './artifacts.ts';
import { shardKey, type WorkKind } from './kind.ts';

export type AssignWork = { readonly kind: 'assign'; readonly shard: number };

export interface AssignOrder {
  readonly shard: number;
  readonly centroidsArtifact: string;
  /**
   * By what the final clusters are told apart, in which case the result has its details; null: the
   * nearest centroid, and nothing besides.
   */
  readonly finalMetric: RowMetric | null;
  /**
   * Clusters that all images have already, whose details are asked for; null: the nearest
   * centroid's.
   */
  readonly labelsArtifact: string | null;
}

/** What is known of the images' clusters at the end of a run. */
export interface AssignmentDetails {
  /** [n] float32 distance to the centroid of the own cluster. */
  readonly distances: Float32Array;
  /** [n] the cluster that comes next; -1 where there is none. */
  readonly seconds: Int32Array;
  /** [n] float32 distance to its centroid; NaN where there is none. */
  readonly secondDistances: Float32Array;
}

export interface AssignedShard {
  /** [n] image ids. */
  readonly ids: Int32Array;
  /** [n] */
  readonly labels: Int32Array;
  /** Sum of squared distances to the own centroid. */
  readonly inertia: number;
  readonly details: AssignmentDetails | null;
}

export const assign: WorkKind<AssignWork, AssignOrder, AssignedShard> = {
  name: 'assign',
  phase: 'assign',
  timedAs: 'kmeans',
  needs: 'projected',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  key: shardKey,

  encodeOrder: ({ finalMetric, labelsArtifact, ...order }) =>
    encodeBody(wire.Assign, {
      ...order,
      finalMetric: finalMetric ?? '',
      labelsArtifact: labelsArtifact ?? '',
    }),
  decodeOrder: (body) => {
    const { finalMetric, labelsArtifact, ...order } = decodeBody('assign', wire.Assign, body);
    return {
      ...order,
      finalMetric: requireMetric(finalMetric),
      labelsArtifact: labelsArtifact === '' ? null : labelsArtifact,
    };
  },

  prepare: ({ centroidsArtifact, labelsArtifact }, _ids, { artifact }) => {
    artifact(centroidsArtifact).catch(() => undefined);
    if (labelsArtifact !== null) artifact(labelsArtifact).catch(() => undefined);
  },

  perform: async (order, { epoch }, { held, artifact, advance }) => {
    const { shard, centroidsArtifact, finalMetric, labelsArtifact } = order;
    const values = centroidsFromArrays(await artifact(centroidsArtifact));
    const known = labelsArtifact === null ? null : labelsFromArrays(await artifact(labelsArtifact));
    const resident = held.of(epoch, shard, true);
    const { ids, features, dim } = resident;
    const k = values.length / dim;
    if (finalMetric === null) {
      return { ids, ...held.rowsToCluster(resident).assign(values, k, advance), details: null };
    }
    const centroids = { values, clusters: k, dim };
    const found =
      known === null
        ? nearestTwo(features, centroids, finalMetric, advance)
        : besidesOwn(features, gather(known, ids), centroids, finalMetric, advance);
    const { first: labels, second: seconds, distances, secondDistances, inertia } = found;
    return { ids, labels, inertia, details: { distances, seconds, secondDistances } };
  },

  encodeResult: ({ ids, labels, inertia, details }) => ({
    arrays: {
      ids: vector(ids),
      labels: vector(labels),
      inertia: numberArray(inertia),
      ...(details === null ? {} : detailsToArrays(details)),
    },
  }),
  decodeResult: ({ arrays }) => ({
    ids: arrayOf(arrays, 'ids', Int32Array),
    labels: arrayOf(arrays, 'labels', Int32Array),
    inertia: numberOf(arrays, 'inertia'),
    details: arrays['distances'] === undefined ? null : detailsFromArrays(arrays),
  }),
};

/** Of images of which nothing is known yet. */
export function noDetails(images: number): AssignmentDetails {
  return {
    distances: new Float32Array(images).fill(NaN),
    seconds: new Int32Array(images).fill(-1),
    secondDistances: new Float32Array(images).fill(NaN),
  };
}

/** Those of a data shard to their places among all images. */
export function scatterDetails(
  found: AssignmentDetails,
  ids: Int32Array,
  { distances, seconds, secondDistances }: AssignmentDetails,
): void {
  ids.forEach((id, i) => {
    distances[id] = found.distances[i]!;
    seconds[id] = found.seconds[i]!;
    secondDistances[id] = found.secondDistances[i]!;
  });
}

export function detailsToArrays(details: AssignmentDetails): NamedArrays {
  return {
    distances: vector(details.distances),
    seconds: vector(details.seconds),
    'second-distances': vector(details.secondDistances),
  };
}

/** @throws TrainerError PROTOCOL_VIOLATION */
export function detailsFromArrays(arrays: NamedArrays): AssignmentDetails {
  return {
    distances: arrayOf(arrays, 'distances', Float32Array),
    seconds: arrayOf(arrays, 'seconds', Int32Array),
    secondDistances: arrayOf(arrays, 'second-distances', Float32Array),
  };
}

function vector(data: Int32Array | Float32Array): NamedArrays[string] {
  return { data, shape: [data.length] };
}

function requireMetric(metric: string): RowMetric | null {
  if (metric === '') return null;
  if (metric === 'distance' || metric === 'dot' || metric === 'cosine') return metric;
  const remedy = 'run the same release on every process';
  throw protocolViolation(
    'metric of the final clusters',
    'distance, dot or cosine',
    metric,
    remedy,
  );
}
