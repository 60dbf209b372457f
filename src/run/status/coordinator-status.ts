/** What a coordinator answers, as the status of its run. */
import type { StatusReply__Output } from '../../rpc/generated/deepcluster/v1/StatusReply.ts';
import type { RunStatus } from './run-status.ts';

/** Of a run whose folder is not at hand. */
export function statusOfReply(address: string, reply: StatusReply__Output): RunStatus {
  return {
    state: 'running',
    reason: '',
    folder: null,
    algorithm: null,
    stepsOfEpoch: null,
    imagesPerSecond: null,
    secondsLeft: null,
    checkpoint: null,
    events: [],
    ...factsOf(address, reply),
    ...(reply.phase === '' ? { state: 'starting' } : {}),
    ...(reply.paused === '' ? {} : { state: 'paused', reason: reply.paused }),
  };
}

/** The folder's status with what its coordinator knows better. */
export function withReply(
  status: RunStatus,
  address: string,
  reply: StatusReply__Output,
): RunStatus {
  const isPaused = reply.paused !== '';
  // It answers: it is not silent, and has not died.
  const state = isPaused ? 'paused' : reply.phase === '' ? 'starting' : 'running';
  // Its answer may be of a phase that the folder, read a moment before, did not know of.
  const isSamePhase = reply.epoch === status.epoch && reply.phase === status.phase;
  return {
    ...status,
    ...(isSamePhase ? {} : { imagesPerSecond: null }),
    ...factsOf(address, reply),
    ...{ state, reason: reply.paused },
    stepsOfEpoch: isSamePhase ? stepsAt(status, reply.step) : null,
    // Its folder has it of steps before a restart, too.
    lastLoss: reply.step === 0 ? status.lastLoss : reply.lastLoss,
  };
}

/** Steps of the epoch, where some have taken effect since the folder was read. */
function stepsAt({ stepsOfEpoch, step }: RunStatus, now: number): RunStatus['stepsOfEpoch'] {
  if (stepsOfEpoch === null) return null;
  const { done, total } = stepsOfEpoch;
  return { done: Math.min(total, done + now - step), total };
}

function factsOf(address: string, reply: StatusReply__Output) {
  const { runId, epoch, epochs, phase, step, lastLoss, term, paused, collapsed } = reply;
  return {
    ...{ coordinator: address, runId, epoch, epochs, phase, step, term, paused, collapsed },
    lastLoss: step === 0 ? null : lastLoss,
    workers: reply.workers.map((worker) => ({ ...worker })),
  };
}
