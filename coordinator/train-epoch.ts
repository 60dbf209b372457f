/**
 * The training of an epoch: step after step, each cut into slices that any worker may compute, and committed once.
 * The commit is the one point where a step takes effect: parameters, statistics and ledger move together or not at all.
 */
import type { RunConfig } from '../src/config/schema.ts';
import { TrainerError } from '../src/errors.ts';
import { learningRateFactor } from '../src/ps/schedule.ts';
import type { ParametersClient } from '../src/rpc/parameters-client.ts';
import type { Progress } from '../src/telemetry/notice.ts';
import type { Dispatcher } from './dispatcher.ts';
import { sliceDraws, stepCount, stepDraws, type EpochPlan } from './epoch-plan.ts';
import type { OrderContext } from './order-composer.ts';
import type { ResultPayload } from './service.ts';
import type { Phase } from './state.ts';
import type { Work } from './work.ts';

export interface TrainingDeps {
  readonly config: RunConfig;
  readonly dispatcher: Dispatcher;
  readonly context: OrderContext;
  readonly parameters: ParametersClient;
  readonly signal: AbortSignal;
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
  const results: SliceResult[] = [];
  await dispatcher.runPhase({
    phase: 'train',
    epoch: plan.epoch,
    parameterVersion: version,
    work: slices.map((_draws, slice): Work => ({ kind: 'trainSlice', step, slice })),
    take: (work, payload) => {
      if (work.kind !== 'trainSlice') return;
      const { generation, lossSum, samples, repeatedPush } = payload.header;
      results.push({ slice: work.slice, generation, lossSum, samples });
      deps.noteUnreadable(payload);
      if (repeatedPush) dispatcher.dispatch({ type: 'pushDuplicated' });
    },
  });
  const inOrder = results.toSorted((a, b) => a.slice - b.slice);
  const samples = inOrder.reduce((total, result) => total + result.samples, 0);
  const lossSum = inOrder.reduce((total, result) => total + result.lossSum, 0);
  const nextVersion = await commitStep(step, plan.epoch, inOrder, deps);
  await deps.stepApplied(step);
  dispatcher.dispatch({ type: 'stepCommitted', begin: draws.begin, end: draws.end });
  return { step, epoch: plan.epoch, loss: lossSum / samples, samples, version: nextVersion };
}

async function commitStep(
  step: number,
  epoch: number,
  slices: readonly SliceResult[],
  { config, parameters }: TrainingDeps,
): Promise<number> {
  const factor = learningRateFactor(config.training.schedule, epoch);
  // Not cut short by a stop: a step that took effect must be in the ledger of the checkpoint that follows.
  const reply = await parameters.commit(step, slices, factor, AbortSignal.timeout(COMMIT_MS));
  if (reply.outcome === 'MISSING') {
    throw new TrainerError(
      'PROTOCOL_VIOLATION',
      `commit of step ${step}: slices ${reply.missing.join(', ')} were reported as pushed, but the parameter server does not have them`,
    );
  }
  return reply.version;
}
