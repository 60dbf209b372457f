/**
 * A process that a benchmark starts and asks: a request, a reply, one at a time, over Node's own
 * channel between parent and child. A process ends when its parent does.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { messageOf, unavailable } from '../../src/errors.ts';
import { receivedError, sentError, type SentError } from '../../src/process/thread-error.ts';

export interface BenchProcessPlan {
  /** For messages: `worker-1`. */
  readonly id: string;
  /** Its file beside the caller: `new URL('file.ts', import.meta.url)`. */
  readonly entry: URL;
  /** Flags of Node. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Answer = { readonly reply: unknown } | { readonly error: SentError };

/** For a process to end by itself once it is asked to; its memory may be gigabytes [ms]. */
const LEAVE_MS = 5_000;

/** @template Requests replies by kind of request */
export class BenchProcess<Requests extends object> {
  readonly id: string;
  readonly #child: ChildProcess;
  /** With the reason, once the process has ended. */
  readonly ended: Promise<Error>;
  #waiting: { resolve: (reply: unknown) => void; reject: (error: unknown) => void } | null = null;
  /** Why nothing can be asked any more. */
  #end: Error | null = null;

  constructor({ id, entry, flags, env }: BenchProcessPlan) {
    this.id = id;
    const isSource = import.meta.url.endsWith('.ts');
    const file = fileURLToPath(isSource ? entry : entry.href.replace(/\.ts$/, '.js'));
    const loader = isSource ? ['--import', import.meta.resolve('tsx')] : [];
    // Results are this process's to print.
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
    this.#child = fork(file, { execArgv: [...flags, ...loader], env, stdio: [...stdio] });
    this.#child.on('message', (answer) => {
      this.#take(answer as Answer);
    });
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        resolve(this.#fail(`ended with ${signal ?? `exit code ${code ?? 'unknown'}`}`));
      });
      this.#child.once('error', (error) => {
        const end = this.#fail(messageOf(error));
        if (this.#child.pid === undefined) resolve(end);
      });
    });
  }

  /** @throws what the process threw; TrainerError UNAVAILABLE when it has ended */
  ask<Kind extends keyof Requests>(
    kind: Kind,
    request: Requests[Kind] extends (request: infer Request) => unknown ? Request : never,
  ): Promise<Requests[Kind] extends (request: never) => infer Reply ? Awaited<Reply> : never> {
    return new Promise((resolve, reject) => {
      if (this.#end !== null) {
        reject(this.#end);
        return;
      }
      this.#waiting = { resolve: resolve as (reply: unknown) => void, reject };
      this.#child.send({ kind, request }, (error) => {
        if (error !== null) this.#fail(messageOf(error));
      });
    });
  }

  /** Ends it: by itself, or else by force. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const force = setTimeout(() => {
      this.kill();
    }, LEAVE_MS);
    await this.ended;
    clearTimeout(force);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #take(answer: Answer): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if ('error' in answer) waiting?.reject(receivedError(answer.error));
    else waiting?.resolve(answer.reply);
  }

  #fail(problem: string): Error {
    this.#end ??= unavailable(`process ${this.id}`, problem);
    this.#waiting?.reject(this.#end);
    this.#waiting = null;
    return this.#end;
  }
}

/**
 * In a process that a BenchProcess started: answers what it is asked, and ends with its parent.
 * @param handlers by kind of request
 * @param onEnd before the end of this process
 */
export function answerRequests(
  handlers: object,
  onEnd: () => Promise<void> = () => Promise.resolve(),
): void {
  const byKind = handlers as Readonly<Record<string, (request: unknown) => unknown>>;
  process.on('message', (message) => {
    const { kind, request } = message as { readonly kind: string; readonly request: unknown };
    void answerOf(() => byKind[kind]?.(request)).then((answer) => {
      // Without a parent there is nobody to tell.
      if (process.connected) process.send?.(answer);
    });
  });
  process.once('disconnect', () => {
    void onEnd().finally(() => process.exit(0));
  });
}

async function answerOf(handle: () => unknown): Promise<Answer> {
  try {
    return { reply: await handle() };
  } catch (error) {
    return { error: sentError(error) };
  }
}
