/** `deepcluster launch`: a whole run on one machine; the processes are kept by src/cli/launcher.ts. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { SPARE_COLLECTIONS, SPARE_COLLECTIONS_OF_SMALL_HEAP } from '../config/allocator.ts';
import { resumeCommand } from '../config/command-line.ts';
import { loadRunConfig, type ConfigSources, type LoadedConfig } from '../config/load.ts';
import { packageRoot } from '../config/package-root.ts';
import {
  configFileOf,
  defaultRunFolder,
  makeRunFolder,
  requireRunFolder,
  withSavedConfig,
} from '../config/run-folder.ts';
import { engineEntry } from '../engine/registry.ts';
import { EXIT, configInvalid, unavailable } from '../errors.ts';
import type { RunSummary } from '../report/summary.ts';
import { requireFreeFolder } from '../run/take-folder.ts';
import type { LogLevel } from '../telemetry/logger.ts';
import { createProgressView, type ProgressView } from '../telemetry/progress-view.ts';
import { shownLine } from './child-log.ts';
import { credentialsOption } from './credentials.ts';
import { exitCodeOfFailure } from './failure.ts';
import { undoFailedStart } from './failed-start.ts';
import { superviseRun, type LaunchHooks, type LaunchPlan } from './launcher.ts';
import { detectMachine, workerShare } from './machine.ts';
import { requireOpenFiles } from './open-files.ts';
import {
  addConfigOptions,
  addFolderOptions,
  addQuietLogOptions,
  configSourcesOf,
  shownLogLevel,
  type ConfigOptions,
  type FolderOptions,
  type QuietLogOptions,
} from './options.ts';
import { takeStopSignals } from './stop-signals.ts';
import { summaryLines } from './summary-table.ts';
import { printJson, printLines, type Terminal } from './terminal.ts';

interface LaunchOptions extends ConfigOptions, FolderOptions, QuietLogOptions {
  readonly out?: string;
  readonly resume?: boolean;
  readonly trace?: boolean;
  readonly credentials?: string;
  readonly json?: boolean;
}

export function addLaunchCommand(program: Command, terminal: Terminal): void {
  addQuietLogOptions(addFolderOptions(addConfigOptions(program.command('launch'))))
    .description('run a coordinator and its workers on this machine, and keep them running')
    .option('--out <dir>', 'folder of the run; runs/<algorithm>-<time> by default')
    .option('--resume', 'go on with the run in --out, by its own configuration if none is given')
    .option(
      '--trace',
      "write each worker's trace for ui.perfetto.dev to trace/ in the run's folder",
    )
    .addOption(credentialsOption())
    .option('--json', 'print the summary as one JSON object')
    .action(async (options: LaunchOptions, command: Command) => {
      if (options.resume === true && options.out === undefined) {
        command.error("option '--resume' needs '--out <dir>', the folder of the run");
      }
      await launchRun(
        {
          sources: configSourcesOf(options),
          out: options.out ?? null,
          isResumed: options.resume === true,
          isWaiting: options.wait === true,
          takesOver: options.takeOver === true,
          isTraced: options.trace === true,
          ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
          isJson: options.json === true,
          shownLevel: shownLogLevel(options),
        },
        terminal,
      );
    });
}

export interface LaunchRequest {
  readonly sources: Omit<ConfigSources, 'env'>;
  /** Folder of the run, or null for a new one under `runs/`. */
  readonly out: string | null;
  readonly isResumed: boolean;
  /** Wait for the end of another process that holds the folder; left out: no. */
  readonly isWaiting?: boolean;
  /** Take the folder from another process that holds it; left out: no. */
  readonly takesOver?: boolean;
  /** Whether the workers write traces. */
  readonly isTraced: boolean;
  readonly isJson: boolean;
  /** Folder with the processes' certificates and tokens; left out: their connections are plain. */
  readonly credentials?: string;
  /** Level from which on the processes' logs are shown; null for warnings and errors in short. */
  readonly shownLevel: LogLevel | null;
}

