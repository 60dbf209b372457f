/** `deepcluster bench`: what this machine reaches, beside what other libraries reach on it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { CODEC_NAMES, type CodecName } from '../../ps/codec/codec-name.ts';
import { allAlgorithms } from '../../algorithms/registry.ts';
import type { SuiteName } from '../../../bench/bench.ts';
import { benchTable, chaosLines, planeLines, psLines } from '../bench-table.ts';
import { addModesCommand } from './bench-modes.ts';
import { ProcessFailure } from '../../launch/process-failure.ts';
import { KEEP_FREED_MEMORY } from '../../process/allocator.ts';
import { packageRoot } from '../../process/package-root.ts';
import { listGpus } from '../../engine/gpus.ts';
import { engineEntry, type EngineChoice } from '../../engine/registry.ts';
import { engineOption, positiveInteger, wholeNumber } from '../options.ts';
import { takeStopSignals } from '../stop-signals.ts';
import { printJson, printLines, type Terminal } from '../terminal.ts';

interface BenchCommandOptions {
  readonly engine: EngineChoice;
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
      'measure this machine: training, clustering, exchange; beside PyTorch and faiss with --peers',
    );
  addSuite(bench, terminal, 'train', 'training steps and feature passes of each network');
  addSuite(bench, terminal, 'kmeans', 'k-means and PCA of features, in one process');
  bench
    .command('odc-memory')
    .description("what a step of ODC costs besides the network, at ImageNet's size; takes 2 GB")
    .option('--steps <n>', 'counted steps', positiveInteger, 40)
    .option('--peers', 'run the peer after ours, where Python has NumPy and PyTorch')
    .option('--python <path>', 'Python interpreter of the peer', 'python3')
    .option('--json', 'print one JSON object')
    .action((options: OdcMemoryCommandOptions) => runOdcMemory(options, terminal));
  addPsCommand(bench, terminal);
  addModesCommand(bench, terminal);
  bench
    .command('clustering-plane')
    .description(
      "what a step of k-means at ImageNet's size costs the coordinator; takes 4 GB and minutes",
    )
    .addOption(engineOption('tensor engine of the workers').default('auto'))
    .option('--images <n>', "rows in all; ImageNet's by default", positiveInteger)
    .option('--workers <n>', 'workers', positiveInteger, 2)
    .option('--quick', 'small sizes: whether it works, not what it costs')
    .option('--json', 'print one JSON object')
    .action((options: PlaneCommandOptions) => runPlane(options, terminal));
  bench
    .command('chaos')
    .description('a local run whose processes are killed at random, beside the undisturbed one')
    .option('--kills <n>', 'kills in each run', positiveInteger, 50)
    .option('--seed <n>', 'seed of the runs and of the kills', wholeNumber, 31)
    .addOption(
      new Option('--algorithm <name>', 'only this one; all by default').choices(
        allAlgorithms().map(({ name }) => name),
      ),
    )
    .option('--workers <n>', 'workers', positiveInteger, 3)
    .option('--servers <n>', 'parameter servers; 0: inside the coordinator', wholeNumber, 2)
    .option('--vanish', 'images go away and come back meanwhile')
    .option('--second', 'the run is started a second time every now and then')
    .option('--out <dir>', 'folder that keeps the runs; by default they are removed')
    .option('--json', 'print one JSON object')
    .action((options: ChaosCommandOptions) => runChaos(options, terminal));
}

interface PlaneCommandOptions extends Pick<BenchCommandOptions, 'engine' | 'quick' | 'json'> {
  readonly images?: number;
  readonly workers: number;
}

async function runPlane(options: PlaneCommandOptions, terminal: Terminal): Promise<void> {
  const { quick: isQuick = false, json, ...shape } = options;
  const { benchClusteringPlane } = await import('../../../bench/clustering-plane/plane.ts');
  const report = await benchClusteringPlane({
    ...{ ...shape, isQuick, env: terminal.env },
    gpus: listGpus(terminal.env).map(({ name }) => name),
    onProgress: (text) => terminal.stderr.write(`${text}\n`),
  });
  if (json === true) printJson(terminal, report);
  else printLines(terminal, planeLines(report));
}

interface PsCommandOptions extends Pick<
  BenchCommandOptions,
  'peers' | 'python' | 'quick' | 'json'
> {
  readonly parameters?: number;
  readonly workers: number;
  readonly servers: number;
  readonly steps?: number;
  readonly tls?: boolean;
  readonly sharedMemory: boolean;
  readonly codec: CodecName;
}

/** Of AlexNet with its head of 1,000 clusters. */
const PS_PARAMETERS = 61e6;

function addPsCommand(bench: Command, terminal: Terminal): void {
  bench
    .command('ps')
    .description('the exchange of gradients and parameters alone, between real processes')
    .option('--parameters <n>', 'float32 parameters, such as 25M; 61M by default', parameterCount)
    .option('--workers <n>', 'workers', positiveInteger, 2)
    .option('--servers <n>', 'parameter servers; 0: inside the coordinator', wholeNumber, 0)
    .option('--steps <n>', 'counted exchanges, after two others; 5 by default', positiveInteger)
    .option('--tls', 'mutual TLS with tokens, as between machines')
    .option('--no-shared-memory', 'all by gRPC, as between machines')
    .addOption(
      new Option('--codec <name>', 'form of gradients and parameters, as training.codec')
        .choices(CODEC_NAMES)
        .default('float32'),
    )
    .option('--peers', "gloo's all-reduce by turns with ours, where Python has PyTorch")
    .option('--python <path>', 'Python interpreter of the peer', 'python3')
    .option('--quick', '1M parameters and two exchanges: whether it works, not how fast it is')
    .option('--json', 'print one JSON object')
    .action((options: PsCommandOptions) => runPs(options, terminal));
}

