/** `deepcluster worker`: a compute process, one per GPU; it owns nothing that a run could lose. */
import type { Command } from 'commander';
import type { EngineChoice } from '../../engine/registry.ts';
import { configInvalid, messageOf } from '../../errors.ts';
import { createLogger, type Logger, type LogLevel } from '../../telemetry/logger.ts';
import { NO_TRACE, openTrace, type Trace } from '../../telemetry/trace.ts';
import { credentialsOf, credentialsOption } from '../credentials.ts';
import { withLifetime } from '../lifetime.ts';
import { ownLoaderThreads } from '../../launch/machine.ts';
import { engineOption, logLevelOption } from '../options.ts';

interface WorkerOptions {
  readonly coordinator: string;
  readonly data?: string;
  readonly engine?: EngineChoice;
  readonly workerId?: string;
  readonly trace?: string;
  readonly credentials?: string;
  readonly logLevel?: LogLevel;
}

export function addWorkerCommand(program: Command): void {
  program
    .command('worker')
    .description('run a compute process that takes work from a coordinator')
    .requiredOption('--coordinator <host:port>', 'address of the coordinator')
    .option('--data <source>', 'where the images lie for this worker, if not as configured')
    .addOption(engineOption('tensor engine, if not as configured'))
    .option('--worker-id <name>', 'name that stays the same over restarts; made up otherwise')
    .addOption(credentialsOption())
    .option('--trace <file>', 'write what it does when, for ui.perfetto.dev or chrome://tracing')
    .addOption(logLevelOption().default('info'))
    .action((options: WorkerOptions) => runWorkerCommand(options));
}

async function runWorkerCommand(options: WorkerOptions): Promise<void> {
  const { coordinator, data = null, engine = null, workerId = null } = options;
  const logger = createLogger({ component: 'worker', level: options.logLevel ?? 'info' });
  await withLifetime(workerId ?? 'worker', logger, async ({ signal, notify }) => {
    const { runWorker } = await import('../../../worker/main.ts');
    const trace = openWorkerTrace(options.trace, workerId ?? 'worker', logger);
    try {
      const loaderThreads = ownLoaderThreads(process.env);
      const credentials = credentialsOf(options.credentials, 'worker', logger);
      const given = { coordinator, dataSource: data, engine, workerId, loaderThreads, trace };
      await runWorker({ ...given, credentials, logger, signal, notify });
    } finally {
      trace.close();
    }
  });
}

/** @throws TrainerError CONFIG_INVALID for a file that cannot be written */
function openWorkerTrace(path: string | undefined, processName: string, logger: Logger): Trace {
  if (path === undefined) return NO_TRACE;
  const onFailure = (error: unknown): void => {
    logger.warn('trace.failed', { reason: messageOf(error) });
  };
  try {
    return openTrace(path, { processName, onFailure });
  } catch (error) {
    throw configInvalid('trace', `must be a file to write: ${messageOf(error)}`, path, '--trace');
  }
}
