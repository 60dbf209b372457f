/** `deepcluster doctor`: what this machine would train with, and what is missing for more. */
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Command } from 'commander';
import { listGpus } from './machine.ts';
import { printJson, printLines, type Terminal } from './terminal.ts';

interface DoctorOptions {
  readonly json?: boolean;
}

export function addDoctorCommand(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .description('say which tensor engine this machine runs, why, and what is missing')
    .option('--json', 'print one JSON object')
    .action((options: DoctorOptions) => examineMachine(options, terminal));
}

async function examineMachine(options: DoctorOptions, terminal: Terminal): Promise<void> {
  const { startEngine } = await import('../nn/engine.ts');
  const { name, version, reason, threads } = await startEngine('auto', {});
  const gpus = listGpus(terminal.env).map((gpu) => gpu.name);
  const diagnosis = {
    engine: { name, version, reason },
    threads,
    cpu: { model: cpus()[0]?.model ?? 'unknown', cores: availableParallelism() },
    memoryBytes: totalmem(),
    node: process.version,
    gpus,
    // The reason says why a faster engine did not start, and what would mend it.
    missing: name === 'tensorflow' ? [] : [reason],
  };
  if (options.json) {
    printJson(terminal, diagnosis);
    return;
  }
  printLines(terminal, [
    `engine     ${name} ${version}, ${threads} threads`,
    `reason     ${reason}`,
    `cpu        ${diagnosis.cpu.model}, ${diagnosis.cpu.cores} cores`,
    `memory     ${(diagnosis.memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    `gpus       ${gpus.length === 0 ? 'none' : gpus.join(', ')}`,
    `node       ${diagnosis.node}`,
  ]);
}
