/** `deepcluster bench modes`: mode `sync` and mode `local` side by side. */
import { InvalidArgumentError, type Command } from 'commander';
import { listGpus } from '../../engine/gpus.ts';
import { modesLines } from '../bench-table.ts';
import { positiveInteger, wholeNumber } from '../options.ts';
import { printJson, printLines, type Terminal } from '../terminal.ts';

interface ModesCommandOptions {
  readonly localSteps?: readonly number[];
  readonly epochs?: number;
  readonly workers: number;
  readonly seed: number;
  readonly out?: string;
  readonly quick?: boolean;
  readonly json?: boolean;
}

const LOCAL_STEPS = [2, 4, 8];
/** Of the demo. */
const EPOCHS = 16;

export function addModesCommand(bench: Command, terminal: Terminal): void {
  bench
    .command('modes')
    .description('runs in mode sync and in mode local: loss and kNN beside time and bytes')
    .option('--local-steps <list>', 'numbers of local steps, a run each; 2,4,8 by default', counts)
    .option('--epochs <n>', 'epochs of each run; 16 by default', positiveInteger)
    .option('--workers <n>', 'workers', positiveInteger, 2)
    .option('--seed <n>', 'seed of the images and of the runs', wholeNumber, 31)
    .option('--out <dir>', 'folder that keeps the runs; by default they are removed')
    .option('--quick', 'a tiny network for two epochs: whether it works, not what it costs')
    .option('--json', 'print one JSON object')
    .action((options: ModesCommandOptions) => runModes(options, terminal));
}

async function runModes(options: ModesCommandOptions, terminal: Terminal): Promise<void> {
  const { workers, seed, out = null, quick: isQuick = false, json } = options;
  const { benchModes } = await import('../../../bench/modes/modes.ts');
  const report = await benchModes({
    ...{ workers, seed, out, isQuick },
    localSteps: options.localSteps ?? (isQuick ? [2] : LOCAL_STEPS),
    epochs: options.epochs ?? (isQuick ? 2 : EPOCHS),
    gpus: listGpus(terminal.env).map(({ name }) => name),
    onProgress: (text) => terminal.stderr.write(`${text}\n`),
  });
  if (json === true) printJson(terminal, report);
  else printLines(terminal, modesLines(report));
}

function counts(text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (numbers.every((number) => Number.isSafeInteger(number) && number > 0)) return numbers;
  throw new InvalidArgumentError('Must be positive integers, such as 2,4,8.');
}
