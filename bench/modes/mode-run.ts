/**
 * A real run as `bench modes` follows it: what training took up to the end of each epoch, read off
 * its events while it goes on, and what its workers exchanged, read off their traces.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeSafetensors } from '../../src/arrays/safetensors.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import type { RunEvent } from '../chaos/chaos-plan.ts';
import { EventTail, launchRun, summaryOf, type RunPlan } from '../chaos/run-process.ts';
import { treeCpuSeconds } from './tree-cpu.ts';

/** The end of an epoch's training; times are sums over the epochs so far, without clustering. */
export interface EpochPoint {
  readonly epoch: number;
  /** Mean over the epoch's samples. */
  readonly loss: number;
  readonly trainSeconds: number;
  /** Of all processes of the run; null where the system does not tell. */
  readonly trainCpuSeconds: number | null;
}

/** Vectors of parameters, or of gradients, each with the batch-norm statistics. */
export interface ExchangeCounts {
  readonly pushes: number;
  /** Those of clustering and evaluation too. */
  readonly pulls: number;
  /** Of one. */
  readonly vectorBytes: number;
}

export interface FollowedMode {
  readonly summary: RunSummary;
  readonly points: readonly EpochPoint[];
  readonly exchange: ExchangeCounts;
}

/** A phase begins and ends between two looks [ms]. */
const POLL_MS = 20;

/** @throws Error with the last words of a run that fails */
export async function followMode(plan: RunPlan): Promise<FollowedMode> {
  const run = launchRun({ ...plan, flags: [...(plan.flags ?? []), '--trace'] });
  const events = new EventTail(plan.out);
  const course = new TrainingCourse(() => treeCpuSeconds(run.process.pid ?? 0));
  while (!run.hasEnded()) {
    for (const event of events.read()) course.take(event);
    await delay(POLL_MS);
  }
  for (const event of events.read()) course.take(event);
  const summary = await summaryOf(run);
  const exchange = await exchangeOf(plan.out, plan.workers);
  return { summary, points: course.points(), exchange };
}

/** Adds up what lies between the beginning of an epoch's training and its last step. */
export class TrainingCourse {
  readonly #cpuSeconds: () => number | null;
  readonly #points: EpochPoint[] = [];
  #wall = 0;
  /** Null once the system did not tell. */
  #cpu: number | null = 0;
  /** Null outside of training. */
  #begun: { readonly epoch: number; readonly ms: number; readonly cpu: number | null } | null =
    null;
  #lossSum = 0;
  #samples = 0;
  #lastMs = 0;

  constructor(cpuSeconds: () => number | null) {
    this.#cpuSeconds = cpuSeconds;
  }

  take(event: RunEvent): void {
    const ms = Date.parse(event.ts);
    if (event.event === 'step.committed') {
      const samples = event['samples'] as number;
      this.#lossSum += samples * (event['loss'] as number);
      this.#samples += samples;
      this.#lastMs = ms;
    } else if (event.event === 'phase.entered' || event.event === 'run.finished') {
      this.#end();
      if (event['phase'] !== 'train') return;
      this.#begun = { epoch: event['epoch'] as number, ms, cpu: this.#cpuSeconds() };
    }
  }

  points(): readonly EpochPoint[] {
    this.#end();
    return this.#points;
  }

  #end(): void {
    const begun = this.#begun;
    this.#begun = null;
    if (begun === null || this.#samples === 0) return;
    const now = this.#cpuSeconds();
    this.#wall += (this.#lastMs - begun.ms) / 1000;
    this.#cpu =
      this.#cpu === null || now === null || begun.cpu === null ? null : this.#cpu + now - begun.cpu;
    this.#points.push({
      epoch: begun.epoch,
      loss: this.#lossSum / this.#samples,
      trainSeconds: this.#wall,
      trainCpuSeconds: this.#cpu,
    });
    this.#lossSum = 0;
    this.#samples = 0;
  }
}

async function exchangeOf(out: string, workers: number): Promise<ExchangeCounts> {
  const names = Array.from({ length: workers }, (_, i) =>
    namesOfSpans(readFileSync(join(out, 'trace', `worker-${i}.json`), 'utf8')),
  ).flat();
  const count = (wanted: string): number => names.filter((name) => name === wanted).length;
  return { pushes: count('push'), pulls: count('pull'), vectorBytes: await vectorBytesOf(out) };
}

/** @param trace a whole file, or one whose process was killed */
function namesOfSpans(trace: string): string[] {
  const text = trace.trimEnd();
  const events = JSON.parse(text.endsWith(']') ? text : `${text}]`) as {
    readonly ph: string;
    readonly name: string;
  }[];
  return events.filter(({ ph }) => ph === 'X' || ph === 'b').map(({ name }) => name);
}

/** Of parameters and statistics, as the newest checkpoint has them. */
async function vectorBytesOf(out: string): Promise<number> {
  const folder = join(out, 'checkpoints');
  const latest = (await readFile(join(folder, 'LATEST'), 'utf8')).trim();
  const file = join(folder, latest, 'parameters.safetensors');
  const { arrays } = decodeSafetensors(await readFile(file));
  return Object.values(arrays).reduce((total, { data }) => total + data.byteLength, 0);
}
