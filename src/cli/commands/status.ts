/** `deepcluster status`: where a run is, asked of its coordinator. */
import type { Command } from 'commander';
import { credentialsOf, credentialsOption } from '../credentials.ts';
import { printJson, printLines, type Terminal } from '../terminal.ts';

interface StatusOptions {
  readonly coordinator: string;
  readonly credentials?: string;
  readonly json?: boolean;
}

export function addStatusCommand(program: Command, terminal: Terminal): void {
  program
    .command('status')
    .description('ask a coordinator where its run is')
    .requiredOption('--coordinator <host:port>', 'address of the coordinator')
    .addOption(credentialsOption())
    .option('--json', 'print one JSON object')
    .action((options: StatusOptions) => showStatus(options, terminal));
}

async function showStatus(options: StatusOptions, terminal: Terminal): Promise<void> {
  const { coordinator, json } = options;
  const credentials = credentialsOf(options.credentials, 'viewer');
  const { fetchStatus } = await import('../../rpc/status-client.ts');
  const status = await fetchStatus(coordinator, new AbortController().signal, credentials);
  if (json === true) {
    printJson(terminal, status);
    return;
  }
  const { runId, phase, epoch, epochs, step, lastLoss, workers, paused, term, collapsed } = status;
  printLines(terminal, [
    `run ${runId}: ${phase}, epoch ${epoch + 1} of ${epochs}, ${step} steps, last loss ${lastLoss.toFixed(3)}, term ${term}`,
    ...(paused === '' ? [] : [`paused: ${paused}`]),
    ...(collapsed === '' ? [] : [`collapsed: ${collapsed}`]),
    ...workers.map(({ workerId, ordersInFlight, shardsHeld, residentRows, standsBy }) =>
      standsBy
        ? `  ${workerId}: stands by until another worker leaves`
        : `  ${workerId}: ${ordersInFlight} orders in flight, ${residentRows} feature rows of ${shardsHeld} data shards`,
    ),
  ]);
}
