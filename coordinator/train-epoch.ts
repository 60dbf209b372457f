/**
 * The training of an epoch: step after step, each cut into slices that any worker may compute, and committed once.
 * The commit is the one point where a step takes effect: parameters, statistics and ledger move together or not at all.
 */
import { hitFailpoint } from '../src/config/failpoints.ts';
import type { RunConfig } from '../src/config/schema.ts';
import { TrainerError } from '../src/errors.ts';
import { learningRateFactor } from '../src/ps/schedule.ts';
import type { ParameterServers } from '../src/servers/parameter-servers.ts';
import type { Progress } from '../src/telemetry/notice.ts';
import type { Dispatcher } from './dispatcher.ts';
import { sliceDraws, stepCount, stepDraws, type EpochPlan } from './epoch-plan.ts';
import type { OrderContext } from './order-composer.ts';
import type { RunFolder } from './run-folder.ts';
import type { ResultPayload } from './service.ts';
import type { Phase } from './state.ts';
import type { Work } from './work.ts';

export interface TrainingDeps {
  readonly config: RunConfig;
  readonly dispatcher: Dispatcher;
  readonly context: OrderContext;
  readonly parameters: Pick<ParameterServers, 'commit'>;
  readonly signal: AbortSignal;
  readonly folder: Pick<RunFolder, 'event'>;
  readonly noteUnreadable: (payload: ResultPayload) => void;
  readonly enterPhase: (phase: Phase) => void;
  readonly progress: (progress: Progress) => void;
  /** Called when a step has taken effect on the parameter server, before it counts here; not to be cut short by a stop. */
  readonly stepApplied: (step: number) => Promise<void>;
  /** Called after each commit, before the next step begins; a checkpoint may be taken here. */
  readonly stepDone: (step: CommittedStep) => Promise<void>;
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

async function trainStep(
  plan: EpochPlan,
  index: number,
  version: number,
  deps: TrainingDeps,
): Promise<CommittedStep> {
  const { config, context, dispatcher } = deps;
  const step = context.firstStep + index;
  const draws = stepDraws(plan, index, config.training);
  const slices = sliceDraws(draws, config.training);
  const { results: inOrder, version: nextVersion } = await takeStep(
    { step, epoch: plan.epoch, version, slices: slices.length },
    deps,
  );
  const samples = inOrder.reduce((total, result) => total + result.samples, 0);
  const lossSum = inOrder.reduce((total, result) => total + result.lossSum, 0);
  hitFailpoint('coordinator.committed', { step });
  await deps.stepApplied(step);
  dispatcher.dispatch({ type: 'stepCommitted', begin: draws.begin, end: draws.end });
  hitFailpoint('coordinator.counted', { step });
  return { step, epoch: plan.epoch, loss: lossSum / samples, samples, version: nextVersion };
}

/** A step to be computed and committed. */
interface DueStep {
  readonly step: number;
  readonly epoch: number;
  /** Of the parameters it is based on. */
  readonly version: number;
  readonly slices: number;
}

/** Times that slices may be missing on a server though they were reported as pushed. */
const MAX_ATTEMPTS = 5;

/**
 * Has the slices computed, and commits them once all are on all servers. Slices that a server lost are computed again, under
 * generations of their own; what was applied is applied once.
 * @returns results in slice order, and the version from now on
 */
async function takeStep(
  due: DueStep,
  deps: TrainingDeps,
): Promise<{ results: SliceResult[]; version: number }> {
  const { step, epoch } = due;
  const factor = learningRateFactor(deps.config.training.schedule, epoch);
  const results = new Map<number, SliceResult>();
  let open = Array.from({ length: due.slices }, (_, slice) => slice);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    await computeSlices(due, open, results, deps);
    const inOrder = [...results.values()].toSorted((a, b) => a.slice - b.slice);
    hitFailpoint('coordinator.computed', { step });
    // Not cut short by a stop: a step that took effect must be in the ledger of the checkpoint that follows.
    const signal = AbortSignal.timeout(COMMIT_MS);
    const reply = await deps.parameters.commit(step, inOrder, factor, signal);
    if (reply.kind === 'committed') return { results: inOrder, version: reply.version };
    open = [...reply.slices];
    const fields = { step, slices: open };
    deps.folder.event('slices.missing', `step ${step}: computed again, a server lost them`, fields);
  }
  throw new TrainerError(
    'PROTOCOL_VIOLATION',
    `commit of step ${step}: slices ${open.join(', ')} were reported as pushed ${MAX_ATTEMPTS} times, but a parameter server does not have them`,
  );
}

/** Gives the slices out and waits for their results, which replace earlier ones. */
function computeSlices(
  { step, epoch, version }: DueStep,
  slices: readonly number[],
  results: Map<number, SliceResult>,
  { dispatcher, noteUnreadable }: TrainingDeps,
): Promise<void> {
  const generationsGiven = Math.max(0, ...[...results.values()].map((r) => r.generation));
  return dispatcher.runPhase({
    phase: 'train',
    epoch,
    parameterVersion: version,
    work: slices.map((slice): Work => ({ kind: 'trainSlice', step, slice })),
    generationsGiven,
    take: (work, payload) => {
      if (work.kind !== 'trainSlice') return;
      const { generation, lossSum, samples, repeatedPush } = payload.header;
      results.set(work.slice, { slice: work.slice, generation, lossSum, samples });
      noteUnreadable(payload);
      if (repeatedPush) dispatcher.dispatch({ type: 'pushDuplicated' });
    },
  });
}
