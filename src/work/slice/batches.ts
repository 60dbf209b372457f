/**
 * How a slice is cut into the batches that a network passes: in mode `sync` one, in mode `local`
 * one for each local step. Shapes: n samples, H heads.
 */
import type { SliceSamples } from '../tools.ts';
import type { SlicePart } from './pass.ts';
import type { NamedSlice } from './views.ts';

/** The step that slices are of. */
export interface StepName {
  readonly epoch: number;
  readonly step: number;
}

/**
 * Batches of slices, slice after slice; the last one of a slice may be smaller.
 * @param size images of a batch; null: all that the slice has
 */
export function batchesOf(
  parts: readonly SlicePart[],
  name: StepName,
  size: number | null,
): NamedSlice[] {
  return parts.flatMap(({ slice, samples }) =>
    inBatches(samples, size ?? samples.ids.length).map((own, batch) => ({
      name: { ...name, slice, batch },
      samples: own,
    })),
  );
}

/** The samples in their order; those of a slice that has one batch as they are. */
function inBatches(samples: SliceSamples, size: number): SliceSamples[] {
  const { length } = samples.ids;
  if (length <= size) return [samples];
  return Array.from({ length: Math.ceil(length / size) }, (_, i) =>
    samplesBetween(samples, i * size, Math.min((i + 1) * size, length)),
  );
}

function samplesBetween(samples: SliceSamples, begin: number, end: number): SliceSamples {
  const { ids, occurrences, pseudoLabels, lossWeights, furtherLabels } = samples;
  // [n, H - 1], where there are any.
  const columns = furtherLabels.length / ids.length;
  return {
    ids: ids.subarray(begin, end),
    occurrences: occurrences.subarray(begin, end),
    pseudoLabels: pseudoLabels.subarray(begin, end),
    lossWeights: lossWeights.subarray(begin, end),
    furtherLabels: furtherLabels.subarray(begin * columns, end * columns),
  };
}
