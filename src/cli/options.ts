/** Options that several commands share: where the configuration comes from, what is logged. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ConfigSources } from '../config/load.ts';
import type { TextSetting } from '../config/sources.ts';
import { ENGINE_CHOICES } from '../engine/registry.ts';
import { LOG_LEVELS, type LogLevel } from '../telemetry/logger.ts';

export interface ConfigOptions {
  readonly config?: string;
  readonly preset?: string;
  readonly data?: string;
  readonly engine?: string;
  readonly workers?: number;
  readonly servers?: number;
  readonly set: readonly TextSetting[];
}

/** `--config`, `--preset`, `--set` and the flags that stand for one setting each. */
export function addConfigOptions(
  command: Command,
  engine = engineOption('tensor engine (cluster.engine)'),
): Command {
  return command
    .option('--config <file>', 'run configuration, YAML or JSON; may build on a preset')
    .addOption(presetOption())
    .option('--data <source>', 'images: a folder or a list file (data.source)')
    .addOption(engine)
    .option('--workers <n>', 'workers to start (cluster.workers)', positiveInteger)
    .option('--servers <n>', 'parameter server processes (cluster.servers)', wholeNumber)
    .addOption(setOption());
}

export interface FolderOptions {
  readonly wait?: boolean;
  readonly takeOver?: boolean;
}

/** What to do where another process holds the run's folder. */
export function addFolderOptions(command: Command): Command {
  return command
    .option('--wait', "wait for the end of another process that holds the run's folder")
    .option('--take-over', "take the run's folder from another process, which then ends by itself");
}

export function dashboardOption(): Option {
  const what = "serve the run's live page and /metrics here; port 0 takes a free one; off: nowhere";
  return new Option('--dashboard <host:port>', what);
}

/** Any free port of this machine. */
export const OWN_PAGE = '127.0.0.1:0';

/** @param given false: `--no-dashboard`. @returns null: no page */
export function pageAddressOf(
  given: string | false | undefined,
  otherwise: string | null,
): string | null {
  return given === false || given === 'off' ? null : (given ?? otherwise);
}

export function presetOption(): Option {
  return new Option('--preset <name>', 'preset to build on; files and flags go over it');
}

export function setOption(): Option {
  return new Option(
    '--set <key=value>',
    'one setting, such as training.batchSize=64; repeatable; `deepcluster settings` lists them',
  )
    .argParser(assignment)
    .default([], 'none');
}

export function engineOption(
  description: string,
  engines: readonly string[] = ENGINE_CHOICES,
): Option {
  return new Option('--engine <name>', description).choices(engines);
}

/** The sources of the configuration, flags with their origin, as src/config/load.ts takes them. */
export function configSourcesOf(options: ConfigOptions): Omit<ConfigSources, 'env'> {
  const settings = [...options.set];
  const add = (key: string, value: string | number | undefined, origin: string): void => {
    if (value !== undefined) settings.push({ key, value: String(value), origin });
  };
  add('data.source', options.data, '--data');
  add(
    'cluster.engine',
    ENGINE_CHOICES.find((engine) => engine === options.engine),
    '--engine',
  );
  add('cluster.workers', options.workers, '--workers');
  add('cluster.servers', options.servers, '--servers');
  return {
    ...(options.config === undefined ? {} : { file: options.config }),
    ...(options.preset === undefined ? {} : { preset: options.preset }),
    settings,
  };
}

export function logLevelOption(): Option {
  return new Option('--log-level <level>', 'least level of the JSON log on stderr').choices(
    LOG_LEVELS,
  );
}

export interface QuietLogOptions {
  readonly verbose?: boolean;
  readonly logLevel?: LogLevel;
}

/** For commands that show progress and remarks unless they are asked for the log. */
export function addQuietLogOptions(command: Command): Command {
  return command
    .option('--verbose', 'show the JSON logs of all processes, as --log-level info')
    .addOption(logLevelOption());
}

/** Level of the log that is shown, or null for progress and remarks only. */
export function shownLogLevel(options: QuietLogOptions): LogLevel | null {
  return options.logLevel ?? (options.verbose === true ? 'info' : null);
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1)
    throw new InvalidArgumentError('Must be a positive integer.');
  return value;
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Must be a whole number.');
  return Number(text);
}

function assignment(text: string, earlier: readonly TextSetting[]): TextSetting[] {
  const split = text.indexOf('=');
  if (split < 1) throw new InvalidArgumentError('Must be key=value.');
  const key = text.slice(0, split);
  return [...earlier, { key, value: text.slice(split + 1), origin: `--set ${key}` }];
}
