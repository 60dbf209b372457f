/**
 * Keeps a run's processes on one machine: starts the coordinator, then parameter servers and
 * workers at its address, restarts what dies, and leaves none behind. The run is over when the
 * coordinator says so; what no retry will mend ends it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, unavailable } from '../errors.ts';
import { pause } from '../process/pause.ts';
import type { Notice } from '../telemetry/notice.ts';
import {
  describeExit,
  startProcess,
  type ProcessExit,
  type ProcessHooks,
  type ProcessSpec,
  type RunningProcess,
} from './child-process.ts';
import { ProcessFailure } from './process-failure.ts';

export interface LaunchPlan {
  /**
   * @param earlier address of a coordinator that died, which this one takes over; null for the
   *   first
   */
  readonly coordinator: (earlier: string | null) => ProcessSpec;
  /** Workers and parameter servers, given the coordinator's address. */
  readonly others: (address: string) => readonly ProcessSpec[];
  /** Restarts allowed for each process. */
  readonly maxRestarts: number;
  /** An existing folder for `<id>.log` files. */
  readonly logs: string;
  /** What a person can do now, for the end of a message. */
  readonly remedy: () => string;
  readonly times?: Partial<LaunchTimes>;
}

export interface LaunchTimes {
  /**
   * Before a process is started again that did not live for long; doubles with each such death in a
   * row, up to the longest.
   */
  readonly backoffMs: number;
  readonly longestBackoffMs: number;
  /** One that lived this long is started again at once: it did not die of its start. */
  readonly soundMs: number;
  /** For the coordinator to take its checkpoint after it was asked to stop. */
  readonly stopMs: number;
  /** For a worker to leave by itself after the run has ended, and then after it was asked to. */
  readonly leaveMs: number;
}

