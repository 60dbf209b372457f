/** Fake processes under the launcher: what it makes of them, and that none is left. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { superviseRun, type LaunchPlan, type LaunchSignals } from '../../../src/launch/launcher.ts';

const FAKE = fileURLToPath(new URL('../doubles/fake-process.mjs', import.meta.url));
export const LAUNCHER = fileURLToPath(new URL('../doubles/launcher-double.ts', import.meta.url));
export const LISTENING = { type: 'listening', address: '127.0.0.1:4711' };
export const FINISHED = { type: 'finished', summary: { runId: 'r1' } };

const root = mkdtempSync(join(tmpdir(), 'launcher-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});

type Part = Readonly<Record<string, unknown>>;

interface Outcome {
  readonly summary: unknown;
  readonly error: (Error & { exitCode?: number; code?: string }) | null;
  readonly remarks: readonly string[];
  readonly folder: string;
  /** Addresses the workers were planned for. */
  readonly addresses: readonly string[];
}

interface Play {
  readonly coordinator: Part;
  readonly workers?: readonly Part[];
  readonly maxRestarts?: number;
  readonly signals?: Partial<LaunchSignals>;
  readonly times?: LaunchPlan['times'];
  readonly onLine?: (id: string, line: string) => void;
}

export function newFolder(): string {
  return mkdtempSync(join(root, 'run-'));
}

export function commandOf(part: Part, folder: string): string[] {
  return [process.execPath, FAKE, JSON.stringify({ pids: join(folder, 'pids'), ...part })];
}

/** Runs fake processes under the launcher; asserts that none of them is left once it has settled. */
export async function play(
  folder: string,
  { coordinator, workers = [], ...options }: Play,
): Promise<Outcome> {
  const remarks: string[] = [];
  const addresses: string[] = [];
  const never = new AbortController().signal;
  const plan: LaunchPlan = {
    coordinator: () => ({
      id: 'coordinator',
      command: commandOf(coordinator, folder),
      env: process.env,
    }),
    others: (address) => {
      addresses.push(address);
      return workers.map((part, index) => ({
        id: `worker-${index}`,
        command: commandOf(part, folder),
        env: process.env,
      }));
    },
    maxRestarts: options.maxRestarts ?? 3,
    logs: folder,
    remedy: () => 'continue with: deepcluster launch --resume',
    times: { backoffMs: 1, ...options.times },
  };
  const hooks = {
    onNotice: () => undefined,
    onLine: options.onLine ?? (() => undefined),
    onRemark: (text: string) => remarks.push(text),
  };
  const settled = await superviseRun(plan, hooks, {
    stop: never,
    kill: never,
    ...options.signals,
  }).then(
    (summary) => ({ summary, error: null }),
    (error: unknown) => ({ summary: null, error: error as Outcome['error'] }),
  );
  assert.deepEqual(pidsIn(folder).filter(isAlive), [], 'processes left over');
  return { ...settled, remarks, folder, addresses };
}

export function pidsIn(folder: string): number[] {
  const file = join(folder, 'pids');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export async function until(isTrue: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isTrue()) {
    assert.ok(performance.now() < deadline, `timed out: ${what}`);
    await delay(10);
  }
}