async function runPs(options: PsCommandOptions, terminal: Terminal): Promise<void> {
  const { workers, servers, peers, python, quick: isQuick = false, json } = options;
  const tell = (text: string): void => void terminal.stderr.write(`${text}\n`);
  const { benchPs } = await import('../../../bench/ps/ps.ts');
  const signals = takeStopSignals(() => {
    tell('stopping all processes');
  });
  try {
    const report = await benchPs({
      parameters: options.parameters ?? (isQuick ? 1e6 : PS_PARAMETERS),
      workers,
      servers,
      steps: options.steps ?? (isQuick ? 2 : 5),
      isSecure: options.tls === true,
      sharesMemory: options.sharedMemory,
      codec: options.codec,
      isQuick,
      python: peers === true ? python : null,
      env: terminal.env,
      gpus: listGpus(terminal.env).map(({ name }) => name),
      signal: signals.stop,
      onProgress: tell,
    });
    if (json === true) printJson(terminal, report);
    else printLines(terminal, [...benchTable(report), ...psLines(report.ps)]);
  } finally {
    signals.release();
  }
}

function parameterCount(text: string): number {
  const [, digits, millions] = /^(\d+(?:\.\d+)?(?:e\d+)?)(M?)$/i.exec(text) ?? [];
  const count = Number(digits) * (millions ? 1e6 : 1);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('Must be a number of parameters, such as 61M or 61e6.');
}

interface ChaosCommandOptions {
  readonly kills: number;
  readonly seed: number;
  readonly algorithm?: string;
  readonly workers: number;
  readonly servers: number;
  readonly vanish?: boolean;
  readonly second?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

async function runChaos(options: ChaosCommandOptions, terminal: Terminal): Promise<void> {
  const { algorithm, out = null, json, ...shape } = options;
  const { benchChaos } = await import('../../../bench/chaos/chaos.ts');
  const report = await benchChaos({
    ...shape,
    algorithms: algorithm === undefined ? allAlgorithms().map(({ name }) => name) : [algorithm],
    out,
    gpus: listGpus(terminal.env).map(({ name }) => name),
    onProgress: (text) => terminal.stderr.write(`${text}\n`),
  });
  if (json === true) printJson(terminal, report);
  else printLines(terminal, [...benchTable(report), ...chaosLines(report.chaos)]);
}

interface OdcMemoryCommandOptions extends Pick<BenchCommandOptions, 'peers' | 'python' | 'json'> {
  readonly steps: number;
}

async function runOdcMemory(options: OdcMemoryCommandOptions, terminal: Terminal): Promise<void> {
  const { benchOdcMemory } = await import('../../../bench/odc-memory.ts');
  const report = await benchOdcMemory({
    steps: options.steps,
    python: options.peers === true ? options.python : null,
    gpus: listGpus(terminal.env).map(({ name }) => name),
    onProgress: (text) => terminal.stderr.write(`${text}\n`),
  });
  if (options.json === true) printJson(terminal, report);
  else printLines(terminal, benchTable(report));
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
  const missing = Object.keys(KEEP_FREED_MEMORY).some((name) => terminal.env[name] === undefined);
  // The allocator reads its settings when a process starts; they say nothing of an engine's own
  // heap.
  if (missing && !engineEntry(options.engine).hasOwnHeap)
    return runWithAllocator(suite, options, terminal);
  const { runBench } = await import('../../../bench/bench.ts');
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

/** The same command in a process of its own, which has the settings that workers are given. */
async function runWithAllocator(
  suite: SuiteName,
  options: BenchCommandOptions,
  { env, stdout, stderr }: Terminal,
): Promise<void> {
  const { engine, threads, runs, peers, python, only, quick, json } = options;
  const child = spawn(
    process.execPath,
    [
      ...[join(packageRoot(), 'bin', 'deepcluster.mjs'), 'bench', suite],
      ...['--engine', engine, '--python', python],
      ...(threads === undefined ? [] : ['--threads', String(threads)]),
      ...(runs === undefined ? [] : ['--runs', String(runs)]),
      ...(only === undefined ? [] : ['--only', only.source]),
      ...Object.entries({ peers, quick, json }).flatMap(([flag, isOn]) =>
        isOn === true ? [`--${flag}`] : [],
      ),
    ],
    { env: { ...KEEP_FREED_MEMORY, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  child.stdout.on('data', (chunk: Buffer) => stdout.write(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.write(chunk));
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (exitCode === 0) return;
  throw new ProcessFailure(
    `bench ended with ${exitCode === null ? `signal ${signal}` : `exit code ${exitCode}`}`,
    exitCode ?? 1,
  );
}

function regularExpression(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError('Must be a regular expression.');
  }
}
