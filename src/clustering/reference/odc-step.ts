/**
 * Online Deep Clustering in one process: memory, clusters and a step in the order in which a run takes it. The distributed run is
 * composed of the same parts; this is what it must agree with. Source: spec of ODC, sections 5, 6 and 11.
 *
 * A checkpoint holds all of it as named arrays. Sums could be made again from rows and pseudo-labels; the published centroids
 * could not, as they are up to an interval old.
 */
import { arrayOf } from '../../arrays/bundle.ts';
import type { NamedArray, NamedArrays } from '../../arrays/safetensors.ts';
import { gatherRows } from '../../math/matrix.ts';
import { normaliseRows } from '../odc/mixing.ts';
import {
  OdcClusters,
  initialClusters,
  type OdcCommitOutcome,
  type OdcSettings,
} from '../odc/clusters.ts';
import { SampleMemory, type SampleRange, type SliceRows } from '../odc/sample-memory.ts';
import { SampleParts } from '../odc/sample-parts.ts';
import { answerLocally, type SmallClusterCounts } from '../odc/small-clusters.ts';
import { sumRows } from '../odc/cluster-sums.ts';

/** What a slice's worker needs besides its images. */
export interface OdcOrder {
  readonly step: number;
  /** [n] targets of the loss: as they were before the step. */
  readonly pseudoLabels: Int32Array;
  /** [n, d] memory rows to mix into, as they were before the step. */
  readonly rows: Float32Array;
  /** Of the centroids to assign by. */
  readonly centroidVersion: number;
}

/** For a checkpoint; the arrays are those of the live state, to be written out before the next step. */
export interface OdcSnapshot {
  readonly arrays: NamedArrays;
  readonly counters: { readonly step: number; readonly centroidVersion: number };
}

export class OdcState {
  readonly settings: OdcSettings;
  readonly clusters: OdcClusters;
  readonly memory: SampleParts;

  /** The memory and the clusters must be at the same step. */
  constructor(settings: OdcSettings, clusters: OdcClusters, memory: SampleParts) {
    this.settings = settings;
    this.clusters = clusters;
    this.memory = memory;
  }

  /** What to send with the ids of a slice. */
  orderFor(ids: Int32Array): OdcOrder {
    return {
      step: this.clusters.step,
      pseudoLabels: this.memory.pseudoLabelsOf(ids),
      rows: this.memory.rowsOf(ids),
      centroidVersion: this.clusters.centroidMemory.version,
    };
  }

  /** All slices of a step take effect, once: a step that comes again changes nothing. */
  commit(step: number, slices: readonly SliceRows[]): OdcCommitOutcome {
    const { kind, change } = this.memory.apply(step, slices);
    if (kind === 'duplicate') return { kind };
    const outcome = answerLocally(this.clusters.commit(step, change), (ids) =>
      this.memory.rowsOf(ids),
    );
    if (outcome.kind === 'applied')
      this.memory.relabel(step, outcome.movedIds, outcome.movedLabels);
    return outcome;
  }

  /** Recomputes the cluster sums from the rows. */
  recomputeSums(): Float64Array {
    const { clusters, dim } = this.settings;
    const sums = new Float64Array(clusters * dim);
    for (const part of this.memory.parts) {
      const { rows, pseudoLabels } = part.snapshot();
      sumRows(rows, pseudoLabels, clusters, dim, sums);
    }
    return sums;
  }

  snapshot(): OdcSnapshot {
    const { clusters, dim } = this.settings;
    const { step, pseudoLabels, centroids } = this.clusters.snapshot();
    const arrays: Record<string, NamedArray> = {
      pseudoLabels: { data: pseudoLabels, shape: [pseudoLabels.length] },
      clusterSums: { data: centroids.sums, shape: [clusters, dim] },
      publishedCentroids: { data: centroids.published, shape: [clusters, dim] },
    };
    this.memory.parts.forEach((part, i) => {
      const { rows, pseudoLabels: labels } = part.snapshot();
      arrays[`memoryRows.${i}`] = { data: rows, shape: [labels.length, dim] };
    });
    return { arrays, counters: { step, centroidVersion: centroids.version } };
  }
}

/**
 * Begins from the features of the initial pass and the pseudo-labels of its k-means; clusters that are empty get a part of the
 * largest ones.
 * @param features [N, d] of any length
 * @param pseudoLabels [N], -1 for a sample without a feature
 * @param ranges of the memory's parts
 * @throws TrainerError CONFIG_INVALID for more clusters than samples, SHAPE_MISMATCH
 */
export function beginOdc(
  settings: OdcSettings,
  features: Float32Array,
  pseudoLabels: Int32Array,
  ranges: readonly SampleRange[],
): { state: OdcState; filled: SmallClusterCounts } {
  const rows = normaliseRows(features, settings.dim);
  const clusters = new OdcClusters(settings, initialClusters(rows, pseudoLabels, settings));
  const { dim } = settings;
  const rowsOf = (ids: Int32Array): Float32Array => gatherRows(rows, ids, dim);
  const { counts } = answerLocally(clusters.fillEmptyClusters(), rowsOf);
  const parts = ranges.map((range) => {
    const ids = Int32Array.from({ length: range.count }, (_, i) => range.first + i * range.stride);
    return new SampleMemory(range, dim, settings.clusters, {
      step: 0,
      rows: rowsOf(ids),
      pseudoLabels: ids.map((id) => clusters.pseudoLabels[id]!),
    });
  });
  return { state: new OdcState(settings, clusters, new SampleParts(parts, dim)), filled: counts };
}

/**
 * The state that a snapshot was taken of. Its arrays are taken over, not copied.
 * @param ranges as they were
 * @throws TrainerError SHAPE_MISMATCH, NON_FINITE, PROTOCOL_VIOLATION
 */
export function restoreOdc(
  settings: OdcSettings,
  { arrays, counters }: OdcSnapshot,
  ranges: readonly SampleRange[],
): OdcState {
  const { step, centroidVersion } = counters;
  const pseudoLabels = arrayOf(arrays, 'pseudoLabels', Int32Array);
  const sums = arrayOf(arrays, 'clusterSums', Float64Array);
  const published = arrayOf(arrays, 'publishedCentroids', Float32Array);
  const clusters = new OdcClusters(settings, {
    step,
    pseudoLabels,
    centroids: { version: centroidVersion, sums, published },
  });
  const parts = ranges.map((range, i) => {
    const labels = Int32Array.from(
      { length: range.count },
      (_, place) => pseudoLabels[range.first + place * range.stride]!,
    );
    const rows = arrayOf(arrays, `memoryRows.${i}`, Float32Array);
    return new SampleMemory(range, settings.dim, settings.clusters, {
      step,
      rows,
      pseudoLabels: labels,
    });
  });
  return new OdcState(settings, clusters, new SampleParts(parts, settings.dim));
}