const TIMES: LaunchTimes = {
  backoffMs: 500,
  longestBackoffMs: 30_000,
  soundMs: 3_000,
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
  let coordinator: RunningProcess | null = null;

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
  const startCoordinator = (earlier: string | null): RunningProcess => {
    coordinator = start(plan.coordinator(earlier), (id: string, notice: Notice) => {
      if (notice.type === 'listening') announce(notice.address);
      if (notice.type === 'finished') summary = notice.summary;
      // The others end now, too, and must not be started again.
      if (notice.type === 'failed' && notice.needsPerson === true) ending.abort();
      hooks.onNotice(id, notice);
    });
    return coordinator;
  };
  const stopCoordinator = (): void => {
    ending.abort();
    if (coordinator === null) return;
    coordinator.kill('SIGTERM');
    void endWithin(coordinator, times.stopMs);
  };
  const fail = (error: ProcessFailure): void => {
    if (ending.signal.aborted) return;
    failure = error;
    stopCoordinator();
  };
  const deps = { start, fail, onRemark: hooks.onRemark, plan, times, ending: ending.signal };

  process.on('exit', killAll); // the launcher's own crash
  signals.stop.addEventListener('abort', stopCoordinator);
  signals.kill.addEventListener('abort', killAll);
  try {
    const over = keepCoordinator(startCoordinator, listening, deps);
    if (signals.stop.aborted) stopCoordinator();
    const address = await Promise.race([listening, over.then(() => null)]);
    const keepers = (address === null ? [] : plan.others(address)).map((spec) =>
      keepProcess(spec, deps),
    );
    const exit = await over;
    ending.abort();
    await endOthers(running, exit.code === EXIT.done, times.leaveMs);
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

/**
 * Keeps a coordinator running until it says how the run ended: done, invalid, or failed in a way
 * that it can name. One that was killed, or asks for another try, is started again at its address,
 * and goes on from the newest checkpoint.
 * @returns the last one's end
 */
async function keepCoordinator(
  startCoordinator: (earlier: string | null) => RunningProcess,
  listening: Promise<string>,
  deps: KeeperDeps,
): Promise<ProcessExit> {
  let earlier: string | null = null;
  const backoff = new Backoff(deps.times);
  for (let restarts = 0; ; restarts++) {
    backoff.begin();
    const { exited } = startCoordinator(earlier);
    earlier = await Promise.race([listening, exited.then(() => null)]);
    const exit = await exited;
    const isNamed = exit.message !== null && exit.code !== EXIT.retry;
    const isOver = exit.code === EXIT.done || exit.code === EXIT.invalid;
    const isFinal = isOver || isNamed || exit.isElsewhere || exit.needsPerson;
    // One that never listened cannot even begin: another try would not either.
    if (deps.ending.aborted || isFinal || earlier === null) return exit;
    if (restarts === deps.plan.maxRestarts) return exit;
    tellRestart('coordinator', exit, restarts, deps);
    await backoff.pause(deps.ending);
  }
}

function tellRestart(
  id: string,
  exit: ProcessExit,
  restarts: number,
  { onRemark, plan }: KeeperDeps,
): void {
  onRemark(`${id} ended by ${storyOf(exit)}; restart ${restarts + 1} of ${plan.maxRestarts}`);
}

/** The pauses before one process is started again. */
class Backoff {
  readonly #times: LaunchTimes;
  #startedMs = 0;
  /** Lives in a row, the last included, that were too short to be sound. */
  #shortLives = 0;

  constructor(times: LaunchTimes) {
    this.#times = times;
  }

  /** A life begins. */
  begin(): void {
    this.#startedMs = performance.now();
  }

  /** The life has ended: waits until the next may begin, or until the run ends. */
  async pause(ending: AbortSignal): Promise<void> {
    const { backoffMs, longestBackoffMs, soundMs } = this.#times;
    const isSound = performance.now() - this.#startedMs >= soundMs;
    this.#shortLives = isSound ? 0 : this.#shortLives + 1;
    if (isSound) return;
    const ms = Math.min(longestBackoffMs, backoffMs * 2 ** (this.#shortLives - 1));
    await pause(ms, ending);
  }
}

function storyOf(exit: ProcessExit): string {
  return `${describeExit(exit)}${exit.message === null ? '' : `: ${exit.message}`}`;
}

/**
 * Keeps a worker or server running until the run ends; resolves when its last process has ended.
 */
async function keepProcess(spec: ProcessSpec, deps: KeeperDeps): Promise<void> {
  const { maxRestarts } = deps.plan;
  const isEnding = (): boolean => deps.ending.aborted;
  const backoff = new Backoff(deps.times);
  for (let restarts = 0; !isEnding(); restarts++) {
    backoff.begin();
    const exit = await deps.start(spec).exited;
    // A process leaves with 0 when the coordinator told it that the run is over.
    if (isEnding() || exit.code === EXIT.done) return;
    if (exit.code === EXIT.invalid) {
      const story = exit.message ?? `${spec.id} ended by ${storyOf(exit)}`;
      deps.fail(new ProcessFailure(story, EXIT.invalid));
      return;
    }
    if (restarts === maxRestarts) {
      const story = `${spec.id} ended ${restarts + 1} times, the last by ${storyOf(exit)}`;
      const remedy = `see ${deps.plan.logs}/${spec.id}.log; ${deps.plan.remedy()}`;
      deps.fail(new ProcessFailure(`${story}; ${remedy}`, EXIT.failed));
      return;
    }
    tellRestart(spec.id, exit, restarts, deps);
    await backoff.pause(deps.ending);
  }
}

/** Time for processes that the coordinator has told of the end [ms]. */
const TOLD_LEAVE_MS = 1_500;

/** Waits until all have ended: by themselves where the run is done, asked to, or killed. */
async function endOthers(
  running: ReadonlySet<RunningProcess>,
  isDone: boolean,
  leaveMs: number,
): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      // Told of the end, a process leaves at once; one that was just starting again would look for
      // the coordinator.
      if (isDone && (await hasEndedWithin(child, Math.min(leaveMs, TOLD_LEAVE_MS)))) return;
      child.kill('SIGTERM');
      await endWithin(child, leaveMs);
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
  if (exit.isElsewhere) {
    throw new ProcessFailure(exit.message ?? 'the run goes on elsewhere', EXIT.retry);
  }
  if (exit.needsPerson) {
    throw new ProcessFailure(`${exit.message ?? ''}; ${remedy()}`, exit.code ?? EXIT.retry);
  }
  if (signals.kill.aborted) throw unavailable('run', `killed; ${remedy()}`);
  if (signals.stop.aborted) throw unavailable('run', `stopped; ${remedy()}`);
  const why = exit.message === null ? '' : `: ${exit.message}`;
  const story = `the coordinator ended by ${describeExit(exit)}${why}`;
  // A signal is somebody's doing, not the run's: the same run can go on.
  const exitCode = exit.signal === null ? exit.code || EXIT.failed : EXIT.retry;
  // A message that says how to go on knows better than the launcher.
  const isAdvised = exit.message?.includes('deepcluster launch') === true;
  const advice = isAdvised ? '' : `; ${remedy()}`;
  throw new ProcessFailure(`${story}; see ${logs}${advice}`, exitCode);
}
