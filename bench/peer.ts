/**
 * A peer: the same work in another library, in a Python process that lives as long as the measurement. It loads and warms
 * up once, and then runs when it is asked to, so that its start is not timed and its runs can alternate with ours.
 * It speaks JSON, one object a line: requests on stdin, one answer each on stdout; what it says on stderr is kept for the
 * error. The Python side is bench/peers/line_protocol.py.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { KEEP_FREED_MEMORY } from '../src/process/allocator.ts';
import { packageRoot } from '../src/process/package-root.ts';
import { messageOf, unavailable } from '../src/errors.ts';

/** What a peer is to do; each script documents the keys that it knows. */
export type PeerWork = Readonly<Record<string, unknown>>;

export interface PeerOptions {
  /** File in bench/peers. */
  readonly script: string;
  /** Python interpreter: a path, or a name that is looked up. */
  readonly python: string;
  /** Threads that it computes with. */
  readonly threads: number;
  /** Environment of the process. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Peer {
  /** Makes `work` ready and runs it until warm, in place of what was ready before. @returns the peer's name with its settings */
  prepare(work: PeerWork): Promise<string>;
  /** Runs what is ready `repeats` times. @returns seconds of all of them */
  run(repeats: number): Promise<number>;
  close(): void;
}

/** A library takes long to load from a cold disk; nothing that a peer does in one request takes longer than this [ms]. */
const REPLY_TIMEOUT_MS = 900_000;

/**
 * Starts a peer and waits until its libraries are loaded.
 * @returns the peer, or why it cannot run here
 */
export async function startPeer(options: PeerOptions): Promise<Peer | { missing: string }> {
  const { script, python, threads } = options;
  const path = join(packageRoot(), 'bench', 'peers', script);
  if (!existsSync(path)) return { missing: `bench/peers/${script} is not part of this package` };
  const env = { ...KEEP_FREED_MEMORY, ...options.env, OMP_NUM_THREADS: String(threads) };
  const child = spawn(python, ['-u', path, '--threads', String(threads)], { env, stdio: 'pipe' });
  const lines = new LineConversation(child, `peer ${script}`);
  try {
    const hello = await lines.next();
    if (hello.missing === undefined) return peerOf(lines);
    lines.close();
    return { missing: `${hello.missing} (${python})` };
  } catch (error) {
    lines.close();
    return { missing: messageOf(error) };
  }
}

function peerOf(lines: LineConversation): Peer {
  return {
    prepare: async (work) => {
      const { name } = await lines.ask({ prepare: work });
      if (name === undefined) throw unavailable(lines.what, 'did not say what it prepared');
      return name;
    },
    run: async (repeats) => {
      const { seconds } = await lines.ask({ run: repeats });
      if (seconds === undefined || !(seconds > 0)) {
        throw unavailable(lines.what, `said that a run took ${seconds ?? 'no'} s`);
      }
      return seconds;
    },
    close: () => {
      lines.close();
    },
  };
}

/** What a script may answer (bench/peers/line_protocol.py). */
interface Reply {
  readonly missing?: string;
  readonly name?: string;
  readonly seconds?: number;
  readonly error?: string;
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** One request at a time, one line of answer each. */
class LineConversation {
  readonly what: string;
  readonly #child: ChildProcessWithoutNullStreams;
  /** Answers that nobody has asked for yet, the hello among them. */
  readonly #unread: Reply[] = [];
  #waiting: Waiting | null = null;
  #end: Error | null = null;
  /** Last telling line of stderr. */
  #lastError = '';

  constructor(child: ChildProcessWithoutNullStreams, what: string) {
    this.what = what;
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#take(line);
    });
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (line.trim() !== '') this.#lastError = line.trim();
    });
    child.on('error', (error) => {
      this.#fail(error.message);
    });
    // A request to a process that has just ended; its end says more.
    child.stdin.on('error', () => undefined);
    child.on('close', (code, signal) => {
      const said = this.#lastError === '' ? '' : `: ${this.#lastError}`;
      this.#fail(`ended with ${signal ?? `exit code ${code ?? 'unknown'}`}${said}`);
    });
  }

  ask(request: Readonly<Record<string, unknown>>): Promise<Reply> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    return this.next();
  }

  async next(): Promise<Reply> {
    const unread = this.#unread.shift();
    if (unread !== undefined) return unread;
    if (this.#end !== null) throw this.#end;
    const timeout = setTimeout(() => {
      this.#fail(`gave no answer in ${REPLY_TIMEOUT_MS / 1000} s`);
      this.close();
    }, REPLY_TIMEOUT_MS);
    try {
      const reply = await new Promise<Reply>((resolve, reject) => {
        this.#waiting = { resolve, reject };
      });
      if (reply.error !== undefined) throw unavailable(this.what, reply.error);
      return reply;
    } finally {
      clearTimeout(timeout);
    }
  }

  /** An end of its stdin ends it, too: a peer never outlives this process. */
  close(): void {
    this.#child.stdin.end();
    this.#child.kill();
  }

  #take(line: string): void {
    let reply: unknown;
    try {
      reply = JSON.parse(line);
    } catch {
      reply = null;
    }
    // Libraries print to stdout as they please: what is no object is not meant for us.
    if (typeof reply !== 'object' || reply === null || Array.isArray(reply)) return;
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) this.#unread.push(reply);
    else waiting.resolve(reply);
  }

  #fail(problem: string): void {
    this.#end ??= unavailable(this.what, problem);
    this.#waiting?.reject(this.#end);
    this.#waiting = null;
  }
}
