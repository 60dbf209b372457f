/** When a run takes a checkpoint, and for which servers that ask to end it must. Pure. */

export interface StepFacts {
  /** As `checkpoint.everySteps`; 0: only where an epoch's stages end. */
  readonly everySteps: number;
  /** Parameter version after the step; also the count of committed steps. */
  readonly version: number;
  /** Steps of the epoch that are done. */
  readonly index: number;
  readonly stepsOfEpoch: number;
  /** Whether a server waits for a checkpoint, to leave. */
  readonly isAwaited: boolean;
}

/** Whether a checkpoint follows a step. The last step of an epoch has that of the epoch's end. */
export function followsStep(facts: StepFacts): boolean {
  const { everySteps, version, index, stepsOfEpoch, isAwaited } = facts;
  const isDue = everySteps > 0 && version % everySteps === 0;
  return (isDue || isAwaited) && index < stepsOfEpoch;
}

export interface LeavingFacts {
  readonly stage: 'cluster' | 'train';
  /** Parameter version now. */
  readonly version: number;
  /**
   * That of the newest checkpoint that is written, or being written; the initial one needs none.
   */
  readonly savedVersion: number;
}

/**
 * When a server may leave: `written` once the checkpoint under way is on disk, `next` once another
 * one is. While the run trains, the step under way is waited for. Between epochs nothing is lost
 * with a server but a clustering, once the epoch before it has its checkpoint.
 */
export function leavesWith({ stage, version, savedVersion }: LeavingFacts): 'written' | 'next' {
  return stage === 'train' || savedVersion !== version ? 'next' : 'written';
}
