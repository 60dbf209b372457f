/** Lines that are drawn again in their place on a terminal. */
import type { ProgressStream } from '../../telemetry/progress-view.ts';

/** A terminal's own words (ECMA-48). */
const UP = (rows: number): string => `\u001B[${rows}A`;
const CLEAR_BELOW = '\u001B[0J';

/** Of terminals that do not tell. */
const COLUMNS = 80;
const ROWS = 24;

type TerminalStream = ProgressStream & { readonly rows?: number };

export class LiveLines {
  readonly #stream: TerminalStream;
  #drawn = 0;

  private constructor(stream: TerminalStream) {
    this.#stream = stream;
  }

  /** Null where the stream is no terminal. */
  static on(stream: ProgressStream): LiveLines | null {
    return stream.isTTY === true ? new LiveLines(stream) : null;
  }

  /** In place of those drawn before; what does not fit is cut off. */
  draw(lines: readonly string[]): void {
    const { columns = COLUMNS, rows = ROWS } = this.#stream;
    const fitting = lines.slice(0, rows - 1).map((line) => cut(line, columns));
    const back = this.#drawn === 0 ? '' : `${UP(this.#drawn)}\r${CLEAR_BELOW}`;
    this.#stream.write(back + fitting.map((line) => `${line}\n`).join(''));
    this.#drawn = fitting.length;
  }
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}
