/**
 * The training of an epoch: step after step, each cut into slices and committed once. A worker
 * computes a unit of slices at a time, as wide as the number of workers allows
 * (src/ps/slice-units.ts). The commit is the one point where a step takes effect: parameters,
 * statistics and ledger move together or not at all.
 */
import type { EpochPlan } from '../../src/algorithms/epoch-plan.ts';
import type { SliceFacts } from '../../src/algorithms/strategy.ts';
import { hitFailpoint } from '../../src/process/failpoints.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import { protocolViolation } from '../../src/errors.ts';
import { learningRateFactor } from '../../src/ps/schedule.ts';
import type { SliceGeneration } from '../../src/ps/slice-push.ts';
import type { SliceUnit } from '../../src/ps/slice-tree.ts';
import { unitsOf } from '../../src/ps/slice-units.ts';
import type { ParameterServers } from '../../src/server-clients/parameter-servers.ts';
import type { Progress } from '../../src/telemetry/notice.ts';
import type { TimedWork } from '../../src/work/kind.ts';
import { trainSlice, type TrainSliceWork } from '../../src/work/train-slice.ts';
import type { Dispatcher } from '../control/dispatcher.ts';
import { workingMembers } from '../control/draft.ts';
import { countOf, sliceDraws, stepCount, stepDraws } from './epoch-plan.ts';
import { ImagesLeftOut, type MissingImages } from '../images/missing-images.ts';
import type { RunFolder } from '../record/run-folder.ts';
import { unitOrder } from './slice-order.ts';

export interface TrainingDeps {
  readonly config: RunConfig;
  readonly dispatcher: Dispatcher;
  readonly parameters: Pick<ParameterServers, 'commit'>;
  readonly signal: AbortSignal;
  readonly folder: Pick<RunFolder, 'event'>;
  readonly images: Pick<MissingImages, 'leftOut' | 'stepBegins'>;
  /** Called when images have been left out; a checkpoint that knows of it is taken here. */
  readonly imagesLeftOut: () => Promise<void>;
  readonly enterPhase: (kind: TimedWork) => void;
  /** What orders carry besides their samples, before the step that is due; null: nothing. */
  readonly sliceFacts: () => SliceFacts | null;
  readonly progress: (progress: Progress) => void;
  /**
   * Called when a step has taken effect on the parameter server, before it counts here; not to be
   * cut short by a stop.
   */
  readonly stepApplied: (step: number) => Promise<void>;
  /** Called after each commit, before the next step begins; a checkpoint may be taken here. */
  readonly stepDone: (step: CommittedStep) => Promise<void>;
  /** Called instead where all of a step's draws were skipped: the next draws get its number. */
  readonly stepSkipped: () => void;
}

export interface CommittedStep {
  /** Global number. */
  readonly step: number;
  readonly epoch: number;
  /** Mean over the step's samples. */
  readonly loss: number;
  readonly samples: number;
  /** The version from now on. */
  readonly version: number;
  /** What the learning rates were multiplied by. */
  readonly rateFactor: number;
  /**
   * Where steps overlap: versions that its oldest gradient was behind, at most; a worker may have
   * found newer parameters than those that it was ordered at.
   */
  readonly staleness?: number;
}

/** A commit that takes longer has failed. */
export const COMMIT_MS = 600_000;

/** What a worker reported for a unit. */
export interface UnitResult extends SliceGeneration, SliceUnit {
  /** Of its slices that have samples, in slice order. */
  readonly lossSums: readonly number[];
  readonly samples: number;
}

/** Where training of an epoch begins or goes on. */
export interface TrainingStart {
  /** Of the first step to be trained, within the plan. */
  readonly index: number;
  /** Global number of the plan's first step. */
  readonly firstStep: number;
  /** Of the parameters that it is based on. */
  readonly version: number;
}

/** Trains to the plan's end. */
export async function trainEpoch(
  plan: EpochPlan,
  start: TrainingStart,
  deps: TrainingDeps,
): Promise<void> {
  const { config } = deps;
  const steps = stepCount(plan, config.training);
  deps.enterPhase(trainSlice);
  let { firstStep, version } = start;
  for (let { index } = start; index < steps; index += 1) {
    deps.signal.throwIfAborted();
    const committed = await trainStep({ plan, index, step: firstStep + index, version }, deps);
    if (committed === null) {
      firstStep -= 1;
      deps.stepSkipped();
      continue;
    }
    tellProgress(plan, { index, loss: committed.loss }, deps);
    await deps.stepDone(committed);
    ({ version } = committed);
  }
}

export function tellProgress(
  plan: EpochPlan,
  { index, loss }: { readonly index: number; readonly loss: number },
  { config, progress }: Pick<TrainingDeps, 'config' | 'progress'>,
): void {
  progress({
    epoch: plan.epoch,
    epochs: config.epochs,
    phase: trainSlice.phase,
    done: index + 1,
    total: stepCount(plan, config.training),
    unit: 'steps',
    note: `loss ${loss.toFixed(3)}`,
  });
}

/** A step to be computed and committed. */
interface DueStep {
  readonly plan: EpochPlan;
  /** Within the epoch, and over the whole run. */
  readonly index: number;
  readonly step: number;
  /** Of the parameters it is based on. */
  readonly version: number;
}

