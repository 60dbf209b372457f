/**
 * `deepcluster doctor`: what this machine would train with, how fast that is, and what is missing
 * for more.
 */
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Command } from 'commander';
import type { EngineFacts } from '../../engine/engine.ts';
import { listGpus, visibleGpus, type Gpu } from '../../engine/gpus.ts';
import { ENGINE_NAMES, engineEntry, type EngineChoice } from '../../engine/registry.ts';
import { readCpuFeatures } from '../../process/cpu-features.ts';
import { engineOption } from '../options.ts';
import { printJson, printLines, type Terminal } from '../terminal.ts';

interface DoctorOptions {
  readonly engine: EngineChoice;
  readonly json?: boolean;
}

export function addDoctorCommand(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .description('say which tensor engine this machine runs, why, how fast, and what is missing')
    .addOption(engineOption('engine to examine').default('auto'))
    .option('--json', 'print one JSON object')
    .action((options: DoctorOptions) => examineMachine(options, terminal));
}

interface Diagnosis {
  readonly engine: Omit<EngineFacts, 'threads'>;
  readonly threads: number;
  readonly cpu: {
    readonly model: string;
    readonly cores: number;
    /**
     * Of the instructions that engines make use of, those that it has; null where the system does
     * not say.
     */
    readonly features: readonly string[] | null;
  };
  readonly memoryBytes: number;
  readonly node: string;
  readonly gpus: readonly Gpu[];
  /** What clustering's kernels for this processor are, or why there are none. */
  readonly hostKernels: string;
  /** Whether there are kernels for parameters and gradients, and memory to share, or why not. */
  readonly parameterKernels: string;
  /** Median of a large matrix product, and of a convolution of AlexNet. */
  readonly gemmGflops: number;
  readonly convGflops: number;
  /** What would make it faster, each in one line. */
  readonly missing: readonly string[];
}

async function examineMachine(options: DoctorOptions, terminal: Terminal): Promise<void> {
  const { startEngine } = await import('../../engine/start.ts');
  const { measureConvolution, measureGemm } = await import('../../engine/probe.ts');
  const { hostKernels } = await import('../../engine/clustering/host/host-kernels.ts');
  const { parameterKernels } = await import('../../parameter-plane/kernels.ts');
  const engine = await startEngine(options.engine);
  const { name, version, reason, device, threads, hasOwnKernels } = engine;
  const gpus = listGpus(terminal.env);
  const diagnosis: Diagnosis = {
    engine: { name, version, reason, device, hasOwnKernels },
    threads,
    cpu: {
      model: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      features: readCpuFeatures(),
    },
    memoryBytes: totalmem(),
    node: process.version,
    gpus,
    hostKernels: hostKernels().story,
    parameterKernels: parameterKernels().story,
    gemmGflops: rounded(measureGemm(engine)),
    convGflops: rounded(measureConvolution(engine)),
    missing: missingFrom(engine, options.engine, visibleGpus(terminal.env, gpus).length),
  };
  if (options.json) printJson(terminal, diagnosis);
  else printLines(terminal, diagnosisLines(diagnosis));
}

function diagnosisLines({ engine, cpu, gpus, ...rest }: Diagnosis): string[] {
  const { missing } = rest;
  return [
    `engine     ${engine.name} ${engine.version} on ${engine.device}, threads: ${rest.threads}`,
    `reason     ${engine.reason}`,
    `kernels    ${engine.hasOwnKernels ? "this project's own, and the engine's" : "the engine's"}`,
    `speed      ${rest.gemmGflops} GFLOPS in a matrix product, ${rest.convGflops} in a convolution`,
    `clustering host kernels: ${rest.hostKernels}`,
    `parameters kernels ${rest.parameterKernels}`,
    `cpu        ${cpu.model}, ${cpu.cores} cores, ${featuresText(cpu.features)}`,
    `memory     ${(rest.memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    `gpus       ${gpus.length === 0 ? 'none' : gpus.map(gpuText).join('; ')}`,
    `node       ${rest.node}`,
    `missing    ${missing.length === 0 ? 'nothing' : missing.join('; ')}`,
  ];
}

function gpuText({ index, name, memoryMib }: Gpu): string {
  const memory = memoryMib === null ? 'memory unknown' : `${(memoryMib / 1024).toFixed(0)} GiB`;
  return `${index}: ${name}, ${memory}`;
}

function featuresText(features: readonly string[] | null): string {
  if (features === null) return 'features unknown';
  return features.length === 0 ? 'no vector features' : features.join(' ');
}

/**
 * What the reason says of an engine that did not start, a GPU that nothing uses, and kernels that
 * are not there.
 */
function missingFrom(
  engine: Pick<EngineFacts, 'name' | 'device' | 'reason' | 'hasOwnKernels'>,
  asked: DoctorOptions['engine'],
  visible: number,
): string[] {
  const missing: string[] = [];
  if (engine.name !== ENGINE_NAMES[0] && asked === 'auto') missing.push(engine.reason);
  if (engineEntry(engine.name).usesGpus && engine.device === 'CPU' && visible > 0) {
    missing.push('CUDA for the GPU: npx deepcluster setup --variant cuda');
  }
  if (!engine.hasOwnKernels) {
    missing.push("this project's kernels in the addon: npx deepcluster setup");
  }
  return missing;
}

function rounded(gigaflops: number): number {
  return Number(gigaflops.toPrecision(3));
}
