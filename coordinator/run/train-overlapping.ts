/**
 * The training of an epoch in the modes `ssp` and `async`: slices of several steps are with workers
 * at the same time, ordered at the newest parameters. Steps are committed in their order, each once
 * all of it is in, against whatever the parameters are then; so the ledger, checkpoints and resumed
 * runs know of no overlap. A step is given out once it is at most `stalenessBound` steps after the
 * one that is committed next: that bounds how far behind a gradient can be. Source: stale
 * synchronous parallel, Ho et al. 2013.
 */
import type { EpochPlan } from '../../src/algorithms/epoch-plan.ts';
import { hitFailpoint } from '../../src/process/failpoints.ts';
import { hasStaleSteps, stalenessBound } from '../../src/ps/config.ts';
import type { SliceUnit } from '../../src/ps/slice-tree.ts';
import { unitsOf } from '../../src/ps/slice-units.ts';
import { trainSlice, type TrainSliceWork } from '../../src/work/train-slice.ts';
import { workingMembers } from '../control/draft.ts';
import type { PhaseRequest } from '../control/phase-request.ts';
import { ImagesLeftOut } from '../images/missing-images.ts';
import { countOf, sliceDraws, stepCount, stepDraws } from './epoch-plan.ts';
import { unitOrder } from './slice-order.ts';
import {
  COMMIT_MS,
  rateFactorOf,
  requireAll,
  sumsOf,
  tellProgress,
  trainEpoch,
  workOf,
  type CommittedStep,
  type TrainingDeps,
  type TrainingStart,
  type UnitResult,
} from './train-epoch.ts';

/** A step that is given out and not committed. */
interface OpenStep {
  /** Within the epoch, and over the whole run. */
  readonly index: number;
  readonly step: number;
  /** By slice: draws that count. */
  readonly counts: readonly number[];
  /** None where no draw of the step counts. */
  readonly units: readonly SliceUnit[];
  /** By the unit's first slice. */
  readonly results: Map<number, UnitResult>;
  /** The oldest version that one of its units was ordered at. */
  orderedAt: number;
}

/** Trains to the plan's end, which in every mode is a barrier: nothing is under way then. */
export function trainByMode(
  plan: EpochPlan,
  start: TrainingStart,
  deps: TrainingDeps,
): Promise<void> {
  const train = hasStaleSteps(deps.config.training) ? trainOverlapping : trainEpoch;
  return train(plan, start, deps);
}

async function trainOverlapping(
  plan: EpochPlan,
  start: TrainingStart,
  deps: TrainingDeps,
): Promise<void> {
  deps.enterPhase(trainSlice);
  const steps = new OverlappingSteps(plan, start, deps);
  while (!steps.areDone) {
    deps.signal.throwIfAborted();
    try {
      await steps.next();
    } catch (error) {
      if (!(error instanceof ImagesLeftOut)) throw error;
      steps.abandon();
      await deps.imagesLeftOut();
    }
  }
}

class OverlappingSteps {
  readonly #plan: EpochPlan;
  readonly #deps: TrainingDeps;
  /** In their order; the first is committed next. */
  #open: OpenStep[] = [];
  /** Of the step that is committed next, within the plan. */
  #index: number;
  /** Global number of the plan's first step. */
  #firstStep: number;
  #version: number;
  /** Whether the open steps belong to a phase that is under way. */
  #isUnderWay = false;
  /** Whether all steps that may be are open, at the newest parameters. */
  #isGivenOut = false;
  /** Whether steps have been given out that were then abandoned. */
  #isRepeated = false;
  /** Why the phase under way ended; null: it has not. */
  #ended: Error | null = null;
  #wake: () => void = () => undefined;

  constructor(plan: EpochPlan, { index, firstStep, version }: TrainingStart, deps: TrainingDeps) {
    this.#plan = plan;
    this.#deps = deps;
    this.#index = index;
    this.#firstStep = firstStep;
    this.#version = version;
  }