/** Null where none of the step's draws count: its images were left out. */
async function trainStep(due: DueStep, deps: TrainingDeps): Promise<CommittedStep | null> {
  const { config, dispatcher, images } = deps;
  const { plan, index, step } = due;
  images.stepBegins(step);
  const draws = stepDraws(plan, index, config.training);
  const count = draws.end - draws.begin;
  const taken = await takeStep(due, deps);
  if (taken === null) {
    dispatcher.dispatch({ type: 'stepCommitted', ...draws, skipped: count });
    return null;
  }
  const { results: inOrder, version: nextVersion } = taken;
  const { samples, lossSum } = sumsOf(inOrder);
  hitFailpoint('coordinator.committed', { step });
  await deps.stepApplied(step);
  dispatcher.dispatch({ type: 'stepCommitted', ...draws, skipped: count - samples });
  hitFailpoint('coordinator.counted', { step });
  return {
    ...{ step, epoch: plan.epoch, loss: lossSum / samples, samples, version: nextVersion },
    rateFactor: rateFactorOf(due, config),
  };
}

/** Slice after slice, whatever the units are. */
export function sumsOf(inOrder: readonly UnitResult[]) {
  const samples = inOrder.reduce((total, result) => total + result.samples, 0);
  const lossSum = inOrder
    .flatMap(({ lossSums }) => lossSums)
    .reduce((total, ofSlice) => total + ofSlice, 0);
  return { samples, lossSum };
}

/** What the learning rates are multiplied by in a step. */
export function rateFactorOf(
  { plan, index }: Pick<DueStep, 'plan' | 'index'>,
  { training, epochs }: RunConfig,
): number {
  const { epoch } = plan;
  return learningRateFactor(training, { epoch, index, steps: stepCount(plan, training), epochs });
}

/**
 * Has the units computed, and commits them once all are on all servers. Units that a server lost
 * are computed again, under generations of their own; what was applied is applied once.
 * @returns results in slice order, and the version from now on; null where no draw of the step
 *   counts
 * @throws TrainerError PROTOCOL_VIOLATION when units are lost time after time
 */
async function takeStep(
  due: DueStep,
  deps: TrainingDeps,
): Promise<{ results: UnitResult[]; version: number } | null> {
  const { step } = due;
  const factor = rateFactorOf(due, deps.config);
  const results = new Map<number, UnitResult>();
  await compute(() => runUnits(due, false, results, deps), due, results, deps);
  for (;;) {
    const inOrder = [...results.values()].toSorted((a, b) => a.slice - b.slice);
    if (inOrder.length === 0) return null;
    hitFailpoint('coordinator.computed', { step });
    // Not cut short by a stop: a step that took effect must be in the ledger of the checkpoint that
    // follows.
    const signal = AbortSignal.timeout(COMMIT_MS);
    const reply = await deps.parameters.commit(step, inOrder, factor, signal);
    if (reply.kind === 'committed') return { results: inOrder, version: reply.version };
    const { slices } = reply;
    const fields = { step, slices };
    deps.folder.event('slices.missing', `step ${step}: computed again, a server lost them`, fields);
    const lost = inOrder.filter(({ slice }) => slices.includes(slice));
    const tasks = lost.map((unit) => trainSlice.key(workOf(step, unit)));
    await compute(() => deps.dispatcher.runAgain(tasks), due, results, deps);
  }
}

/**
 * Waits for what is computed. Where images are left out meanwhile, the whole step is computed
 * again: a draw counts in all slices or in none, and loss weights have their mean over those that
 * count.
 */
async function compute(
  begin: () => Promise<void>,
  due: DueStep,
  results: Map<number, UnitResult>,
  deps: TrainingDeps,
): Promise<void> {
  for (let computed = begin; ; computed = () => runUnits(due, true, results, deps)) {
    try {
      await computed();
      return;
    } catch (error) {
      if (!(error instanceof ImagesLeftOut)) throw error;
      results.clear();
      await deps.imagesLeftOut();
    }
  }
}

/** Gives the step's units out, and waits for their results, which replace earlier ones. */
function runUnits(
  due: DueStep,
  isRepeated: boolean,
  results: Map<number, UnitResult>,
  { config, dispatcher, images, sliceFacts }: TrainingDeps,
): Promise<void> {
  const { plan, index, step, version } = due;
  const { training } = config;
  const rateFactor = rateFactorOf(due, config);
  const counts = sliceDraws(stepDraws(plan, index, training), training).map((draws) =>
    countOf(plan, draws, images.leftOut),
  );
  const countOfUnit = ({ slice, slices }: SliceUnit): number =>
    counts.slice(slice, slice + slices).reduce((total, count) => total + count, 0);
  const workers = Math.max(config.cluster.minWorkers, workingMembers(dispatcher.state).length);
  return dispatcher.runPhase({
    ...{ kind: trainSlice, epoch: plan.epoch, parameterVersion: version, isRepeated },
    work: unitsOf(counts, workers).map((unit) => workOf(step, unit)),
    order: ({ slice, slices }) =>
      unitOrder(
        { plan, index, step, slice, slices, rateFactor },
        ...([training, images.leftOut, sliceFacts()] as const),
      ),
    take: (unit, { lossSums, samples }, { generation }) => {
      const { slice, slices } = unit;
      const parts = counts.slice(slice, slice + slices).filter((count) => count > 0);
      requireAll(`samples of step ${step}, slice ${slice}`, countOfUnit(unit), samples);
      requireAll(`losses of step ${step}, slice ${slice}`, parts.length, lossSums.length);
      results.set(slice, { slice, slices, generation, lossSums, samples });
    },
  });
}

export function workOf(step: number, { slice, slices }: SliceUnit): TrainSliceWork {
  return { kind: 'trainSlice', step, slice, slices };
}

/**
 * @throws TrainerError PROTOCOL_VIOLATION for a unit that was computed with other samples than were
 *   ordered
 */
export function requireAll(what: string, ordered: number, got: number): void {
  if (got === ordered) return;
  throw protocolViolation(what, ordered, got, 'run the same release on every process');
}
