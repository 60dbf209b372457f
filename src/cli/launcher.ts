/**
 * Keeps a run's processes on one machine: starts the coordinator, then the workers at its address, restarts workers that
 * die, and leaves none behind. The run is over when the coordinator is; a worker that no retry will mend ends it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, unavailable } from '../errors.ts';
import type { Notice } from '../telemetry/notice.ts';
import {
  describeExit,
  startProcess,
  type ProcessExit,
  type ProcessHooks,
  type ProcessSpec,
  type RunningProcess,
} from './child-process.ts';
import { ProcessFailure } from './failure.ts';

export interface LaunchPlan {
  readonly coordinator: ProcessSpec;
  /** The workers, given the coordinator's address. */
  readonly workers: (address: string) => readonly ProcessSpec[];
  /** Restarts allowed for each worker. */
  readonly maxRestarts: number;
  /** An existing folder for `<id>.log` files. */
  readonly logs: string;
  /** What a person can do now, for the end of a message. */
  readonly remedy: () => string;
  readonly times?: Partial<LaunchTimes>;
}

export interface LaunchTimes {
  /** Before the first restart of a worker; doubles with each, up to the longest. */
  readonly backoffMs: number;
  readonly longestBackoffMs: number;
  /** For the coordinator to take its checkpoint after it was asked to stop. */
  readonly stopMs: number;
  /** For a worker to leave by itself after the run has ended, and then after it was asked to. */
  readonly leaveMs: number;
}

const TIMES: LaunchTimes = {
  backoffMs: 500,
  longestBackoffMs: 30_000,
  stopMs: 120_000,
  leaveMs: 10_000,
};

export interface LaunchHooks extends ProcessHooks {
  /** A line for a person: a restart, a stop. */
  readonly onRemark: (text: string) => void;
}

export interface LaunchSignals {
  /** Stop in order: the coordinator takes a checkpoint, then everything ends. */
  readonly stop: AbortSignal;
  /** End everything now. */
  readonly kill: AbortSignal;
}

/**
 * Runs the plan to its end; when this settles, no process of it is left.
 * @returns the summary that the coordinator finished with
 * @throws ProcessFailure with the exit code of what failed; TrainerError UNAVAILABLE when stopped
 */
export async function superviseRun(
  plan: LaunchPlan,
  hooks: LaunchHooks,
  signals: LaunchSignals,
): Promise<unknown> {
  const times = { ...TIMES, ...plan.times };
  const running = new Set<RunningProcess>();
  /** Aborted when the run ends, for whatever reason: from then on nothing is started. */
  const ending = new AbortController();
  let failure: ProcessFailure | null = null;
  let summary: unknown;
  let announce: (address: string) => void = () => undefined;
  const listening = new Promise<string>((resolve) => {
    announce = resolve;
  });

  const killAll = (): void => {
    for (const child of running) child.kill('SIGKILL');
  };
  const start = (spec: ProcessSpec, onNotice = hooks.onNotice): RunningProcess => {
    const child = startProcess(spec, plan.logs, { ...hooks, onNotice });
    running.add(child);
    void child.exited.then(() => running.delete(child));
    if (signals.kill.aborted) child.kill('SIGKILL');
    return child;
  };
  const coordinator = start(plan.coordinator, (id: string, notice: Notice) => {
    if (notice.type === 'listening') announce(notice.address);
    if (notice.type === 'finished') summary = notice.summary;
    hooks.onNotice(id, notice);
  });
  const stopCoordinator = (): void => {
    ending.abort();
    coordinator.kill('SIGTERM');
    void endWithin(coordinator, times.stopMs);
  };
  const fail = (error: ProcessFailure): void => {
    if (ending.signal.aborted) return;
    failure = error;
    stopCoordinator();
  };

  process.on('exit', killAll); // the launcher's own crash
  signals.stop.addEventListener('abort', stopCoordinator);
  signals.kill.addEventListener('abort', killAll);
  if (signals.stop.aborted) stopCoordinator();
  try {
    const address = await Promise.race([listening, coordinator.exited.then(() => null)]);
    const keepers = (address === null ? [] : plan.workers(address)).map((spec) =>
      keepWorker(spec, {
        start,
        fail,
        onRemark: hooks.onRemark,
        plan,
        times,
        ending: ending.signal,
      }),
    );
    const exit = await coordinator.exited;
    ending.abort();
    await endWorkers(running, exit.code === EXIT.done, times.leaveMs);
    await Promise.all(keepers);
    return outcomeOf(exit, summary, failure, signals, plan);
  } finally {
    killAll();
    process.off('exit', killAll);
    signals.stop.removeEventListener('abort', stopCoordinator);
    signals.kill.removeEventListener('abort', killAll);
  }
}

