/**
 * One process of the run as the launcher sees it: its notices, its output kept in a file, how it
 * ended.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { messageOf } from '../errors.ts';
import type { Notice } from '../telemetry/notice.ts';

export interface ProcessSpec {
  /** Also the name of its log file: `coordinator`, `worker-0`. */
  readonly id: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ProcessHooks {
  readonly onNotice: (id: string, notice: Notice) => void;
  /** Each line of its stdout and stderr. */
  readonly onLine: (id: string, line: string) => void;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /**
   * What it said itself, by a `failed` notice; else the last telling line of its output; else null.
   */
  readonly message: string | null;
  /** It said that the run is another process's now. */
  readonly isElsewhere: boolean;
  /** It said so itself: another try helps only once a person has done something. */
  readonly needsPerson: boolean;
}

export interface RunningProcess {
  readonly id: string;
  /** Resolves after its last line and notice have been handed on; never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Does nothing once it has ended. */
  kill(signal: NodeJS.Signals): void;
}

/** Time for the last lines and notices of a process to arrive after its end [ms]. */
const DRAIN_MS = 2_000;

/**
 * Starts a process whose output goes to `<logs>/<id>.log`, after what earlier processes of that id
 * left there.
 */
export function startProcess(spec: ProcessSpec, logs: string, hooks: ProcessHooks): RunningProcess {
  const { id, command, env } = spec;
  const [program = '', ...args] = command;
  const log = createWriteStream(join(logs, `${id}.log`), { flags: 'a' });
  // A log that cannot be written, on a full disk say, must not end the run that it tells of.
  log.on('error', (error) => {
    hooks.onLine(id, `${id}.log: ${messageOf(error)}`);
  });
  let lastLine: string | null = null;
  let lastError: string | null = null;
  let failure: string | null = null;
  let isElsewhere = false;
  let isForPerson = false;
  const takeLine = (line: string): void => {
    log.write(`${line}\n`);
    if (isErrorLine(line)) lastError = line;
    else if (isPlainLine(line)) lastLine = line;
    hooks.onLine(id, line);
  };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env });
  child.on('message', (message) => {
    const notice = message as Notice;
    if (notice.type === 'failed') {
      failure = notice.message;
      isElsewhere = notice.isElsewhere === true;
      isForPerson = notice.needsPerson === true;
    }
    hooks.onNotice(id, notice);
  });
  for (const stream of [child.stdout, child.stderr] as (Readable | null)[]) {
    if (stream) createInterface({ input: stream }).on('line', takeLine);
  }
  const exited = endOf(child).then(async ({ code, signal, error }) => {
    log.end();
    await finished(log).catch(() => undefined);
    const message = failure ?? error ?? lastError ?? lastLine;
    return { code, signal, message, isElsewhere, needsPerson: isForPerson };
  });
  return {
    id,
    exited,
    kill: (signal) => {
      child.kill(signal);
    },
  };
}

/** As Node and native libraries begin what they say of a crash, and this program of any failure. */
export function isErrorLine(line: string): boolean {
  return /^(deepcluster: |\w*Error\b|FATAL ERROR)/.test(line);
}

/**
 * Neither a line of the log, nor of a stack, nor TensorFlow's greeting, nor the version that Node
 * signs a crash with.
 */
function isPlainLine(line: string): boolean {
  const greetings = /^(Node\.js v|[IW]\d{4} \d\d|WARNING: All log messages before)/;
  return /^[^\s{}]/.test(line) && !greetings.test(line);
}

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error: string | null;
}

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      // After a successful start this is a failed kill or send, and its exit still comes.
      if (child.pid === undefined) resolve({ code: 1, signal: null, error: messageOf(error) });
    });
    child.once('exit', (code, signal) => {
      const drained: Promise<unknown>[] = [once(child, 'close')];
      if (child.connected) drained.push(once(child, 'disconnect'));
      const timeout = setTimeout(() => {
        resolve({ code, signal, error: null });
      }, DRAIN_MS);
      void Promise.allSettled(drained).then(() => {
        clearTimeout(timeout);
        resolve({ code, signal, error: null });
      });
    });
  });
}

/** `exit code 1`, `signal SIGKILL` */
export function describeExit({ code, signal }: ProcessExit): string {
  return signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`;
}