/** Runs a run to its end and prints its summary. */
export async function launchRun(request: LaunchRequest, terminal: Terminal): Promise<void> {
  const { isResumed } = request;
  if (request.out !== null) requireRunFolder(request.out, isResumed);
  const sources = withSavedConfig(request.sources, request.out ?? '', isResumed);
  const loaded = loadRunConfig({ ...sources, env: terminal.env });
  if (loaded.config.data.source === null) {
    throw configInvalid('data.source', 'must name the images (give --data)', null, 'the default');
  }
  const out = request.out ?? defaultRunFolder(loaded.config.algorithm, Date.now());
  const { workers, servers } = loaded.config.cluster;
  requireOpenFiles(terminal.openFiles ?? null, workers + servers);
  const view = createProgressView({ stream: terminal.stderr, nowMs: () => performance.now() });
  let isRunning = false;
  let made: string | undefined;
  const signals = takeStopSignals(() => {
    if (!isRunning) return;
    view.remark('stopping: the coordinator takes a checkpoint; press Ctrl-C again to kill');
  });
  try {
    made = makeRunFolder(out);
    // Before anything is written to it, logs for instance. The coordinator takes it.
    await requireFreeFolder(out, {
      isWaiting: request.isWaiting === true,
      takesOver: request.takesOver === true,
      signal: signals.stop,
      onHeld: (reason) => {
        view.remark(`waiting: ${reason}`);
      },
    }).catch((error: unknown) => {
      if (signals.stop.aborted) throw unavailable('run', 'stopped while it waited for its folder');
      throw error;
    });
    isRunning = true;
    const madeWithin = makeRunFolder(out, 'logs');
    made ??= madeWithin;
    const plan = planLaunch({ ...request, sources, out }, loaded, terminal);
    const hooks = hooksOf(view, request.shownLevel, out);
    const summary = (await superviseRun(plan, hooks, signals)) as RunSummary;
    view.close();
    if (request.isJson) printJson(terminal, summary);
    else printLines(terminal, summaryLines(summary, join(out, 'report.html')));
  } catch (error) {
    if (!isResumed && exitCodeOfFailure(error) === EXIT.invalid) {
      await undoFailedStart(out, made);
    }
    throw error;
  } finally {
    view.close();
    signals.release();
  }
}

function hooksOf(view: ProgressView, shownLevel: LogLevel | null, out: string): LaunchHooks {
  /** Workers take the same engine, unless something is wrong: one line for each that is taken. */
  const engines = new Set<string>();
  let isNamed = false;
  return {
    onNotice(id, notice) {
      // A start that fails before has no folder to be named.
      if (notice.type === 'listening' && id === 'coordinator' && !isNamed) {
        isNamed = true;
        view.remark(`run folder ${out}`);
      }
      if (notice.type === 'progress') view.show(notice);
      if (notice.type === 'remark') view.remark(notice.text);
      if (notice.type === 'engine' && !engines.has(notice.name)) {
        engines.add(notice.name);
        view.remark(`engine ${notice.reason}`);
      }
    },
    onLine(id, line) {
      const shown = shownLine(id, line, shownLevel);
      if (shown !== null) view.remark(shown);
    },
    onRemark(text) {
      view.remark(text);
    },
  };
}

function planLaunch(
  request: LaunchRequest & { readonly out: string },
  { config, origins }: LoadedConfig,
  { env }: Terminal,
): LaunchPlan {
  const { sources, out, isResumed, isTraced } = request;
  const entry = join(packageRoot(), 'bin', 'deepcluster.mjs');
  const commonFlags = [
    ...['--log-level', request.shownLevel === 'debug' ? 'debug' : 'info'],
    ...(request.credentials === undefined ? [] : ['--credentials', resolve(request.credentials)]),
  ];
  const machine = detectMachine(env);
  const { usesGpus } = engineEntry(config.cluster.engine);
  const usable = usesGpus ? machine : { ...machine, gpus: [] };
  // One worker per GPU unless someone has said how many.
  const isCounted = origins['cluster.workers'] !== undefined || usable.gpus.length === 0;
  const workers = isCounted ? config.cluster.workers : usable.gpus.length;
  const logs = join(out, 'logs');
  const { servers } = config.cluster;
  const training = [process.execPath, ...SPARE_COLLECTIONS, entry];
  const serving = [process.execPath, ...SPARE_COLLECTIONS_OF_SMALL_HEAP, entry];
  // Without servers it keeps the parameters, and every vector passes through it.
  const coordinating = servers === 0 ? training : serving;
  const noGpu = { ...env, CUDA_VISIBLE_DEVICES: '' };
  return {
    coordinator: (earlier) => ({
      id: 'coordinator',
      command: [
        ...[...coordinating, 'coordinator', '--listen', earlier ?? '127.0.0.1:0'],
        ...['--out', out, ...commonFlags],
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
          env: { ...env, ...workerShare(index, workers, usable, env) },
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
