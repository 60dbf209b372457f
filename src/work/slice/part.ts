/**
 * The computing of one slice of a unit, by itself: in mode `sync` one pass and its gradient; in
 * mode `local` a local step after each batch, and in place of the gradient the slice's move
 * (src/ps/local-replica.ts). Begins what comes after it in time.
 */
import type { UnreadableImage } from '../../data/source/unreadable.ts';
import { nonFinite } from '../../errors.ts';
import type { LocalRule } from '../../ps/local-replica.ts';
import type { SliceGradients } from '../../ps/unit-sum.ts';
import type { MovedRows } from '../../server-clients/sample-shards.ts';
import type { OrderIds, WorkTools } from '../tools.ts';
import { passSlice, type PassedSlice } from './pass.ts';
import { beginViews, viewsOf, type NamedSlice } from './views.ts';

/** Batches whose views and downloads are begun before their turn. */
export const BATCHES_AHEAD = 2;

/** The unit that slices are of. */
export interface UnitToTrain {
  readonly ids: OrderIds;
  /** The published centroids to assign by, or to compare with. */
  readonly centroidVersion: number;
  /** Null in mode `sync`. */
  readonly local: LocalRule | null;
  /** Of the unit's slices, slice after slice. */
  readonly batches: readonly NamedSlice[];
  /** Of the next step; a hint. */
  readonly upcoming: readonly NamedSlice[];
}

/** What a slice of the unit gave. */
export interface TrainedPart extends SliceGradients {
  /** Over all samples. */
  readonly lossSum: number;
  readonly damaged: readonly UnreadableImage[];
  /** Rows of the sample memory, by batch; empty: none. */
  readonly memory: readonly MovedRows[];
}

/** @param first the place of the slice's first batch among the unit's */
export async function trainPart(
  first: number,
  unit: UnitToTrain,
  tools: WorkTools,
): Promise<TrainedPart> {
  const { batches, local } = unit;
  const { slice } = batches[first]!.name;
  const end = batches.findLastIndex(({ name }) => name.slice === slice) + 1;
  const damaged: UnreadableImage[] = [];
  const memory: MovedRows[] = [];
  let lossSum = 0;
  let gradients: SliceGradients | null = null;
  for (let at = first; at < end; at += 1) {
    const passed = await trainBatch(at, unit, tools);
    const samples = batches[at]!.samples.ids.length;
    gradients = { samples, gradient: passed.gradient, statistics: passed.statistics };
    if (local !== null) tools.replica.step(gradients);
    lossSum += passed.lossSum;
    damaged.push(...passed.damaged);
    if (passed.memory !== null) memory.push(passed.memory);
    if (at + 1 === end) break;
    tools.gradients.giveBack(passed.gradient);
    // A long slice makes progress with each of its batches.
    tools.advance();
  }
  // The newest gradient is in the replica already, and its array is free.
  const { gradient } = gradients!;
  const moved = local === null ? gradients! : tools.replica.finish(gradient);
  return { ...moved, lossSum, damaged, memory };
}

/** Begins downloads and views of the batch at this place, and of those that follow it. */
export function beginFrom(
  place: number,
  { ids, centroidVersion, batches, upcoming }: Omit<UnitToTrain, 'local'>,
  { algorithm, views }: Pick<WorkTools, 'algorithm' | 'views'>,
): void {
  const end = place + 1 + BATCHES_AHEAD;
  for (const batch of batches.slice(place, end)) {
    algorithm.prepare(ids, { slice: batch.name.slice, samples: batch.samples, centroidVersion });
    beginViews(batch, { views, algorithm });
  }
  for (const batch of upcoming.slice(0, Math.max(0, end - batches.length))) {
    beginViews(batch, { views, algorithm });
  }
}

type TrainedBatch = PassedSlice & {
  readonly damaged: readonly UnreadableImage[];
  readonly memory: MovedRows | null;
};

/** One pass, with the parameters of the step; in further batches of a slice those moved so far. */
async function trainBatch(at: number, unit: UnitToTrain, tools: WorkTools): Promise<TrainedBatch> {
  const { ids, centroidVersion } = unit;
  const { algorithm, times } = tools;
  tools.requireTerm();
  beginFrom(at, unit, tools);
  const [own, ...others] = unit.batches.slice(at);
  const { name, samples } = own!;
  const { pixels, small, damaged } = await viewsOf(own!, others, tools);
  const { step, slice, batch } = name;
  const content = { slice, samples, centroidVersion };
  const targets = {
    prototypes: await algorithm.prototypes(content),
    swapped: await algorithm.swapped(ids, content),
  };
  await loadFor(batch, unit, tools);
  const passed = times.pass('lossAndGradient', { ...name }, () =>
    passSlice({ step, slice, batch, samples, pixels, small }, targets, tools),
  );
  tools.views.letGo(name);
  if (!Number.isFinite(passed.lossSum)) {
    const ofBatch = batch === 0 ? '' : `, batch ${batch}`;
    const what = `loss of step ${step}, slice ${slice}${ofBatch}`;
    throw nonFinite(what, passed.lossSum, 'the slice was refused');
  }
  const { features } = passed;
  const memory = features === null ? null : await algorithm.moveRows(ids, content, features);
  return { ...passed, damaged, memory };
}

/** Has the network hold what a batch is computed with. */
async function loadFor(
  batch: number,
  { ids: { epoch, parameterVersion }, local }: UnitToTrain,
  { network, replica, requireTerm, times }: WorkTools,
): Promise<void> {
  if (batch === 0) await network.load(parameterVersion, network.headEpoch(epoch), times);
  if (local === null) return;
  // What is kept of a version is forgotten with its term.
  requireTerm();
  if (batch === 0) replica.begin(network.loadedParameters(), local);
  else network.loadMoved(replica.parameters);
}