  get areDone(): boolean {
    return this.#index >= stepCount(this.#plan, this.#deps.config.training);
  }

  /** What is open is given out anew: a draw counts in all slices of a step or in none. */
  abandon(): void {
    this.#open = [];
    this.#isUnderWay = false;
    this.#isRepeated = true;
    this.#isGivenOut = false;
    this.#ended = null;
  }

  /**
   * Commits the step that is due, or skips it where none of its draws counts.
   * @throws ImagesLeftOut before it is committed, where images are left out meanwhile
   */
  async next(): Promise<void> {
    const { dispatcher, images, stepSkipped, stepDone } = this.#deps;
    images.stepBegins(this.#firstStep + this.#index);
    if (!this.#isGivenOut) this.#giveOut();
    const due = this.#open[0]!;
    if (due.units.length === 0) {
      const draws = stepDraws(this.#plan, due.index, this.#deps.config.training);
      const skipped = draws.end - draws.begin;
      dispatcher.dispatch({ type: 'stepCommitted', ...draws, skipped });
      this.#firstStep -= 1;
      this.#leave();
      stepSkipped();
      return;
    }
    const committed = await this.#commit(due);
    tellProgress(this.#plan, { index: due.index, loss: committed.loss }, this.#deps);
    this.#version = committed.version;
    this.#leave();
    // Before a checkpoint is taken: nobody waits for it.
    if (!this.areDone && this.#ended === null) this.#giveOut();
    await stepDone(committed);
  }

  /** The first step is not open any more. */
  #leave(): void {
    this.#open = this.#open.slice(1);
    this.#index += 1;
    this.#isGivenOut = false;
  }

  /** Opens the steps that may be, and gives out what there is at the newest parameters. */
  #giveOut(): void {
    this.#throwIfEnded();
    const { config, dispatcher } = this.#deps;
    const steps = stepCount(this.#plan, config.training);
    const ahead = this.#stepsAhead();
    // The steps that follow one without draws get other numbers.
    while (this.#open.length <= ahead && this.#open.at(-1)?.units.length !== 0) {
      const index = this.#index + this.#open.length;
      if (index >= steps) break;
      this.#open.push(this.#openStep(index));
    }
    this.#isGivenOut = true;
    const request = this.#request();
    if (request.work.length === 0) return;
    const phase = this.#isUnderWay ? dispatcher.moveWork(request) : dispatcher.runPhase(request);
    this.#isUnderWay = true;
    phase.catch((error: unknown) => {
      this.#ended = error as Error;
      this.#wake();
    });
  }

  /** How many steps may be open besides the one that is due. */
  #stepsAhead(): number {
    const { mode } = this.#deps.config.training;
    const bound = stalenessBound(this.#deps.config.training);
    const { ordersInFlight } = this.#deps.config.cluster;
    return mode === 'async' ? Math.min(bound, ordersInFlight * this.#workers()) : bound;
  }

  #workers(): number {
    const { config, dispatcher } = this.#deps;
    return Math.max(config.cluster.minWorkers, workingMembers(dispatcher.state).length);
  }

  #openStep(index: number): OpenStep {
    const { config, images } = this.#deps;
    const { training } = config;
    const draws = sliceDraws(stepDraws(this.#plan, index, training), training);
    const counts = draws.map((own) => countOf(this.#plan, own, images.leftOut));
    const step = this.#firstStep + index;
    const units = unitsOf(counts, this.#workers());
    return { index, step, counts, units, results: new Map(), orderedAt: step };
  }

  #request(): PhaseRequest<TrainSliceWork, ReturnType<typeof unitOrder>, TrainedUnit> {
    const open = new Map(this.#open.map((own) => [own.step, own]));
    const plan = this.#plan;
    const { config, images, sliceFacts } = this.#deps;
    const version = this.#version;
    return {
      ...{ kind: trainSlice, epoch: plan.epoch, parameterVersion: version },
      isRepeated: this.#isRepeated,
      work: this.#open.flatMap(({ step, units }) => units.map((unit) => workOf(step, unit))),
      order: ({ step, slice, slices }) => {
        const own = open.get(step)!;
        own.orderedAt = Math.min(own.orderedAt, version);
        const { index } = own;
        const rateFactor = rateFactorOf({ plan, index }, config);
        return unitOrder(
          { plan, index, step, slice, slices, rateFactor },
          ...([config.training, images.leftOut, sliceFacts()] as const),
        );
      },
      take: (unit, result, { generation }) => {
        takeUnit(open.get(unit.step)!, unit, { ...result, generation });
        this.#wake();
      },
    };
  }

  /** As soon as all of its units are in. */
  async #commit(due: OpenStep): Promise<CommittedStep> {
    const { plan, step, index } = { plan: this.#plan, ...due };
    const { config, dispatcher, parameters, stepApplied } = this.#deps;
    const rateFactor = rateFactorOf({ plan, index }, config);
    for (;;) {
      await this.#computed(due);
      const inOrder = [...due.results.values()].toSorted((a, b) => a.slice - b.slice);
      hitFailpoint('coordinator.computed', { step });
      // Not cut short by a stop: a step that took effect must be in the ledger of the checkpoint
      // that follows.
      const signal = AbortSignal.timeout(COMMIT_MS);
      const reply = await parameters.commit(step, inOrder, rateFactor, signal);
      if (reply.kind === 'missing') {
        this.#computeAgain(due, reply.slices);
        continue;
      }
      const { samples, lossSum } = sumsOf(inOrder);
      hitFailpoint('coordinator.committed', { step });
      await stepApplied(step);
      const draws = stepDraws(plan, index, config.training);
      const skipped = draws.end - draws.begin - samples;
      dispatcher.dispatch({ type: 'stepCommitted', ...draws, skipped });
      hitFailpoint('coordinator.counted', { step });
      return {
        ...{ step, epoch: plan.epoch, loss: lossSum / samples, samples, rateFactor },
        ...{ version: reply.version, staleness: step - due.orderedAt },
      };
    }
  }

  async #computed({ units, results }: OpenStep): Promise<void> {
    for (;;) {
      this.#throwIfEnded();
      if (results.size === units.length) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** A server lost what was pushed. */
  #computeAgain({ step, results }: OpenStep, slices: readonly number[]): void {
    this.#throwIfEnded();
    const { dispatcher, folder } = this.#deps;
    const fields = { step, slices };
    folder.event('slices.missing', `step ${step}: computed again, a server lost them`, fields);
    const lost = [...results.values()].filter(({ slice }) => slices.includes(slice));
    for (const { slice } of lost) results.delete(slice);
    const tasks = lost.map((unit) => trainSlice.key(workOf(step, unit)));
    dispatcher.runAgain(tasks, false).catch((error: unknown) => {
      this.#ended = error as Error;
      this.#wake();
    });
  }

  #throwIfEnded(): void {
    if (this.#ended !== null) throw this.#ended;
  }
}

type TrainedUnit = ReturnType<typeof trainSlice.decodeResult>;

/** @throws TrainerError PROTOCOL_VIOLATION where it is not what was ordered */
function takeUnit(
  { step, counts, results }: OpenStep,
  { slice, slices }: SliceUnit,
  { lossSums, samples, generation }: TrainedUnit & { readonly generation: number },
): void {
  const ordered = counts.slice(slice, slice + slices).filter((count) => count > 0);
  const total = ordered.reduce((sum, count) => sum + count, 0);
  requireAll(`samples of step ${step}, slice ${slice}`, total, samples);
  requireAll(`losses of step ${step}, slice ${slice}`, ordered.length, lossSums.length);
  results.set(slice, { slice, slices, generation, lossSums, samples });
}
