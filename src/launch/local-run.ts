/**
 * A whole run on this machine, without a terminal: its folder, its processes, its end. The command
 * `launch` shows what it tells; a program listens (src/api).
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadRunConfig, type ConfigSources, type LoadedConfig } from '../config/load.ts';
import type { RunConfig } from '../config/schema.ts';
import { EXIT, configInvalid, unavailable } from '../errors.ts';
import { resumeCommand } from '../messages/command-line.ts';
import { SPARE_COLLECTIONS, SPARE_COLLECTIONS_OF_SMALL_HEAP } from '../process/allocator.ts';
import { packageRoot } from '../process/package-root.ts';
import type { RunSummary } from '../report/summary.ts';
import {
  configFileOf,
  defaultRunFolder,
  makeRunFolder,
  requireRunFolder,
  withSavedConfig,
} from '../run/folder.ts';
import { initialWeights } from '../run/initial-weights.ts';
import { requireFreeFolder } from '../run/lock/take-folder.ts';
import { engineEntry } from '../engine/registry.ts';
import { withFastestEngine } from '../suggest/fastest-engine.ts';
import { requireMemory } from '../suggest/memory-budget.ts';
import { withSuggestion } from '../suggest/suggested-sources.ts';
import type { LogLevel } from '../telemetry/logger.ts';
import { undoFailedStart } from './failed-start.ts';
import { superviseRun, type LaunchHooks, type LaunchPlan, type LaunchSignals } from './launcher.ts';
import { detectMachine, workerShare } from './machine.ts';
import { requireOpenFiles } from './open-files.ts';
import { exitCodeOfFailure } from './process-failure.ts';
import { withThreads } from './threads.ts';

export interface LocalRunRequest {
  readonly sources: Omit<ConfigSources, 'env'>;
  /** Folder of the run, or null for a new one under `runs/`. */
  readonly out: string | null;
  readonly isResumed: boolean;
  /** Wait for the end of another process that holds the folder; left out: no. */
  readonly isWaiting?: boolean;
  /** Take the folder from another process that holds it; left out: no. */
  readonly takesOver?: boolean;
  /** Take the engine that trains the run's network fastest here; left out: the settings' one. */
  readonly measuresEngine?: boolean;
  /** Whether the workers write traces. */
  readonly isTraced: boolean;
  /** `host:port` of the live page; null, as when left out: none. */
  readonly dashboard?: string | null;
  /** Folder with the processes' certificates and tokens; left out: their connections are plain. */
  readonly credentials?: string;
  /** Least level of the processes' logs. */
  readonly logLevel: LogLevel;
}

/** Where the run lies, and how it ended. */
export interface LocalRun {
  readonly out: string;
  readonly summary: RunSummary;
}

export interface LocalRunHooks extends LaunchHooks {
  /** The folder belongs to another process, whose end is waited for. */
  readonly onHeld: (reason: string) => void;
  /** The processes are about to start. */
  readonly onStart: (start: LocalStart) => void;
}

/** What is about to start. */
export interface LocalStart {
  /** Folder of the run. */
  readonly out: string;
  readonly config: RunConfig;
  /** Processes. */
  readonly workers: number;
  readonly servers: number;
}

/** What the run may use of the process that asks for it. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Files that a process may have open at a time; null: not known. */
  readonly openFiles: number | null;
}

/**
 * Runs a run to its end; no process of it is left then, and none where it fails.
 * @throws TrainerError CONFIG_INVALID for what no retry mends, UNAVAILABLE when stopped;
 *   ProcessFailure with the exit code of the process that failed
 */
export async function runLocally(
  request: LocalRunRequest,
  hooks: LocalRunHooks,
  signals: LaunchSignals,
  { env, openFiles }: Surroundings,
): Promise<LocalRun> {
  const { isResumed } = request;
  if (request.out !== null) requireRunFolder(request.out, isResumed);
  const saved = withSavedConfig(request.sources, request.out ?? '', isResumed);
  // What is said must be right before anything is measured.
  loadRunConfig({ ...saved, env });
  const surroundings = { env, signal: signals.stop, onMeasure: hooks.onRemark };
  const suggested = isResumed ? null : await withSuggestion(saved, surroundings);
  if (suggested !== null) hooks.onRemark(suggested.story);
  let sources = suggested?.sources ?? saved;
  if (request.measuresEngine === true) {
    const measured = await withFastestEngine(sources, surroundings);
    hooks.onRemark(measured.story);
    ({ sources } = measured);
  }
  let loaded = loadRunConfig({ ...sources, env });
  const { workers, machine } = workersOf(loaded, env);
  const { cores } = machine;
  const resumed = isResumed ? request.out : null;
  const threads = withThreads(sources, { workers, cores, resumed, env });
  if (threads.remark !== null) hooks.onRemark(threads.remark);
  ({ sources } = threads);
  loaded = loadRunConfig({ ...sources, env });
  if (loaded.config.data.source === null) {
    throw configInvalid('data.source', 'must name the images (give --data)', null, 'the default');
  }
  // Before any process starts: they take seconds to find the same.
  if (!isResumed) await initialWeights(loaded.config);
  const out = request.out ?? defaultRunFolder(loaded.config.algorithm, Date.now());
  const { servers } = loaded.config.cluster;
  requireOpenFiles(openFiles, workers + servers);
  await requireMemory({ config: loaded.config, workers, isResumed }, surroundings);
  let made: string | undefined;
  try {
    made = makeRunFolder(out);
    // Before anything is written to it, logs for instance. The coordinator takes it.
    await requireFreeFolder(out, {
      isWaiting: request.isWaiting === true,
      takesOver: request.takesOver === true,
      signal: signals.stop,
      onHeld: hooks.onHeld,
    }).catch((error: unknown) => {
      if (signals.stop.aborted) throw unavailable('run', 'stopped while it waited for its folder');
      throw error;
    });
    const plan = planLaunch({ ...request, sources, out }, loaded, env);
    hooks.onStart({ out, config: loaded.config, workers: plan.workers, servers });
    const madeWithin = makeRunFolder(out, 'logs');
    made ??= madeWithin;
    return { out, summary: (await superviseRun(plan, hooks, signals)) as RunSummary };
  } catch (error) {
    if (!isResumed && exitCodeOfFailure(error) === EXIT.invalid) {
      await undoFailedStart(out, made);
    }
    throw error;
  }
}

