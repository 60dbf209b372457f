/**
 * A real run as a benchmark has it: the launcher as a process, its events as they come, its
 * processes to be killed.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/process/package-root.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import type { Role, RunEvent } from './chaos-plan.ts';

export interface RunPlan {
  /** Configuration file. */
  readonly config: string;
  readonly data: string;
  readonly out: string;
  readonly workers: number;
  readonly servers: number;
  /** Of the command, beside these; left out: none. */
  readonly flags?: readonly string[];
  /** Of its environment, beside what this process has. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunEnd {
  /** Null after a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LaunchedRun {
  readonly process: ChildProcess;
  readonly ended: Promise<RunEnd>;
  readonly hasEnded: () => boolean;
}

export function launchRun(plan: RunPlan): LaunchedRun {
  const { config, data, out, workers, servers, flags = [], env } = plan;
  const processes = ['--workers', String(workers), '--servers', String(servers)];
  return launch(['--config', config, '--data', data, '--out', out, ...processes, ...flags], env);
}

/** The run of a folder, once more. */
export function resumeRun(out: string): LaunchedRun {
  return launch(['--resume', '--out', out], {});
}

function launch(flags: readonly string[], env: RunPlan['env']): LaunchedRun {
  const child = spawn(
    process.execPath,
    [join(packageRoot(), 'bin', 'deepcluster.mjs'), 'launch', '--json', ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
  );
  let stdout = '';
  let stderr = '';
  let hasEnded = false;
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const ended = once(child, 'close').then(([code]): RunEnd => {
    hasEnded = true;
    return { code: code as number | null, stdout, stderr };
  });
  return { process: child, ended, hasEnded: () => hasEnded };
}

/** The summary of a run that must have ended well. @throws Error with its last words */
export async function summaryOf({ ended }: LaunchedRun): Promise<RunSummary> {
  const { code, stdout, stderr } = await ended;
  if (code === 0) return JSON.parse(stdout) as RunSummary;
  throw new Error(`the run ended with exit code ${code}: ${stderr.trimEnd().slice(-2000)}`);
}

export function lossesOf(out: string): number[] {
  return readFileSync(join(out, 'loss-by-step.txt'), 'utf8').trimEnd().split('\n').map(Number);
}

/** Reads events.jsonl as it grows; a last line without its end is left for the next time. */
export class EventTail {
  readonly #path: string;
  /** Bytes of complete lines that were read. */
  #offset = 0;

  constructor(out: string) {
    this.#path = join(out, 'events.jsonl');
  }

  /** What has come since the last call. */
  read(): RunEvent[] {
    if (!existsSync(this.#path)) return [];
    const file = openSync(this.#path, 'r');
    try {
      const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - this.#offset));
      const got = readSync(file, bytes, 0, bytes.length, this.#offset);
      const end = bytes.subarray(0, got).lastIndexOf(0x0a) + 1;
      this.#offset += end;
      const lines = bytes.toString('utf8', 0, end).split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as RunEvent);
    } finally {
      closeSync(file);
    }
  }
}

/** A process of a run that has taken up its work. */
export interface LiveProcess {
  readonly role: Role;
  readonly id: string;
  readonly pid: number;
}

/**
 * The processes of a run that are at work, by its events; one that was killed counts again when its
 * successor is.
 */
export class ProcessTable {
  #launcher: number;
  readonly #byId = new Map<string, LiveProcess>();
  readonly #killed = new Set<number>();

  /** @param launcher process id of their parent */
  constructor(launcher: number) {
    this.#launcher = launcher;
  }

  /** The run goes on under another launcher. */
  moveTo(launcher: number): void {
    this.#launcher = launcher;
  }

  take({ event, role, id, pid }: RunEvent): void {
    if (event !== 'process.started' || this.#killed.has(pid as number)) return;
    this.#byId.set(id as string, { role: role as Role, id: id as string, pid: pid as number });
  }

  /** In the order of their names. */
  alive(): LiveProcess[] {
    return [...this.#byId.values()].toSorted((a, b) => a.id.localeCompare(b.id));
  }

  /** Whether it was there to be killed. */
  kill({ id, pid }: LiveProcess): boolean {
    this.#byId.delete(id);
    this.#killed.add(pid);
    try {
      return isChildOf(pid, this.#launcher) && process.kill(pid, 'SIGKILL');
    } catch {
      return false; // it has just ended by itself, and will be started again
    }
  }
}

/** Where the system tells: a process that has ended may have left its number to a stranger. */
function isChildOf(pid: number, parent: number): boolean {
  if (!existsSync('/proc/self/stat')) return true;
  // The name, in parentheses, may hold anything; state and parent follow it.
  const [, stat = ''] = /\) \S+ (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
  return Number(stat) === parent;
}
