/** Runs of the real command as real processes, followed by their events.jsonl and disturbed from outside. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RunSummary } from '../../../src/report/summary.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/deepcluster.mjs', import.meta.url));

/** A small but whole run: seconds on one core. */
export const SMALL: Readonly<Record<string, unknown>> = {
  epochs: 2,
  'data.imageSize': 32,
  'data.resizeRatio': 1,
  'data.cropArea': '[0.3, 1]',
  'data.shardSize': 12,
  'model.architecture': 'small-convnet',
  'model.width': 4,
  'model.featureDim': 32,
  'clustering.k': 8,
  'clustering.pcaDim': 8,
  'training.batchSize': 24,
  'training.sliceSize': 8,
  'cluster.engine': 'wasm',
  'cluster.heartbeatMs': 200,
  'checkpoint.everySteps': 3,
};

export interface Launched {
  readonly process: ChildProcess;
  /** Exit code, or null after a signal; and what was printed. */
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

export interface LaunchPlan {
  readonly data: string;
  readonly out: string;
  readonly workers?: number;
  /** Parameter servers as processes; none if left out. */
  readonly servers?: number;
  readonly resume?: boolean;
  readonly credentials?: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly flags?: readonly string[];
  /** Its processes are a group of their own, as a shell makes one of a job. */
  readonly isOwnGroup?: boolean;
  /** Besides this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory; this process's own if left out. */
  readonly cwd?: string;
}

export function launch(plan: LaunchPlan): Launched {
  const settings = Object.entries({ ...SMALL, ...plan.settings }).flatMap(([key, value]) => [
    '--set',
    `${key}=${String(value)}`,
  ]);
  return runCommand(
    [
      'launch',
      ...['--data', plan.data, '--out', plan.out, '--workers', String(plan.workers ?? 2), '--json'],
      ...(plan.servers === undefined ? [] : ['--servers', String(plan.servers)]),
      ...(plan.resume === true ? ['--resume'] : []),
      ...(plan.credentials === undefined ? [] : ['--credentials', plan.credentials]),
      ...(plan.flags ?? []),
      ...settings,
    ],
    plan.env,
    plan.cwd,
    plan.isOwnGroup,
  );
}

/** Any command of the program. @param cwd this process's own if left out */
export function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
  isOwnGroup = false,
): Launched {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    cwd,
    detached: isOwnGroup,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    stdout,
    stderr,
  }));
  return { process: child, ended };
}

/** The numeric settings that a message names as flags. */
export function settingsIn(message: string): Record<string, number> {
  const found = [...message.matchAll(/--set (\S+?)=([\d.e+-]+)/g)];
  return Object.fromEntries(found.map(([, key, value]): [string, number] => [key!, Number(value)]));
}

/** The summary of a run that must have ended well. */
export async function finished(launched: Launched): Promise<RunSummary> {
  const { code, stdout, stderr } = await launched.ended;
  if (code !== 0) throw new Error(`the run ended with ${code}: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout) as RunSummary;
}

export type RunEvent = Record<string, unknown> & { event: string };

/** Complete lines of events.jsonl so far. */
export function eventsOf(out: string): RunEvent[] {
  const path = join(out, 'events.jsonl');
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as RunEvent);
}

/** Waits until the run has written an event that `matches`; polls, since the file belongs to another process. */
export async function waitForEvent(
  out: string,
  matches: (event: RunEvent) => boolean,
  launched: Launched,
): Promise<RunEvent> {
  for (;;) {
    const found = eventsOf(out).find(matches);
    if (found !== undefined) return found;
    if (launched.process.exitCode !== null) {
      const { code, stderr } = await launched.ended;
      throw new Error(`the run ended with ${code} before the event: ${stderr.slice(-2000)}`);
    }
    await sleep(3);
  }
}

/** Process id of the newest process of that id. */
export function pidOf(out: string, id: string): number {
  const started = eventsOf(out).filter(
    ({ event, id: name }) => event === 'process.started' && name === id,
  );
  return started.at(-1)!['pid'] as number;
}

/** As a run's folder has it. */
export function summaryOf(out: string): RunSummary {
  return JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as RunSummary;
}

export function lossesOf(out: string): number[] {
  return readFileSync(join(out, 'loss-by-step.txt'), 'utf8').trimEnd().split('\n').map(Number);
}
