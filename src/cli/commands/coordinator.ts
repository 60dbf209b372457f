/**
 * `deepcluster coordinator`: the control process of a run; `launch` starts it on one machine,
 * Kubernetes on many.
 */
import type { Command } from 'commander';
import { loadRunConfig } from '../../config/load.ts';
import { holdsRun, withSavedConfig } from '../../run/folder.ts';
import { createLogger, type LogLevel } from '../../telemetry/logger.ts';
import { credentialsOf, credentialsOption } from '../credentials.ts';
import { withLifetime } from '../lifetime.ts';
import {
  addConfigOptions,
  addFolderOptions,
  configSourcesOf,
  dashboardOption,
  logLevelOption,
  pageAddressOf,
  type ConfigOptions,
  type FolderOptions,
} from '../options.ts';
import type { Terminal } from '../terminal.ts';

interface CoordinatorOptions extends ConfigOptions, FolderOptions {
  readonly listen: string;
  readonly parameterListen?: string;
  readonly credentials?: string;
  readonly health?: string;
  readonly dashboard?: string | false;
  readonly out: string;
  readonly resume?: boolean;
  readonly resumeOrBegin?: boolean;
  readonly logLevel?: LogLevel;
}

export function addCoordinatorCommand(program: Command, terminal: Terminal): void {
  addFolderOptions(addConfigOptions(program.command('coordinator')))
    .description('run the control process: phases, leases, pseudo-labels, checkpoints')
    .requiredOption('--listen <host:port>', 'address to serve on; port 0 takes a free one')
    .option('--parameter-listen <host:port>', 'the same for parameters; a free port of that host')
    .addOption(credentialsOption())
    .option('--health <host:port>', 'answer health probes here, in plain text, and nothing else')
    .addOption(dashboardOption())
    .requiredOption('--out <dir>', 'folder of the run')
    .option('--resume', 'go on with the run in --out')
    .option('--resume-or-begin', 'go on with the run in --out where there is one, or begin it')
    .addOption(logLevelOption().default('info'))
    .action((options: CoordinatorOptions) => runCoordinatorCommand(options, terminal));
}

async function runCoordinatorCommand(
  options: CoordinatorOptions,
  terminal: Terminal,
): Promise<void> {
  const { listen, out, logLevel: level = 'info' } = options;
  const isBegun = options.resumeOrBegin === true && holdsRun(out);
  const resume = options.resume === true || isBegun;
  const logger = createLogger({ component: 'coordinator', level });
  await withLifetime('coordinator', logger, async ({ signal, notify }) => {
    const sources = withSavedConfig(configSourcesOf(options), out, resume);
    const { config, origins } = loadRunConfig({ ...sources, env: terminal.env });
    const { runCoordinator } = await import('../../../coordinator/main.ts');
    await runCoordinator({
      config,
      origins,
      listen,
      parameterListen: options.parameterListen ?? anyPortBeside(listen),
      credentials: credentialsOf(options.credentials, 'coordinator', logger),
      health: options.health ?? null,
      dashboard: pageAddressOf(options.dashboard, null),
      out,
      resume,
      isWaiting: options.wait === true,
      takesOver: options.takeOver === true,
      logger,
      signal,
      notify,
    });
  });
}

/** The host of `host:port` with port 0. */
function anyPortBeside(listen: string): string {
  return `${listen.slice(0, listen.lastIndexOf(':'))}:0`;
}
