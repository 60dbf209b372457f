/**
 * Computes the gradients of a unit of slices, slice by slice, in mode `local` their moves; adds
 * them up by the tree of slice numbers (src/ps/slice-tree.ts), and stages the sums on the parameter
 * servers as one push. A slice has its own batch norm, views and dropout, whatever unit it is in.
 */
import type { UnreadableImage } from '../data/source/unreadable.ts';
import { TrainerError, protocolViolation } from '../errors.ts';
import { joined, joinedIntegers } from '../math/matrix.ts';
import { hitFailpoint } from '../process/failpoints.ts';
import type { LocalRule } from '../ps/local-replica.ts';
import type { UnitOfStep } from '../ps/slice-units.ts';
import { UnitSum } from '../ps/unit-sum.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import type { Samples, Samples__Output } from '../rpc/generated/deepcluster/v1/Samples.ts';
import type { SliceDraws__Output } from '../rpc/generated/deepcluster/v1/SliceDraws.ts';
import type { MovedRows } from '../server-clients/sample-shards.ts';
import type { WorkKind } from './kind.ts';
import { batchesOf } from './slice/batches.ts';
import { beginFrom, trainPart, type UnitToTrain } from './slice/part.ts';
import type { SlicePart } from './slice/pass.ts';
import type { OrderIds, SliceSamples, WorkTools } from './tools.ts';

export type TrainSliceWork = {
  readonly kind: 'trainSlice';
  readonly step: number;
  /** The unit's first, by which it is known. */
  readonly slice: number;
  /** Of the unit. */
  readonly slices: number;
};

export interface TrainSliceOrder extends UnitOfStep {
  readonly step: number;
  /** Those of the unit's slices that have samples, in slice order; at least one. */
  readonly parts: readonly SlicePart[];
  /**
   * What this worker will probably be asked for next, so that decoding hides behind compute; a hint
   * only.
   */
  readonly upcoming: readonly SlicePart[];
  /** The published centroids to assign by, where every step moves images to other clusters. */
  readonly centroidVersion: number;
  /** What the slices are trained by in mode `local`; null in mode `sync`. */
  readonly local: LocalRule | null;
}

export interface TrainedSlice {
  readonly samples: number;
  /** Of each part, the sum of its samples' losses. */
  readonly lossSums: readonly number[];
  readonly damaged: readonly UnreadableImage[];
  /** The push had been staged before, because its answer was lost. */
  readonly repeatedPush: boolean;
}

export const trainSlice: WorkKind<TrainSliceWork, TrainSliceOrder, TrainedSlice> = {
  name: 'trainSlice',
  phase: 'train',
  timedAs: 'train',
  needs: 'none',
  makes: 'none',
  readsImages: true,
  isBackedUp: true,
  key: ({ kind, step, slice }) => `${kind}/${step}/${slice}`,

  encodeOrder: ({ parts, upcoming, ...order }) =>
    encodeBody(wire.TrainSlice, {
      ...order,
      parts: parts.map(({ slice, samples }) => ({ slice, samples: toMessage(samples) })),
      upcoming: upcoming.map(({ slice, samples }) => ({ slice, samples: toMessage(samples) })),
    }),
  decodeOrder: (body) => {
    const { parts, upcoming, ...order } = decodeBody('trainSlice', wire.TrainSlice, body);
    return {
      ...order,
      parts: requireParts(parts.map(fromMessage), order),
      upcoming: upcoming.map(fromMessage),
    };
  },

  prepare: (order, ids, tools) => {
    const { epoch, parameterVersion } = ids;
    tools.network.prefetch(parameterVersion, tools.network.headEpoch(epoch));
    beginFrom(0, unitToTrain(order, ids, tools), tools);
  },

  perform: async (order, ids, tools) => {
    tools.held.letGo();
    tools.gradients.begin(ids.parameterVersion);
    const unit = unitToTrain(order, ids, tools);
    const sum = new UnitSum(tools.gradients, (gradient) => tools.gradientCoding?.round(gradient));
    const lossSums: number[] = [];
    const damaged: UnreadableImage[] = [];
    const moved: MovedRows[] = [];
    for (const { slice } of order.parts) {
      const first = unit.batches.findIndex(({ name }) => name.slice === slice);
      const part = await trainPart(first, unit, tools);
      sum.add(slice, part);
      lossSums.push(part.lossSum);
      damaged.push(...part.damaged);
      moved.push(...part.memory);
      // A long unit makes progress with each of its slices.
      tools.advance();
    }
    const sums = sum.finish();
    const memory = moved.length === 0 ? {} : { memory: joinedRows(moved) };
    const repeatedPush = await pushUnit(order, ids, tools, { ...sums, ...memory });
    tools.gradients.giveBack(sums.gradient);
    return { samples: sums.samples, lossSums, damaged, repeatedPush };
  },

  encodeResult: ({ samples, lossSums, damaged, repeatedPush }) => ({
    header: { samples, lossSums: [...lossSums], damaged: [...damaged], repeatedPush },
  }),
  decodeResult: ({ header: { samples, lossSums, damaged, repeatedPush } }) => ({
    samples,
    lossSums,
    damaged,
    repeatedPush,
  }),
};