/** Workers, and what they may use: one a GPU unless someone has said how many. */
function workersOf({ config, origins }: LoadedConfig, env: Surroundings['env']) {
  const whole = detectMachine(env);
  const { usesGpus } = engineEntry(config.cluster.engine);
  const machine = usesGpus ? whole : { ...whole, gpus: [] };
  const isCounted = origins['cluster.workers'] !== undefined || machine.gpus.length === 0;
  return { machine, workers: isCounted ? config.cluster.workers : machine.gpus.length };
}

function planLaunch(
  request: LocalRunRequest & { readonly out: string },
  loaded: LoadedConfig,
  env: Surroundings['env'],
): LaunchPlan & { readonly workers: number } {
  const { sources, out, isResumed, isTraced } = request;
  const { config } = loaded;
  const entry = join(packageRoot(), 'bin', 'deepcluster.mjs');
  const commonFlags = [
    ...['--log-level', request.logLevel],
    ...(request.credentials === undefined ? [] : ['--credentials', resolve(request.credentials)]),
  ];
  const { machine, workers } = workersOf(loaded, env);
  const logs = join(out, 'logs');
  const { servers, threads } = config.cluster;
  const training = [process.execPath, ...SPARE_COLLECTIONS, entry];
  const serving = [process.execPath, ...SPARE_COLLECTIONS_OF_SMALL_HEAP, entry];
  // Without servers it keeps the parameters, and every vector passes through it.
  const coordinating = servers === 0 ? training : serving;
  const noGpu = { ...env, CUDA_VISIBLE_DEVICES: '' };
  return {
    workers,
    coordinator: (earlier) => ({
      id: 'coordinator',
      command: [
        ...[...coordinating, 'coordinator', '--listen', earlier ?? '127.0.0.1:0'],
        ...['--out', out, ...commonFlags],
        ...(typeof request.dashboard !== 'string' ? [] : ['--dashboard', request.dashboard]),
        ...(earlier !== null ? ['--resume-or-begin'] : isResumed ? ['--resume'] : []),
        // One that starts again finds the earlier one dead, or else the folder in other hands.
        ...(earlier === null && request.takesOver === true ? ['--take-over'] : []),
        ...configFlags(sources),
        ...['--workers', String(workers)],
      ],
      env: noGpu,
    }),
    others: (address) => [
      ...Array.from({ length: servers }, (_, part) => {
        const flags = ['--coordinator', address, '--shard', String(part), ...commonFlags];
        return { id: `server-${part}`, command: [...serving, 'server', ...flags], env: noGpu };
      }),
      ...Array.from({ length: workers }, (_, index) => {
        const id = `worker-${index}`;
        const traceFlags = isTraced ? ['--trace', join(out, 'trace', `${id}.json`)] : [];
        const flags = ['--coordinator', address, '--worker-id', id, ...commonFlags, ...traceFlags];
        return {
          id,
          command: [...training, 'worker', ...flags],
          env: { ...env, ...workerShare(index, workers, machine, env, threads) },
        };
      }),
    ],
    maxRestarts: config.cluster.maxRestarts,
    logs,
    remedy: () =>
      existsSync(configFileOf(out))
        ? `continue with: ${resumeCommand(out, request)}`
        : 'the run had not begun: start it again',
  };
}

/** The flags that give another process the same sources; the environment it inherits. */
function configFlags({ file, preset, settings }: Omit<ConfigSources, 'env'>): string[] {
  return [
    ...(file === undefined ? [] : ['--config', file]),
    ...(preset === undefined ? [] : ['--preset', preset]),
    ...settings.flatMap(({ key, value }) => ['--set', `${key}=${value}`]),
  ];
}
