/**
 * What a command may use of the process it runs in, so that tests can stand in for it: environment,
 * stdout, stderr.
 */
import type { ProgressStream } from '../telemetry/progress-view.ts';

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results only: a table, or one JSON object with `--json`. */
  readonly stdout: ProgressStream;
  /** Everything else: progress, remarks, logs, errors. */
  readonly stderr: ProgressStream;
  /** Files that the process may have open at a time; null, as when left out: not known. */
  readonly openFiles?: number | null;
}

/** The one JSON object of a command that was given `--json`. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLines(terminal: Terminal, lines: readonly string[]): void {
  terminal.stdout.write(lines.map((line) => `${line}\n`).join(''));
}
