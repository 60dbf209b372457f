/** `deepcluster bench`: what this machine reaches, beside what other libraries reach on it. */
import { InvalidArgumentError, type Command } from 'commander';
import type { SuiteName } from '../../bench/bench.ts';
import { benchTable } from './bench-table.ts';
import { listGpus } from '../nn/gpus.ts';
import { engineOption, positiveInteger } from './options.ts';
import { printJson, printLines, type Terminal } from './terminal.ts';

interface BenchCommandOptions {
  readonly engine: 'auto' | 'tensorflow' | 'wasm';
  readonly threads?: number;
  readonly runs?: number;
  readonly peers?: boolean;
  readonly python: string;
  readonly only?: RegExp;
  readonly quick?: boolean;
  readonly json?: boolean;
}

export function addBenchCommand(program: Command, terminal: Terminal): void {
  const bench = program
    .command('bench')
    .description(
      'measure this machine: training, clustering; beside PyTorch and faiss with --peers',
    );
  addSuite(bench, terminal, 'train', 'training steps and feature passes of each network');
  addSuite(bench, terminal, 'kmeans', 'k-means and PCA of features, in one process');
}

function addSuite(bench: Command, terminal: Terminal, suite: SuiteName, description: string): void {
  bench
    .command(suite)
    .description(description)
    .addOption(engineOption('tensor engine').default('auto'))
    .option('--threads <n>', 'compute threads of both sides; all cores by default', positiveInteger)
    .option('--runs <n>', 'counted runs of each row; 5 by default', positiveInteger)
    .option('--peers', 'run the peer by turns with ours, where Python has what it needs')
    .option('--python <path>', 'Python interpreter of the peers', 'python3')
    .option('--only <regex>', 'rows whose name matches', regularExpression)
    .option('--quick', 'small sizes and one run: whether it works, not how fast it is')
    .option('--json', 'print one JSON object')
    .action((options: BenchCommandOptions) => runSuite(suite, options, terminal));
}

async function runSuite(
  suite: SuiteName,
  options: BenchCommandOptions,
  terminal: Terminal,
): Promise<void> {
  const { runBench } = await import('../../bench/bench.ts');
  const { engine, threads, only, peers, python, quick: isQuick = false } = options;
  const report = await runBench({
    suite,
    engine,
    ...(threads === undefined ? {} : { threads }),
    runs: options.runs ?? (isQuick ? 1 : 5),
    isQuick,
    ...(only === undefined ? {} : { only }),
    python: peers === true ? python : null,
    env: terminal.env,
    gpus: listGpus(terminal.env).map(({ name }) => name),
    onProgress: (text) => terminal.stderr.write(`${text}\n`),
  });
  if (options.json === true) printJson(terminal, report);
  else printLines(terminal, benchTable(report));
}

function regularExpression(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError('Must be a regular expression.');
  }
}
