/**
 * The training of an epoch: step after step, each cut into slices that any worker may compute, and committed once.
 * The commit is the one point where a step takes effect: parameters, statistics and ledger move together or not at all.
 */
import { hitFailpoint } from '../../src/process/failpoints.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import { TrainerError, protocolViolation } from '../../src/errors.ts';
import { learningRateFactor } from '../../src/ps/schedule.ts';
import type { ParameterServers } from '../../src/server-clients/parameter-servers.ts';
import type { Progress } from '../../src/telemetry/notice.ts';
import type { Dispatcher } from '../control/dispatcher.ts';
import {
  countOf,
  sliceDraws,
  stepCount,
  stepDraws,
  type DrawRange,
  type EpochPlan,
} from './epoch-plan.ts';
import { ImagesLeftOut, type MissingImages } from '../images/missing-images.ts';
import type { OrderContext } from '../control/order-composer.ts';
import type { RunFolder } from '../record/run-folder.ts';
import type { Phase } from '../control/state.ts';
import type { Work } from '../control/work.ts';

export interface TrainingDeps {
  readonly config: RunConfig;
  readonly dispatcher: Dispatcher;
  readonly context: OrderContext;
  readonly parameters: Pick<ParameterServers, 'commit'>;
  readonly signal: AbortSignal;
  readonly folder: Pick<RunFolder, 'event'>;
  readonly images: Pick<MissingImages, 'leftOut' | 'stepBegins'>;
  /** Called when images have been left out; a checkpoint that knows of it is taken here. */
  readonly imagesLeftOut: () => Promise<void>;
  readonly enterPhase: (phase: Phase) => void;
  readonly progress: (progress: Progress) => void;
  /** Called when a step has taken effect on the parameter server, before it counts here; not to be cut short by a stop. */
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
}

/** A commit that takes longer has failed. */
const COMMIT_MS = 600_000;

/** What a worker reported for a slice. */
interface SliceResult {
  readonly slice: number;
  readonly generation: number;
  readonly lossSum: number;
  readonly samples: number;
}

/**
 * Trains from the plan's step `firstIndex` to its end.
 * @param version of the parameters that the first step is based on
 */
export async function trainEpoch(
  plan: EpochPlan,
  firstIndex: number,
  version: number,
  deps: TrainingDeps,
): Promise<void> {
  const { context, config } = deps;
  context.plan = plan;
  context.epoch = plan.epoch;
  const steps = stepCount(plan, config.training);
  deps.enterPhase('train');
  for (let index = firstIndex, current = version; index < steps; index += 1) {
    deps.signal.throwIfAborted();
    context.parameterVersion = current;
    const committed = await trainStep(plan, index, current, deps);
    if (committed === null) {
      context.firstStep -= 1;
      deps.stepSkipped();
      continue;
    }
    deps.progress({
      epoch: plan.epoch,
      epochs: config.epochs,
      phase: 'train',
      done: index + 1,
      total: steps,
      unit: 'steps',
      note: `loss ${committed.loss.toFixed(3)}`,
    });
    await deps.stepDone(committed);
    current = committed.version;
  }
}

/** Null where none of the step's draws count: its images were left out. */
async function trainStep(
  plan: EpochPlan,
  index: number,
  version: number,
  deps: TrainingDeps,
): Promise<CommittedStep | null> {
  const { config, context, dispatcher, images } = deps;
  const step = context.firstStep + index;
  images.stepBegins(step);
  const draws = stepDraws(plan, index, config.training);
  const count = draws.end - draws.begin;
  const due = { step, plan, version, slices: sliceDraws(draws, config.training) };
  const taken = await takeStep(due, deps);
  if (taken === null) {
    dispatcher.dispatch({ type: 'stepCommitted', ...draws, skipped: count });
    return null;
  }
  const { results: inOrder, version: nextVersion } = taken;
  const samples = inOrder.reduce((total, result) => total + result.samples, 0);
  const lossSum = inOrder.reduce((total, result) => total + result.lossSum, 0);
  hitFailpoint('coordinator.committed', { step });
  await deps.stepApplied(step);
  dispatcher.dispatch({ type: 'stepCommitted', ...draws, skipped: count - samples });
  hitFailpoint('coordinator.counted', { step });
  return { step, epoch: plan.epoch, loss: lossSum / samples, samples, version: nextVersion };
}

