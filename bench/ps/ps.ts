/**
 * `deepcluster bench ps`: the exchange of gradients and parameters alone, without a network. Real
 * processes over the real transport: all workers push a made gradient, the step is committed, all
 * workers pull. The peer is gloo's all-reduce (bench/peers/gloo.py), by turns with ours; it has no
 * optimizer step. The result is held against plain arithmetic.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SPARE_COLLECTIONS, SPARE_COLLECTIONS_OF_SMALL_HEAP } from '../../src/process/allocator.ts';
import { configInvalid, unavailable } from '../../src/errors.ts';
import type { CodecName } from '../../src/ps/codec/codec-name.ts';
import { makeCredentials } from '../../src/security/credentials-folder.ts';
import { describeMachine, type BenchReport } from '../bench.ts';
import { spreadOf, type Spread } from '../rows.ts';
import { BenchProcess } from './bench-process.ts';
import type { CoordinatorRequests, Exchange, FinalState } from './coordinator-process.ts';
import { requireExpected } from './check-state.ts';
import { MOST_WORKERS } from './made-exchange.ts';
import { PeerTurns, startGloo } from './peer-turns.ts';
import { rowsOf, shapeName, type PeerOutcomes, type PsShape } from './ps-rows.ts';

export interface PsOptions {
  /** P */
  readonly parameters: number;
  readonly workers: number;
  /** 0: a thread inside the coordinating process. */
  readonly servers: number;
  /** Counted exchanges. */
  readonly steps: number;
  /** Mutual TLS with tokens, as between machines. */
  readonly isSecure: boolean;
  /** Vectors go through shared memory, where there is some; else by gRPC, as between machines. */
  readonly sharesMemory: boolean;
  /** Of gradients and parameters, as `training.codec`. */
  readonly codec: CodecName;
  /** Allows fewer exchanges than a median needs. */
  readonly isQuick: boolean;
  /** Python interpreter of the peer; null: none is asked for. */
  readonly python: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly gpus: readonly string[];
  /** Ends all processes. */
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

/** What the rows do not hold. */
export interface PsFigures extends PsShape {
  /** Counted exchanges, after the uncounted ones. */
  readonly steps: number;
  /**
   * A worker moves them in a step: its vectors, and all that goes through its sockets, if known.
   */
  readonly workerBytes: { readonly vectors: number; readonly sockets: Spread | null };
  /** Peaks of resident memory; without server processes the server is in the coordinating one. */
  readonly peakBytes: FinalState['peakBytes'] & { readonly workers: readonly number[] };
  /** All workers have the same parameters and statistics. */
  readonly sha256: string;
  /** Elements that are those of plain arithmetic, bit for bit; any other fails the benchmark. */
  readonly checkedElements: number;
}

export interface PsReport extends BenchReport {
  readonly ps: PsFigures;
}

/** Uncounted: the first exchanges take their memory from the system. */
export const WARM_UPS = 2;
const LEAST_STEPS = 5;
const LEAST_PARAMETERS = 1000;
/** On any number of servers that this machine would have. */
const MOST_PARAMETERS = 2 ** 30;

/**
 * @throws TrainerError CONFIG_INVALID for sizes beyond the limits, UNAVAILABLE when a process ends;
 *   Error where the parameters are not those of plain arithmetic
 */
export async function benchPs(options: PsOptions): Promise<PsReport> {
  requireSizes(options);
  const date = new Date().toISOString();
  const folder = options.isSecure ? await mkdtemp(join(tmpdir(), 'deepcluster-ps-')) : null;
  const coordinator = startCoordinator(options);
  const end = (): void => {
    void coordinator.stop();
  };
  options.signal.addEventListener('abort', end);
  try {
    if (folder !== null) await makeDayCredentials(folder);
    const { shape, exchanges, peers, state } = await measure(coordinator, folder, options);
    return {
      machine: describeMachine(options.gpus),
      engine: { name: 'none', version: process.version, threads: 1, reason: NO_ENGINE },
      date,
      rows: rowsOf(shape, exchanges, peers),
      ps: figuresOf(shape, exchanges, state),
    };
  } catch (error) {
    throw options.signal.aborted ? unavailable('bench ps', 'stopped', error) : error;
  } finally {
    options.signal.removeEventListener('abort', end);
    await coordinator.stop();
    if (folder !== null) await rm(folder, { recursive: true });
  }
}