function unitToTrain(
  { step, parts, upcoming, centroidVersion, local }: TrainSliceOrder,
  ids: OrderIds,
  { config: { training } }: Pick<WorkTools, 'config'>,
): UnitToTrain {
  const { epoch } = ids;
  const size = local === null ? null : training.sliceSize;
  return {
    ...{ ids, centroidVersion, local },
    batches: batchesOf(parts, { epoch, step }, size),
    upcoming: batchesOf(upcoming, { epoch, step: step + 1 }, size),
  };
}

/** The rows of batches, one behind the other: of an image's in several, the last one stands. */
function joinedRows(moved: readonly MovedRows[]): MovedRows {
  const [first] = moved;
  if (moved.length === 1 && first !== undefined) return first;
  return {
    ids: joinedIntegers(moved.map(({ ids }) => ids)),
    rows: joined(moved.map(({ rows }) => rows)),
    pseudoLabels: joinedIntegers(moved.map(({ pseudoLabels }) => pseudoLabels)),
  };
}

/** @returns whether it had been staged before */
async function pushUnit(
  { step, slice, slices, stepSlices }: TrainSliceOrder,
  { generation }: OrderIds,
  { push, requireTerm, times, network }: WorkTools,
  content: Pick<Parameters<WorkTools['push']>[0], 'samples' | 'gradient' | 'statistics' | 'memory'>,
): Promise<boolean> {
  requireTerm();
  const reply = await times.span('push', {}, () =>
    push({
      ...{ step, slice, slices, stepSlices, generation, basedOn: network.version },
      ...content,
    }),
  );
  if (reply.outcome === 'fenced' || reply.outcome === 'stale') {
    throw new TrainerError(
      'GENERATION_FENCED',
      `push of step ${step}, slice ${slice}: ${reply.outcome}; version ${reply.version} is current`,
    );
  }
  hitFailpoint('worker.pushed', { step, slice });
  return reply.outcome === 'duplicate';
}

function toMessage(samples: SliceSamples): Samples {
  return {
    ids: [...samples.ids],
    occurrences: [...samples.occurrences],
    pseudoLabels: [...samples.pseudoLabels],
    lossWeights: [...samples.lossWeights],
    furtherLabels: [...samples.furtherLabels],
  };
}

function fromMessage({ slice, samples }: SliceDraws__Output): SlicePart {
  return { slice, samples: samplesFromMessage(samples) };
}

function samplesFromMessage(samples: Samples__Output | null): SliceSamples {
  return {
    ids: Int32Array.from(samples?.ids ?? []),
    occurrences: Int32Array.from(samples?.occurrences ?? []),
    pseudoLabels: Int32Array.from(samples?.pseudoLabels ?? []),
    lossWeights: Float32Array.from(samples?.lossWeights ?? []),
    furtherLabels: Int32Array.from(samples?.furtherLabels ?? []),
  };
}

/** @throws TrainerError PROTOCOL_VIOLATION */
function requireParts(
  parts: readonly SlicePart[],
  { slice, slices }: Pick<UnitOfStep, 'slice' | 'slices'>,
): readonly SlicePart[] {
  const areInUnit = parts.every(
    (part, i) =>
      part.slice >= (i === 0 ? slice : parts[i - 1]!.slice + 1) && part.slice < slice + slices,
  );
  const haveSamples = parts.every(({ samples }) => samples.ids.length > 0);
  if (parts.length > 0 && areInUnit && haveSamples) return parts;
  const got = parts.map((part) => `${part.slice} with ${part.samples.ids.length} samples`);
  throw protocolViolation(
    `parts of a unit of ${slices} slices from ${slice} on`,
    'slices of it, in order, each with samples',
    got.length === 0 ? 'none' : `slices ${got.join(', ')}`,
    'run the same release on every process',
  );
}
