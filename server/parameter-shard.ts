/**
 * What a parameter server holds: the parameters, and with ODC the sample memory beside them. A
 * slice's gradient and its memory rows are staged together, and a step's commit applies both or
 * neither, once. Transport is in the services.
 */
import type { MemoryShape, SliceRows } from '../src/clustering/odc/sample-memory.ts';
import { hitFailpoint } from '../src/process/failpoints.ts';
import { TrainerError, protocolViolation } from '../src/errors.ts';
import type { ExchangeCodings } from '../src/ps/codec/vector-coding.ts';
import type { ParameterShardPlan } from '../src/ps/parameter-plan.ts';
import type { ParameterStore } from '../src/ps/parameter-store.ts';
import type { CommitOutcome, PushOutcome } from '../src/ps/store-types.ts';
import type { SliceGeneration, SlicePush } from '../src/ps/slice-push.ts';
import { MemoryKeeper, RowStage, type MemoryOutcome } from './memory-keeper.ts';

export class ParameterShard {
  readonly plan: ParameterShardPlan;
  readonly store: ParameterStore;
  /** Forms of what workers push and pull; null: float32. */
  readonly codings: ExchangeCodings | null;
  /**
   * Null unless the run has a sample memory. Sealed at the store's version; in step with it from
   * then on.
   */
  #keeper: MemoryKeeper | null;
  readonly #stage = new RowStage();

  constructor(
    plan: ParameterShardPlan,
    store: ParameterStore,
    keeper: MemoryKeeper | null,
    codings: ExchangeCodings | null = null,
  ) {
    this.codings = codings;
    this.plan = plan;
    this.store = store;
    this.#keeper = keeper;
  }

  /** Null where there is none. */
  get memory(): MemoryKeeper | null {
    return this.#keeper;
  }

  /** @throws TrainerError UNAVAILABLE where there is none */
  requireMemory(): MemoryKeeper {
    if (this.#keeper !== null) return this.#keeper;
    throw new TrainerError('UNAVAILABLE', 'sample memory: it has not been begun');
  }

  /**
   * Makes room for rows.
   * @throws TrainerError PROTOCOL_VIOLATION when there is a memory of another shape, or a sealed
   *   one
   */
  beginMemory(shape: MemoryShape): MemoryOutcome {
    if (this.#keeper === null) {
      this.#keeper = new MemoryKeeper(shape);
      return 'applied';
    }
    if (this.#keeper.has(shape) && !this.#keeper.isSealed) return 'duplicate';
    throw protocolViolation(
      'begin of the sample memory',
      'none before it',
      'one with pseudo-labels, or of another shape',
      'a run has one initial clustering',
    );
  }

  /** @throws TrainerError PROTOCOL_VIOLATION unless `step` is the one that the store takes next */
  sealMemory(step: number, pseudoLabels: Int32Array): MemoryOutcome {
    if (step !== this.store.version) {
      throw protocolViolation(
        'step of the sample memory',
        `step ${this.store.version}`,
        `step ${step}`,
        'restore both from the same checkpoint',
      );
    }
    return this.requireMemory().seal(step, pseudoLabels);
  }

  /**
   * Keeps a slice's gradient, and its memory rows where the run has a memory, until the commit.
   * @throws TrainerError as ParameterStore.stage and SampleMemory.check; nothing is then kept
   */
  stage(push: SlicePush, rows: SliceRows | null): PushOutcome {
    const memory = this.#keeper?.isSealed === true ? this.#keeper.memory : null;
    if ((memory === null) !== (rows === null)) {
      throw protocolViolation(
        `push of step ${push.step}, slice ${push.slice}`,
        memory === null ? 'no memory rows' : 'memory rows',
        rows === null ? 'none' : 'some',
        'run the same configuration on every process',
      );
    }
    // A push that is too late names samples as they were: only a timely one is checked against the
    // memory.
    if (rows !== null && push.step === memory?.step) memory.check(rows);
    const outcome = this.store.stage(push);
    if (outcome.kind === 'staged' && rows !== null) this.#stage.put(push.generation, rows);
    hitFailpoint('server.staged', {
      step: push.step,
      slice: push.slice,
      part: this.plan.shardIndex,
    });
    return outcome;
  }

  /**
   * Both halves of a step take effect here, or neither.
   * @throws TrainerError as ParameterStore.commit
   */
  commit(step: number, slices: readonly SliceGeneration[], learningRateFactor = 1): CommitOutcome {
    const facts = { step, part: this.plan.shardIndex };
    hitFailpoint('server.beforeApply', facts);
    const outcome = this.store.commit(step, slices, learningRateFactor);
    hitFailpoint('server.betweenHalves', facts);
    // What could be refused was refused when it was staged: from here on nothing fails.
    if (outcome.kind === 'applied' && this.#keeper?.isSealed === true) {
      this.#keeper.memory.apply(step, this.#stage.take(slices));
    }
    hitFailpoint('server.afterApply', facts);
    return outcome;
  }
}
