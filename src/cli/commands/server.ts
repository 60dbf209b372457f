/**
 * `deepcluster server`: a parameter server as a process of its own; it holds one parameter shard.
 */
import type { Command } from 'commander';
import { createLogger, type LogLevel } from '../../telemetry/logger.ts';
import { credentialsOf, credentialsOption } from '../credentials.ts';
import { withLifetime } from '../lifetime.ts';
import { logLevelOption, wholeNumber } from '../options.ts';

interface ServerOptions {
  readonly coordinator: string;
  readonly shard: number;
  readonly listen: string;
  readonly advertise?: string;
  readonly credentials?: string;
  readonly health?: string;
  readonly logLevel?: LogLevel;
}

export function addServerCommand(program: Command): void {
  program
    .command('server')
    .description('run a parameter server: one parameter shard of a run')
    .requiredOption('--coordinator <host:port>', 'address of the coordinator')
    .requiredOption('--shard <i>', 'which parameter shard it holds, counted from 0', wholeNumber)
    .option('--listen <host:port>', 'address to serve on; port 0 takes a free one', '127.0.0.1:0')
    .option(
      '--advertise <host[:port]>',
      'where workers and coordinator reach it; as it listens by default',
    )
    .addOption(credentialsOption())
    .option('--health <host:port>', 'answer health probes here, in plain text, and nothing else')
    .addOption(logLevelOption().default('info'))
    .action((options: ServerOptions) => runServerCommand(options));
}

async function runServerCommand(options: ServerOptions): Promise<void> {
  const { coordinator, shard: shardIndex, listen, advertise = null, health = null } = options;
  const logger = createLogger({ component: 'server', level: options.logLevel ?? 'info' });
  await withLifetime(`server-${shardIndex}`, logger, async ({ signal, notify }) => {
    const credentials = credentialsOf(options.credentials, 'server', logger);
    const { runServer } = await import('../../../server/main.ts');
    const given = { coordinator, shardIndex, listen, advertise, credentials, health };
    await runServer({ ...given, logger, signal, notify });
  });
}
