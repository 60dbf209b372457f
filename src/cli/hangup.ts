/**
 * What a hangup (SIGHUP) means to this process. A terminal that closes sends it, and so stops a run
 * in order; a run that no terminal was left to, by nohup, setsid, systemd or cron, goes on.
 *
 * nohup has a process ignore the signal, but Node gives every signal its default meaning before any
 * script runs, so that this cannot be seen. It can be seen that nohup leaves no stream on a
 * terminal.
 */
import { isatty } from 'node:tty';

/** `stop`: a person closed the terminal. `ignore`: nobody did, or it does not matter. */
export type HangupMeaning = 'stop' | 'ignore';

/**
 * Of the environment: what the first process of a command found holds for those it starts; a person
 * may set it, too.
 */
export const HANGUP_VARIABLE = 'DEEPCLUSTER_HANGUP';

/** Which of the process's streams are terminals. */
export interface Streams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function hangupMeaning(
  env: Environment,
  { stdin, stdout, stderr }: Streams,
  platform: NodeJS.Platform,
): HangupMeaning {
  const given = env[HANGUP_VARIABLE];
  if (given === 'stop' || given === 'ignore') return given;
  // Only the nohup of GNU takes stdin off the terminal.
  const isWatched = stdout || stderr || (stdin && platform === 'linux');
  return isWatched ? 'stop' : 'ignore';
}

/**
 * Decides for this process and those it starts, and has it outlive hangups if that is the decision.
 */
export function settleHangup(): void {
  const streams = { stdin: isatty(0), stdout: isatty(1), stderr: isatty(2) };
  const meaning = hangupMeaning(process.env, streams, process.platform);
  process.env[HANGUP_VARIABLE] = meaning;
  if (meaning === 'ignore') process.on('SIGHUP', () => undefined);
}

/** Whether a hangup asks this process to stop in order. */
export function stopsOnHangup(): boolean {
  return process.env[HANGUP_VARIABLE] !== 'ignore';
}

/**
 * A reader that went away (`| head`) or a terminal that is gone ends nothing: there is more to a
 * command than its output.
 */
export function outliveReaders(streams: readonly NodeJS.WritableStream[]): void {
  for (const stream of streams) stream.on('error', () => undefined);
}