interface Measured {
  readonly shape: PsShape;
  /** Counted ones. */
  readonly exchanges: readonly Exchange[];
  readonly peers: PeerOutcomes | null;
  readonly state: FinalState;
}

/** Ours and the peer's by turns, after everything has started. */
async function measure(
  coordinator: BenchProcess<CoordinatorRequests>,
  credentials: string | null,
  options: PsOptions,
): Promise<Measured> {
  const { parameters, workers, servers, steps, isSecure, sharesMemory, codec } = options;
  const { python, env, onProgress } = options;
  const setup = { parameters, workers, servers, credentials, sharesMemory, codec };
  const { transport } = await coordinator.ask('start', setup);
  const shape: PsShape = { parameters, workers, servers, transport, isSecure, codec };
  const started = python === null ? null : await startGloo(python, env);
  const peers = started && new PeerTurns(started, { parameters, ranks: workers });
  try {
    const exchanges: Exchange[] = [];
    for (let turn = 0; turn < WARM_UPS + steps; turn += 1) {
      const exchange = await coordinator.ask('exchange', null);
      const isCounted = turn >= WARM_UPS;
      await peers?.run(isCounted);
      if (isCounted) exchanges.push(exchange);
      onProgress(progressOf(shape, turn, steps, exchange));
    }
    const state = await coordinator.ask('finish', null);
    return { shape, exchanges, peers: peers?.outcomes() ?? null, state };
  } finally {
    peers?.close();
  }
}

const NO_ENGINE = 'the exchange alone; no tensor engine takes part';

function requireSizes({ parameters, workers, servers, steps, isQuick }: PsOptions): void {
  const limits = [
    ['parameters', parameters, LEAST_PARAMETERS, MOST_PARAMETERS],
    ['workers', workers, 1, MOST_WORKERS],
    ['servers', servers, 0, LEAST_PARAMETERS],
    ['steps', steps, isQuick ? 1 : LEAST_STEPS, Infinity],
  ] as const;
  for (const [name, got, least, most] of limits) {
    if (got >= least && got <= most) continue;
    const rule = most === Infinity ? `must be ${least} or more` : `must be ${least} to ${most}`;
    throw configInvalid(`bench.ps.${name}`, rule, got, `--${name}`);
  }
}

/** With the flags that a run's coordinator has. */
function startCoordinator({ servers, env }: PsOptions): BenchProcess<CoordinatorRequests> {
  return new BenchProcess({
    id: 'coordinator',
    entry: new URL('coordinator-process.ts', import.meta.url),
    flags: servers === 0 ? SPARE_COLLECTIONS : SPARE_COLLECTIONS_OF_SMALL_HEAP,
    env,
  });
}

async function makeDayCredentials(out: string): Promise<void> {
  const plan = { out, job: 'bench', hosts: null, days: 1, tokenDays: 1, isRenewal: false };
  await makeCredentials(plan, Date.now());
}

function progressOf(shape: PsShape, turn: number, steps: number, { seconds }: Exchange): string {
  const number = turn < WARM_UPS ? `warm-up ${turn + 1}` : `exchange ${turn + 1 - WARM_UPS}`;
  const all = turn < WARM_UPS ? WARM_UPS : steps;
  return `${shapeName(shape)}: ${number} of ${all}, ${seconds.exchange.toPrecision(3)} s`;
}

/** @throws Error where a worker's parameters are not those of plain arithmetic */
function figuresOf(shape: PsShape, exchanges: readonly Exchange[], state: FinalState): PsFigures {
  const checkedElements = requireExpected({ ...shape, steps: WARM_UPS + exchanges.length }, state);
  const uses = exchanges.flatMap(({ workers }) => workers);
  const sockets = uses.flatMap(({ socketBytes }) => (socketBytes === null ? [] : [socketBytes]));
  return {
    ...shape,
    steps: exchanges.length,
    workerBytes: {
      vectors: Math.max(...uses.map(({ vectorBytes }) => vectorBytes)),
      sockets: sockets.length === 0 ? null : spreadOf(sockets),
    },
    peakBytes: { ...state.peakBytes, workers: state.workers.map(({ peakBytes }) => peakBytes) },
    sha256: state.workers[0]!.sha256,
    checkedElements,
  };
}
