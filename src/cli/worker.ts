/** `deepcluster worker`: a compute process, one per GPU; it owns nothing that a run could lose. */
import type { Command } from 'commander';
import { createLogger, type LogLevel } from '../telemetry/logger.ts';
import { withLifetime } from './lifetime.ts';
import { engineOption, logLevelOption } from './options.ts';

interface WorkerOptions {
  readonly coordinator: string;
  readonly data?: string;
  readonly engine?: 'auto' | 'tensorflow' | 'wasm';
  readonly workerId?: string;
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
    .addOption(logLevelOption().default('info'))
    .action((options: WorkerOptions) => runWorkerCommand(options));
}

async function runWorkerCommand(options: WorkerOptions): Promise<void> {
  const { coordinator, data = null, engine = null, workerId = null } = options;
  const logger = createLogger({ component: 'worker', level: options.logLevel ?? 'info' });
  await withLifetime(workerId ?? 'worker', logger, async ({ signal }) => {
    const { runWorker } = await import('../../worker/main.ts');
    await runWorker({ coordinator, dataSource: data, engine, workerId, logger, signal });
  });
}
