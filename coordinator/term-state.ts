/**
 * The life of a run inside one coordinator, as decisions: how a term begins, what a failure in it
 * leads to, and who is told when the run ends. Pure; terms.ts and run/conduct-run.ts carry out.
 */

/**
 * `waiting`: for parameter servers; `running`: a term is under way; `ending`: its run has failed;
 * `over`: no other term begins.
 */
export type TermStage = 'waiting' | 'running' | 'ending' | 'over';

export interface TermState {
  readonly stage: TermStage;
  /** Whether the next term goes on from the newest checkpoint, if there is one. */
  readonly resumes: boolean;
}

/** What is known when something has failed. */
export interface FailureFacts {
  /** The run was asked to end, or another process has its folder. */
  readonly isStopped: boolean;
  /** A parameter server is gone. */
  readonly isServerLost: boolean;
}

export type TermEvent =
  | { readonly type: 'serversReady' }
  /** The loop of epochs has failed. */
  | ({
      readonly type: 'runFailed';
      readonly isFolderHeld: boolean;
      /** Trying again helps only once a person has done something. */
      readonly needsPerson: boolean;
    } & FailureFacts)
  /** The term is over, by whatever failed in it. */
  | ({ readonly type: 'termFailed' } & FailureFacts)
  | { readonly type: 'runFinished' }
  | {
      readonly type: 'runEnded';
      readonly isFolderLost: boolean;
      readonly needsPerson: boolean;
    };

/** In the order in which they are carried out. */
export type TermAction =
  | { readonly type: 'beginTerm'; readonly resumes: boolean }
  /** What was learnt since the newest one is kept. */
  | { readonly type: 'takeCheckpoint' }
  | { readonly type: 'awaitServers' }
  /** Before the others end: whoever started this process must not start them again. */
  | { readonly type: 'tellPerson' }
  /** Workers and servers end with the exit code of the run. */
  | { readonly type: 'tellAll' };

export interface TermDecision {
  readonly state: TermState;
  readonly actions: readonly TermAction[];
  readonly reason: string;
}

/** @param resumes whether the run has begun before this process */
export function initialTerm(resumes: boolean): TermState {
  return { stage: 'waiting', resumes };
}

/** The given state is not changed. */
export function termTransition(state: TermState, event: TermEvent): TermDecision {
  switch (event.type) {
    case 'serversReady':
      return {
        state: { stage: 'running', resumes: true },
        actions: [{ type: 'beginTerm', resumes: state.resumes }],
        reason: 'every part has its server',
      };
    case 'runFailed':
      return failRun(state, event);
    case 'termFailed':
      return failTerm(state, event);
    case 'runFinished':
      return over(state, [{ type: 'tellAll' }], 'the run is finished');
    case 'runEnded':
      // The run goes on elsewhere: workers and servers find the process that has it now.
      if (event.isFolderLost) return over(state, [], 'another process has the run');
      return over(
        state,
        event.needsPerson ? [{ type: 'tellPerson' }, { type: 'tellAll' }] : [{ type: 'tellAll' }],
        'the run cannot go on',
      );
  }
}

function failRun(
  state: TermState,
  { isStopped, isServerLost, isFolderHeld, needsPerson }: TermEvent & { type: 'runFailed' },
): TermDecision {
  const ending: TermState = { ...state, stage: 'ending' };
  const leave = (reason: string): TermDecision => ({ state: ending, actions: [], reason });
  if (isServerLost) return leave('what a lost server held is gone');
  if (!isFolderHeld) return leave('another process has the folder');
  if (!isStopped && !needsPerson) return leave('a failure is met again from a newer checkpoint');
  return { state: ending, actions: [{ type: 'takeCheckpoint' }], reason: 'the run can go on' };
}

function failTerm(state: TermState, { isStopped, isServerLost }: FailureFacts): TermDecision {
  if (isStopped || !isServerLost) return over(state, [], 'the run ends');
  return {
    state: { ...state, stage: 'waiting' },
    actions: [{ type: 'awaitServers' }],
    reason: 'all go back to the newest checkpoint',
  };
}

function over(state: TermState, actions: readonly TermAction[], reason: string): TermDecision {
  return { state: { ...state, stage: 'over' }, actions, reason };
}
