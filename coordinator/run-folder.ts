/** The run's folder: config.json, events.jsonl, metrics.jsonl, loss-by-step.txt, unreadable.csv, summary.json, report.html. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { TrainerError, checkpointCorrupt, messageOf } from '../src/errors.ts';
import { configFileOf, requireRunFolder } from '../src/config/run-folder.ts';
import type { RunConfig } from '../src/config/schema.ts';
import { openJsonLines, type JsonLines } from '../src/telemetry/json-lines.ts';
import type { RunSummary } from '../src/report/summary.ts';
import type { UnreadableImage } from './run-record.ts';

export const LOSS_FILE = 'loss-by-step.txt';
/** How often a coordinator has begun or gone on with the run: parameter servers refuse what an earlier one sends. */
const TERM_FILE = 'term';

export interface StartedProcess {
  readonly role: 'coordinator' | 'server' | 'worker';
  readonly id: string;
  readonly pid: number;
  /** New for every start. */
  readonly incarnation: string;
}

export class RunFolder {
  readonly path: string;
  readonly checkpoints: string;
  readonly #events: JsonLines;
  readonly #metrics: JsonLines;
  readonly #nowMs: () => number;
  /** By id: incarnation of the newest process whose start events.jsonl has. */
  readonly #started = new Map<string, string>();

  /** @throws TrainerError CONFIG_INVALID when the folder holds a run and should not, or should and does not */
  constructor(path: string, isResumed: boolean, nowMs: () => number) {
    requireRunFolder(path, isResumed);
    mkdirSync(path, { recursive: true });
    this.path = path;
    this.checkpoints = join(path, 'checkpoints');
    this.#events = openJsonLines(join(path, 'events.jsonl'));
    this.#metrics = openJsonLines(join(path, 'metrics.jsonl'));
    this.#nowMs = nowMs;
  }

  event(event: string, reason: string, fields: object = {}): void {
    this.#events.append({ ts: this.#timestamp(), event, reason, ...fields });
  }

  /** Tells of a process of the run, once for each of its starts. */
  processStarted({ role, id, pid, incarnation }: StartedProcess, reason: string): void {
    if (this.#started.get(id) === incarnation) return;
    this.#started.set(id, incarnation);
    this.event('process.started', reason, { role, id, pid });
  }

  metrics(fields: object): void {
    this.#metrics.append({ ts: this.#timestamp(), ...fields });
  }

  writeConfig(runId: string, config: RunConfig, origins: Readonly<Record<string, string>>): void {
    this.#replace('config.json', `${JSON.stringify({ runId, config, origins }, null, 2)}\n`);
  }

  /** @returns the run's id, as config.json has it. @throws TrainerError CONFIG_INVALID where it has none */
  readRunId(): string {
    const path = configFileOf(this.path);
    let problem = 'has no runId';
    try {
      const saved = JSON.parse(readFileSync(path, 'utf8')) as { runId?: unknown } | null;
      if (typeof saved?.runId === 'string' && saved.runId !== '') return saved.runId;
    } catch (error) {
      problem = `cannot be read (${messageOf(error)})`;
    }
    throw new TrainerError('CONFIG_INVALID', `config file ${path}: ${problem}`, { path });
  }

  /** The next term of the run, greater than all before it, on disk before it is used. */
  beginTerm(): number {
    const file = join(this.path, TERM_FILE);
    const term = (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0) + 1;
    if (!Number.isSafeInteger(term)) {
      throw checkpointCorrupt(TERM_FILE, `a whole number was expected, got ${term}; remove it`);
    }
    writeDurablySync(file, `${term}\n`);
    return term;
  }

  writeUnreadable(images: readonly UnreadableImage[]): void {
    const rows = images.map(({ id, path, reason }) => `${id},${quote(path)},${quote(reason)}`);
    this.#replace('unreadable.csv', ['id,path,reason', ...rows, ''].join('\n'));
  }

  writeLosses(losses: readonly number[]): void {
    this.#replace(LOSS_FILE, losses.map((loss) => `${JSON.stringify(loss)}\n`).join(''));
  }

  writeSummary(summary: RunSummary): void {
    this.#replace('summary.json', `${JSON.stringify(summary, null, 2)}\n`);
  }

  writeReport(html: string): void {
    this.#replace('report.html', html);
  }

  close(): void {
    this.#events.close();
    this.#metrics.close();
  }

  #replace(name: string, content: string): void {
    const target = join(this.path, name);
    writeFileSync(`${target}.partial`, content);
    renameSync(`${target}.partial`, target);
  }

  #timestamp(): string {
    return new Date(this.#nowMs()).toISOString();
  }
}

function writeDurablySync(target: string, content: string): void {
  const descriptor = openSync(`${target}.partial`, 'w');
  try {
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${target}.partial`, target);
}

/** A field of a CSV line (RFC 4180). */
function quote(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
