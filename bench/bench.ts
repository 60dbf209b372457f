/**
 * A benchmark as a whole: the engine, the rows of a suite that were asked for, the peer, and the report with the machine.
 */
import { availableParallelism, cpus, totalmem } from 'node:os';
import { configInvalid } from '../src/errors.ts';
import { measureGemm } from '../src/engine/probe.ts';
import { engineEntry, type EngineChoice } from '../src/engine/registry.ts';
import { startEngine } from '../src/engine/start.ts';
import { clusteringCases } from './kmeans.ts';
import { measureCases, type Case, type EngineCase } from './measure.ts';
import { startPeer } from './peer.ts';
import type { Row } from './rows.ts';
import { trainCases } from './train.ts';

export type SuiteName = 'train' | 'kmeans';

export interface BenchOptions {
  readonly suite: SuiteName;
  readonly engine: EngineChoice;
  /** Threads of both sides; all cores if absent. */
  readonly threads?: number;
  /** Counted runs of each row. */
  readonly runs: number;
  /** Small sizes, to see that everything works; its figures mean little. */
  readonly isQuick: boolean;
  /** Rows whose name it matches; all if absent. */
  readonly only?: RegExp;
  /** Python interpreter of the peers; null: none are asked for. */
  readonly python: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Names of GPUs. */
  readonly gpus: readonly string[];
  readonly onProgress: (text: string) => void;
}

/** What `deepcluster bench … --json` prints. */
export interface BenchReport {
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly gpus: readonly string[];
    readonly platform: string;
    readonly node: string;
  };
  readonly engine: {
    readonly name: string;
    readonly version: string;
    readonly threads: number;
    readonly reason: string;
  };
  /** ISO 8601, of the start. */
  readonly date: string;
  readonly rows: readonly Row[];
}

interface Suite {
  readonly cases: (isQuick: boolean) => EngineCase[];
  /** File in bench/peers. */
  readonly peerScript: string;
}

const SUITES: Readonly<Record<SuiteName, Suite>> = {
  train: { cases: trainCases, peerScript: 'torch_networks.py' },
  kmeans: { cases: clusteringCases, peerScript: 'faiss_clustering.py' },
};

/** @throws TrainerError ENGINE_UNAVAILABLE, CONFIG_INVALID where no row has such a name, NON_FINITE for wrong results */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const { runs, isQuick, python, env, onProgress } = options;
  const date = new Date().toISOString();
  const suite = SUITES[options.suite];
  const cases = chosenCases(suite.cases(isQuick), options.only);
  const asked = options.threads ?? availableParallelism();
  const engine = await startEngine(options.engine, { threads: asked });
  const { name, version, reason, threads: started } = engine;
  const threads = started === 0 ? asked : started;
  onProgress(reason);
  const bound = cases.map((item): Case => ({ ...item, prepare: () => item.prepare(engine) }));
  const rows = await measureCases(bound, {
    runs,
    isQuick,
    startPeer:
      python === null
        ? null
        : () =>
            startPeer({
              script: suite.peerScript,
              python,
              threads,
              // An engine without a GPU is compared with a peer without one.
              env: engineEntry(name).usesGpus ? env : { ...env, CUDA_VISIBLE_DEVICES: '' },
            }),
    measureGemm: () => measureGemm(engine, { runs: isQuick ? 1 : 5 }),
    onProgress,
  });
  return {
    machine: describeMachine(options.gpus),
    engine: { name, version, threads, reason },
    date,
    rows,
  };
}

function chosenCases(
  cases: readonly EngineCase[],
  only: RegExp | undefined,
): readonly EngineCase[] {
  const chosen = only === undefined ? cases : cases.filter(({ name }) => only.test(name));
  if (only !== undefined && chosen.length === 0) {
    const names = cases.map(({ name }) => name).join(', ');
    throw configInvalid('bench', `must match one of ${names}`, only.source, '--only');
  }
  return chosen;
}

export function describeMachine(gpus: readonly string[]): BenchReport['machine'] {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    gpus,
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  };
}
