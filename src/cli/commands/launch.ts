/** `deepcluster launch`: a whole run on one machine, shown in a terminal; src/launch runs it. */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { ENGINE_CHOICES } from '../../engine/registry.ts';
import { FASTEST } from '../../suggest/fastest-engine.ts';
import { runLocally, type LocalRunRequest } from '../../launch/local-run.ts';
import type { LogLevel } from '../../telemetry/logger.ts';
import { credentialsOption } from '../credentials.ts';
import {
  OWN_PAGE,
  addConfigOptions,
  addFolderOptions,
  addQuietLogOptions,
  configSourcesOf,
  dashboardOption,
  engineOption,
  pageAddressOf,
  shownLogLevel,
  type ConfigOptions,
  type FolderOptions,
  type QuietLogOptions,
} from '../options.ts';
import { ShownRun } from '../shown/shown-run.ts';
import { takeStopSignals } from '../stop-signals.ts';
import { summaryLines } from '../summary-table.ts';
import { printJson, printLines, type Terminal } from '../terminal.ts';

interface LaunchOptions extends ConfigOptions, FolderOptions, QuietLogOptions {
  readonly out?: string;
  readonly resume?: boolean;
  readonly fromTorch?: string;
  readonly trace?: boolean;
  readonly credentials?: string;
  readonly json?: boolean;
  readonly dashboard?: string | false;
}

export function addLaunchCommand(program: Command, terminal: Terminal): void {
  const engine = engineOption(
    `tensor engine (cluster.engine); ${FASTEST} measures which trains the network fastest here`,
    [...ENGINE_CHOICES, FASTEST],
  );
  addQuietLogOptions(addFolderOptions(addConfigOptions(program.command('launch'), engine)))
    .description('run a coordinator and its workers on this machine, and keep them running')
    .option('--out <dir>', 'folder of the run; runs/<algorithm>-<time> by default')
    .option('--resume', 'go on with the run in --out, by its own configuration if none is given')
    .option(
      '--from-torch <file>',
      "begin with the weights of a safetensors file or of PyTorch's .pth (model.initialWeights)",
    )
    .option(
      '--trace',
      "write each worker's trace for ui.perfetto.dev to trace/ in the run's folder",
    )
    .addOption(credentialsOption())
    .addOption(dashboardOption())
    .option('--no-dashboard', 'no live page')
    .option('--json', 'print the summary as one JSON object')
    .action(async (options: LaunchOptions, command: Command) => {
      if (options.resume === true && options.out === undefined) {
        command.error("option '--resume' needs '--out <dir>', the folder of the run");
      }
      if (options.resume === true && options.fromTorch !== undefined) {
        command.error("option '--from-torch' begins a run; leave it out with '--resume'");
      }
      await launchRun(
        {
          sources: sourcesOf(options),
          out: options.out ?? null,
          isResumed: options.resume === true,
          isWaiting: options.wait === true,
          takesOver: options.takeOver === true,
          isTraced: options.trace === true,
          measuresEngine: options.engine === FASTEST,
          dashboard: pageAddressOf(options.dashboard, OWN_PAGE),
          ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
          isJson: options.json === true,
          shownLevel: shownLogLevel(options),
        },
        terminal,
      );
    });
}

function sourcesOf(options: LaunchOptions): LaunchRequest['sources'] {
  const sources = configSourcesOf(options);
  const { fromTorch } = options;
  if (fromTorch === undefined) return sources;
  const weights = {
    ...{ key: 'model.initialWeights', value: resolve(fromTorch), origin: '--from-torch' },
  };
  return { ...sources, settings: [...sources.settings, weights] };
}

export interface LaunchRequest extends Omit<LocalRunRequest, 'logLevel'> {
  readonly isJson: boolean;
  /** Level from which on the processes' logs are shown; null for warnings and errors in short. */
  readonly shownLevel: LogLevel | null;
}

/** Runs a run to its end and prints its summary. */
export async function launchRun(request: LaunchRequest, terminal: Terminal): Promise<void> {
  const { shownLevel, isJson } = request;
  const shown = new ShownRun(terminal, shownLevel);
  const signals = takeStopSignals(() => {
    shown.stopping();
  });
  const logLevel = shownLevel === 'debug' ? 'debug' : 'info';
  const { env, openFiles = null } = terminal;
  try {
    const { out, summary } = await runLocally({ ...request, logLevel }, shown.hooks, signals, {
      env,
      openFiles,
    });
    shown.close();
    if (isJson) printJson(terminal, summary);
    else printLines(terminal, summaryLines(summary, join(out, 'report.html')));
  } finally {
    shown.close();
    signals.release();
  }
}
