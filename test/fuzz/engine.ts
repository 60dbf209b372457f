/**
 * The fuzzing engine: cases drawn from (seed, target, number), each held to what every decoder promises. It ends with a value or
 * with one clear line of a TrainerError; it takes neither long nor much memory; what it must not open stays shut.
 * A case that breaks a promise prints how to run it again, alone.
 */
import { getHeapStatistics } from 'node:v8';
import { TrainerError, messageOf } from '../../src/errors.ts';
import { seededRng, type Rng } from '../../src/math/rng.ts';
import { startWatchdog } from './watchdog.ts';

/** What one case came to. */
export interface Outcome {
  /** Frames or files that it gave to decoders. */
  readonly inputs: number;
  /** Of these, taken as valid. */
  readonly accepted: number;
}

/** Runs cases; made anew for each target, and closed after it. */
export interface Fuzzer {
  /** @throws anything: a defect */
  run(rng: Rng): Outcome | Promise<Outcome>;
  close?(): void | Promise<void>;
}

export interface FuzzTarget {
  readonly name: string;
  readonly kind: 'frames' | 'files';
  /** Its part of the inputs, against the weights of the others of its kind. */
  readonly weight: number;
  /** What one case may allocate in JavaScript's buffers and heap [bytes]. */
  readonly memoryBytes: number;
  start(): Promise<Fuzzer>;
}

export interface Defect {
  readonly target: string;
  readonly case: number;
  readonly problem: string;
}

export interface TargetReport {
  readonly target: string;
  readonly cases: number;
  readonly inputs: number;
  readonly accepted: number;
  readonly seconds: number;
  /** The most processor time that a case took [ms]. */
  readonly slowestMs: number;
  readonly defects: readonly Defect[];
}

export interface FuzzOptions {
  readonly seed: number;
  /** Inputs to give to the target. */
  readonly inputs: number;
  /** Only this case, if given. */
  readonly case?: number;
  /** Told of the inputs so far, now and then. */
  readonly onProgress?: (inputs: number) => void;
}

/** Processor time that one case may take, of all threads: a machine that is busy otherwise does not fail it. */
const CASE_CPU_MS = 4_000;
/** A case that has not come back after this long hangs: the process ends, naming it. */
const HANG_MS = 90_000;
/** Defects after which a target is given up. */
const MAX_DEFECTS = 10;
/** A message for people: longer ones hold a copy of the input. */
const MAX_MESSAGE = 2_000;

/** Runs a target until it has had its inputs. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<TargetReport> {
  const fuzzer = await target.start();
  const watchdog = startWatchdog(HANG_MS);
  const start = performance.now();
  const defects: Defect[] = [];
  let [cases, inputs, accepted, slowestMs] = [0, 0, 0, 0];
  const addDefect = (number: number, problem: string): void => {
    defects.push({ target: target.name, case: number, problem });
  };
  // What is thrown where nobody waits for it: it would have ended the process.
  const stray = (error: unknown): void => {
    addDefect(options.case ?? cases, `thrown where nobody catches: ${describe(error)}`);
  };
  process.on('uncaughtException', stray).on('unhandledRejection', stray);
  try {
    for (let number = options.case ?? 0; inputs < options.inputs; number += 1) {
      watchdog.watch(replayOf(options.seed, target.name, number));
      const found = await runCase(target, fuzzer, options.seed, number);
      cases += 1;
      inputs += found.inputs;
      accepted += found.accepted;
      slowestMs = Math.max(slowestMs, found.cpuMs);
      if (found.problem !== null) addDefect(number, found.problem);
      if (options.case !== undefined || defects.length >= MAX_DEFECTS) break;
      if (cases % 64 === 0) {
        options.onProgress?.(inputs);
        // Streams and timers of the decoders get their turn.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  } finally {
    watchdog.stop();
    await fuzzer.close?.();
    process.off('uncaughtException', stray).off('unhandledRejection', stray);
  }
  const seconds = (performance.now() - start) / 1000;
  return { target: target.name, cases, inputs, accepted, seconds, slowestMs, defects };
}

/** The command that runs a case again. */
export function replayOf(seed: number, target: string, number: number): string {
  return `node --import tsx test/fuzz/run.ts --seed ${seed} --target ${target} --case ${number}`;
}

/** A defect for people: what happened, and how to see it again. */
export function defectLine(seed: number, defect: Defect): string {
  const again = replayOf(seed, defect.target, defect.case);
  return `${defect.target}, case ${defect.case}: ${defect.problem}\n  again: ${again}`;
}

/**
 * Passes over a refusal as decoders promise it: a TrainerError with one line that is no copy of the input.
 * @throws Error for anything else: a crash in waiting
 */
export function requireRefusal(error: unknown): void {
  if (!(error instanceof TrainerError)) {
    throw new Error(`not a TrainerError: ${describe(error)}`, { cause: error });
  }
  requireLine(messageOf(error));
}

/** @throws Error unless the message of a refusal is one line of a length that a person reads */
export function requireLine(message: string): void {
  if (message === '') throw new Error('a refusal without a reason');
  if (message.includes('\n')) throw new Error(`a refusal of several lines: ${message}`);
  if (message.length > MAX_MESSAGE) {
    throw new Error(`a refusal of ${message.length} characters: ${message.slice(0, 200)}…`);
  }
}

interface CaseResult extends Outcome {
  readonly problem: string | null;
  readonly cpuMs: number;
}

async function runCase(
  target: FuzzTarget,
  fuzzer: Fuzzer,
  seed: number,
  number: number,
): Promise<CaseResult> {
  const rng = seededRng(seed, target.name, number);
  const cpu = process.cpuUsage();
  const bytes = allocatedBytes();
  let outcome: Outcome = { inputs: 1, accepted: 0 };
  let problem: string | null = null;
  try {
    // Not awaited where it is no promise: that is a million turns of the event loop.
    const running = fuzzer.run(rng);
    outcome = running instanceof Promise ? await running : running;
  } catch (error) {
    problem = describe(error);
  }
  const { user, system } = process.cpuUsage(cpu);
  const cpuMs = (user + system) / 1000;
  const taken = allocatedBytes() - bytes;
  if (problem === null && taken > target.memoryBytes) {
    problem = `took ${taken} bytes of memory, at most ${target.memoryBytes} are expected`;
  }
  if (problem === null && cpuMs > CASE_CPU_MS) {
    problem = `took ${Math.round(cpuMs)} ms, at most ${CASE_CPU_MS} are expected`;
  }
  return { ...outcome, problem, cpuMs };
}

/** Of buffers, whether their pages were touched or not, and of the heap. */
function allocatedBytes(): number {
  const { external_memory, used_heap_size } = getHeapStatistics();
  return external_memory + used_heap_size;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stack = (error.cause instanceof Error ? error.cause : error).stack ?? '';
  const where = stack.split('\n').find((line) => /\/(src|coordinator|worker)\//.test(line));
  return `${error.name}: ${messageOf(error).slice(0, 600)}${where === undefined ? '' : ` (${where.trim()})`}`;
}
