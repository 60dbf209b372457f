/**
 * `deepcluster measure-network`: a process that measures a network for `suggest` and `launch`,
 * which start it; no help shows it.
 */
import type { Command } from 'commander';

export function addMeasureNetworkCommand(program: Command): void {
  program.command('measure-network', { hidden: true }).action(async () => {
    const { serveCost } = await import('../../suggest/measure/cost-process.ts');
    await serveCost();
  });
}