interface KeeperDeps {
  readonly start: (spec: ProcessSpec) => RunningProcess;
  readonly fail: (error: ProcessFailure) => void;
  readonly onRemark: (text: string) => void;
  readonly plan: LaunchPlan;
  readonly times: LaunchTimes;
  readonly ending: AbortSignal;
}

/** Keeps one worker running until the run ends; resolves when its last process has ended. */
async function keepWorker(spec: ProcessSpec, deps: KeeperDeps): Promise<void> {
  const { maxRestarts } = deps.plan;
  const isEnding = (): boolean => deps.ending.aborted;
  for (let restarts = 0; !isEnding(); restarts++) {
    const exit = await deps.start(spec).exited;
    // A worker leaves with 0 when the coordinator told it that the run is over.
    if (isEnding() || exit.code === EXIT.done) return;
    const reason = `${describeExit(exit)}${exit.message === null ? '' : `: ${exit.message}`}`;
    if (exit.code === EXIT.invalid) {
      deps.fail(new ProcessFailure(exit.message ?? `${spec.id} ended by ${reason}`, EXIT.invalid));
      return;
    }
    if (restarts === maxRestarts) {
      const story = `${spec.id} ended ${restarts + 1} times, the last by ${reason}`;
      const remedy = `see ${deps.plan.logs}/${spec.id}.log; ${deps.plan.remedy()}`;
      deps.fail(new ProcessFailure(`${story}; ${remedy}`, EXIT.failed));
      return;
    }
    deps.onRemark(`${spec.id} ended by ${reason}; restart ${restarts + 1} of ${maxRestarts}`);
    const backoffMs = Math.min(deps.times.longestBackoffMs, deps.times.backoffMs * 2 ** restarts);
    await delay(backoffMs, undefined, { signal: deps.ending }).catch(() => undefined);
  }
}

/** Time for workers that the coordinator has told of the end [ms]. */
const TOLD_LEAVE_MS = 1_500;

/** Waits until all have ended: by themselves where the run is done, asked to, or killed. */
async function endWorkers(
  running: ReadonlySet<RunningProcess>,
  isDone: boolean,
  leaveMs: number,
): Promise<void> {
  await Promise.all(
    [...running].map(async (worker) => {
      // Told of the end, a worker leaves at once; one that was just starting again would look for the coordinator.
      if (isDone && (await hasEndedWithin(worker, Math.min(leaveMs, TOLD_LEAVE_MS)))) return;
      worker.kill('SIGTERM');
      await endWithin(worker, leaveMs);
    }),
  );
}

async function endWithin(child: RunningProcess, ms: number): Promise<void> {
  if (!(await hasEndedWithin(child, ms))) child.kill('SIGKILL');
  await child.exited;
}

async function hasEndedWithin(child: RunningProcess, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const expired = delay(ms, false, { signal: timer.signal }).catch(() => false);
  const ended = await Promise.race([child.exited.then(() => true), expired]);
  timer.abort();
  return ended;
}

function outcomeOf(
  exit: ProcessExit,
  summary: unknown,
  failure: ProcessFailure | null,
  signals: LaunchSignals,
  { remedy, logs }: LaunchPlan,
): unknown {
  if (failure) throw failure;
  if (exit.code === EXIT.done && summary !== undefined) return summary;
  if (exit.code === EXIT.invalid) {
    throw new ProcessFailure(exit.message ?? 'the coordinator gave no reason', EXIT.invalid);
  }
  if (signals.kill.aborted) throw unavailable('run', `killed; ${remedy()}`);
  if (signals.stop.aborted) throw unavailable('run', `stopped; ${remedy()}`);
  const why = exit.message === null ? '' : `: ${exit.message}`;
  const story = `the coordinator ended by ${describeExit(exit)}${why}`;
  // A signal is somebody's doing, not the run's: the same run can go on.
  const exitCode = exit.signal === null ? exit.code || EXIT.failed : EXIT.retry;
  throw new ProcessFailure(`${story}; see ${logs}; ${remedy()}`, exitCode);
}