/** A step to be computed and committed. */
interface DueStep {
  readonly step: number;
  readonly plan: EpochPlan;
  /** Of the parameters it is based on. */
  readonly version: number;
  /** Draws by slice, in slice order. */
  readonly slices: readonly DrawRange[];
}

/** Times that slices may be missing on a server though they were reported as pushed. */
const MAX_ATTEMPTS = 5;

/**
 * Has the slices computed, and commits them once all are on all servers. Slices that a server lost
 * are computed again, under generations of their own; what was applied is applied once.
 * @returns results in slice order, and the version from now on; null where no draw of the step
 *   counts
 */
async function takeStep(
  due: DueStep,
  deps: TrainingDeps,
): Promise<{ results: SliceResult[]; version: number } | null> {
  const { step } = due;
  const factor = learningRateFactor(deps.config.training.schedule, due.plan.epoch);
  const results = new Map<number, SliceResult>();
  let open: readonly number[] = countingSlices(due, deps);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const generationsGiven = attempt === 1 ? 0 : deps.dispatcher.highestGeneration;
    await computeSlices({ ...due, generationsGiven }, open, results, deps);
    const inOrder = [...results.values()].toSorted((a, b) => a.slice - b.slice);
    if (inOrder.length === 0) return null;
    hitFailpoint('coordinator.computed', { step });
    // Not cut short by a stop: a step that took effect must be in the ledger of the checkpoint that follows.
    const signal = AbortSignal.timeout(COMMIT_MS);
    const reply = await deps.parameters.commit(step, inOrder, factor, signal);
    if (reply.kind === 'committed') return { results: inOrder, version: reply.version };
    open = reply.slices;
    const fields = { step, slices: open };
    deps.folder.event('slices.missing', `step ${step}: computed again, a server lost them`, fields);
  }
  throw new TrainerError(
    'PROTOCOL_VIOLATION',
    `commit of step ${step}: slices ${open.join(', ')} were reported as pushed ${MAX_ATTEMPTS} times, but a parameter server does not have them`,
  );
}

/** Slices that have a draw which counts. */
function countingSlices(
  { plan, slices }: DueStep,
  { images }: Pick<TrainingDeps, 'images'>,
): number[] {
  return [...slices.keys()].filter((slice) => countOf(plan, slices[slice]!, images.leftOut) > 0);
}

/**
 * Gives the slices out and waits for their results, which replace earlier ones. Where images are
 * left out meanwhile, the whole step is computed again: a draw counts in all slices or in none, and
 * ODC's loss weights have their mean over those that count.
 */
async function computeSlices(
  due: DueStep & { readonly generationsGiven: number },
  open: readonly number[],
  results: Map<number, SliceResult>,
  deps: TrainingDeps,
): Promise<void> {
  let { generationsGiven } = due;
  for (let slices = open; slices.length > 0;) {
    try {
      await runSlices({ ...due, generationsGiven }, slices, results, deps);
      return;
    } catch (error) {
      if (!(error instanceof ImagesLeftOut)) throw error;
      results.clear();
      generationsGiven = deps.dispatcher.highestGeneration;
      await deps.imagesLeftOut();
      slices = countingSlices(due, deps);
    }
  }
}

function runSlices(
  {
    step,
    plan,
    version,
    slices,
    generationsGiven,
  }: DueStep & { readonly generationsGiven: number },
  open: readonly number[],
  results: Map<number, SliceResult>,
  { dispatcher, images }: TrainingDeps,
): Promise<void> {
  return dispatcher.runPhase({
    phase: 'train',
    epoch: plan.epoch,
    parameterVersion: version,
    work: open.map((slice): Work => ({ kind: 'trainSlice', step, slice })),
    generationsGiven,
    take: (work, payload) => {
      if (work.kind !== 'trainSlice') return;
      const { slice } = work;
      const { generation, lossSum, samples, repeatedPush } = payload.header;
      requireAll(step, slice, countOf(plan, slices[slice]!, images.leftOut), samples);
      results.set(slice, { slice, generation, lossSum, samples });
      if (repeatedPush) dispatcher.dispatch({ type: 'pushDuplicated' });
    },
  });
}

/**
 * @throws TrainerError PROTOCOL_VIOLATION for a slice that was computed with other samples than
 * were ordered
 */
function requireAll(step: number, slice: number, ordered: number, samples: number): void {
  if (samples === ordered) return;
  const remedy = 'run the same release on every process';
  throw protocolViolation(`samples of step ${step}, slice ${slice}`, ordered, samples, remedy);
}
