/**
 * The run's folder: config.json, coordinator.json, events.jsonl, metrics.jsonl, loss-by-step.txt,
 * unreadable.csv, damaged.csv, the tables of clusters, summary.json, report.html. Whatever is put
 * into it carries a term of the run, and
 * takes effect only while that term is the newest (src/run/lock/run-lock.ts).
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { TrainerError, messageOf } from '../../src/errors.ts';
import { COORDINATOR_FILE, type CoordinatorPlace } from '../../src/run/coordinator-file.ts';
import { BOARD, CHECKPOINTS, EVENTS, configFileOf } from '../../src/run/folder.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import {
  writeClusterSummary,
  writeClustersCsv,
  writeClustersParquet,
  type ClusterTables,
} from '../../src/run/cluster-tables.ts';
import type { RunImages } from '../../src/run/run-images.ts';
import type { TakenFolder } from '../../src/run/lock/take-folder.ts';
import {
  lastJsonLine,
  openJsonLines,
  someJsonLine,
  type JsonLines,
} from '../../src/telemetry/json-lines.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import type { ProjectorFile } from '../../src/tensorboard/projector.ts';
import { csvText } from '../../src/tables/csv.ts';
import { LISTING_FILE, writeListing } from '../../src/data/source/listing.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import type { UnreadableImage } from '../../src/data/source/unreadable.ts';

export const LOSS_FILE = 'loss-by-step.txt';

export interface StartedProcess {
  readonly role: 'coordinator' | 'server' | 'worker';
  readonly id: string;
  readonly pid: number;
  /** New for every start. */
  readonly incarnation: string;
}

/** A line of events.jsonl; others of its fields depend on the event. */
export interface RunEvent {
  /** ISO 8601 */
  readonly ts: string;
  readonly event: string;
  readonly reason: string;
  readonly [field: string]: unknown;
}

export class RunFolder {
  readonly path: string;
  readonly checkpoints: string;
  readonly #taken: TakenFolder;
  readonly #events: JsonLines;
  readonly #metrics: JsonLines;
  readonly #nowMs: () => number;
  /**
   * When the last event before this process came was; null where there is none [ms by the
   * calendar].
   */
  readonly lastSeenMs: number | null;
  /** By id: incarnation of the newest process whose start events.jsonl has. */
  readonly #started = new Map<string, string>();
  readonly #listeners: ((event: RunEvent) => void)[] = [];

  /** @param taken the folder is this process's until it releases it */
  constructor(path: string, taken: TakenFolder, nowMs: () => number) {
    this.path = path;
    this.checkpoints = join(path, CHECKPOINTS);
    this.#taken = taken;
    this.#nowMs = nowMs;
    requireOneDisk(this.checkpoints, this.staging);
    this.#events = this.#openLines(EVENTS);
    this.lastSeenMs = lastSeenOf(join(path, EVENTS));
    this.#metrics = this.#openLines('metrics.jsonl');
  }

  /** Calls with every event from now on; the listener must not throw. */
  follow(listener: (event: RunEvent) => void): void {
    this.#listeners.push(listener);
  }

  event(event: string, reason: string, fields: object = {}): void {
    const { term } = this.#taken.lock;
    const line = { ts: this.#timestamp(), event, reason, term, ...fields };
    this.#events.append(line);
    for (const listener of this.#listeners) listener(line);
  }

  /**
   * As {@link event}, unless events.jsonl has it already, with these fields: from before a restart.
   * @returns whether it was new
   */
  eventOnce(event: string, reason: string, fields: Readonly<Record<string, unknown>>): boolean {
    const has = (line: Readonly<Record<string, unknown>>): boolean =>
      line['event'] === event &&
      Object.entries(fields).every(
        ([name, value]) => JSON.stringify(line[name]) === JSON.stringify(value),
      );
    if (someJsonLine(join(this.path, EVENTS), event, has)) return false;
    this.event(event, reason, fields);
    return true;
  }

  /** Tells of a process of the run, once for each of its starts. */
  processStarted({ role, id, pid, incarnation }: StartedProcess, reason: string): void {
    if (this.#started.get(id) === incarnation) return;
    this.#started.set(id, incarnation);
    this.event('process.started', reason, { role, id, pid });
  }

  metrics(fields: object): void {
    const { term } = this.#taken.lock;
    this.#metrics.append({ ts: this.#timestamp(), term, ...fields });
  }

  writeConfig(
    runId: string,
    config: RunConfig,
    origins: Readonly<Record<string, string>>,
    images: RunImages,
  ): void {
    const content = JSON.stringify({ runId, config, origins, images }, null, 2);
    this.#replace('config.json', `${content}\n`);
  }

  /** Where this coordinator answers. */
  writePlace(place: CoordinatorPlace): void {
    this.#replace(COORDINATOR_FILE, `${JSON.stringify(place, null, 2)}\n`);
  }

  /** A file that only its owner can read. */
  writeSecret(name: string, content: string): void {
    this.#put(name, (partial) => {
      writeFileSync(partial, content, { mode: 0o600 });
    });
  }

  /** The images by id, which name what is different when the run is resumed. */
  writeListing(source: ImageSource): void {
    this.#put(LISTING_FILE, (partial) => {
      writeListing(partial, source);
    });
  }

  /**
   * Whether the folder is still this process's: another one that finds this one silent takes it
   * over.
   */
  isHeld(): boolean {
    return this.#taken.lock.isHeld();
  }

  /** Through which whatever is put into the folder passes; gone once another process has it. */
  get staging(): string {
    return this.#taken.staging();
  }

  /**
   * The next term of the run, greater than all before it, on disk before it is used.
   * @throws TrainerError FOLDER_HELD where another process has the folder
   */
  beginTerm(): number {
    return this.#taken.lock.beginTerm();
  }

  writeUnreadable(images: readonly UnreadableImage[]): void {
    this.#replace('unreadable.csv', csvOf(images));
  }

  /** Of which only a part can be decoded. */
  writeDamaged(images: readonly UnreadableImage[]): void {
    this.#replace('damaged.csv', csvOf(images));
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

  /** Of the final clusters, by image and by cluster. @throws the signal's reason */
  async writeClusters(tables: ClusterTables, signal: AbortSignal): Promise<void> {
    await this.#putSlowly('clusters.csv', (partial) => writeClustersCsv(partial, tables, signal));
    await this.#putSlowly('clusters.parquet', (partial) =>
      writeClustersParquet(partial, tables, signal),
    );
    await this.#putSlowly('cluster-summary.csv', (partial) =>
      writeClusterSummary(partial, tables, signal),
    );
  }

  /** Into the folder for TensorBoard, in this order. */
  async writeProjector(files: readonly ProjectorFile[]): Promise<void> {
    mkdirSync(join(this.path, BOARD), { recursive: true });
    for (const { name, content } of files) {
      await this.#putSlowly(join(BOARD, name), (partial) => writeFile(partial, content));
    }
  }

  close(): void {
    this.#events.close();
    this.#metrics.close();
  }

  #replace(name: string, content: string): void {
    this.#put(name, (partial) => {
      writeFileSync(partial, content);
    });
  }

  /** @throws TrainerError FOLDER_HELD where another process has the folder */
  #put(name: string, write: (partial: string) => void): void {
    const { lock } = this.#taken;
    lock.requireHeld();
    const partial = join(this.staging, name);
    try {
      write(partial);
      renameSync(partial, join(this.path, name));
    } catch (error) {
      // The staging folder has gone in the meantime.
      lock.requireHeld();
      throw error;
    }
  }

  /**
   * The same for what takes long to write: this process does other things meanwhile.
   * @param name may be in a folder that is there
   */
  async #putSlowly(name: string, write: (partial: string) => Promise<void>): Promise<void> {
    const { lock } = this.#taken;
    lock.requireHeld();
    const partial = join(this.staging, basename(name));
    try {
      await write(partial);
      renameSync(partial, join(this.path, name));
    } catch (error) {
      lock.requireHeld();
      throw error;
    }
  }

  #openLines(name: string): JsonLines {
    const path = join(this.path, name);
    const { lock } = this.#taken;
    // An earlier holder that wakes up has the file open, and no check of its own is quick enough:
    // it gets to keep the file, and this one goes on with a copy.
    if (lock.takenFrom !== null && existsSync(path)) {
      const copy = join(this.staging, name);
      copyFileSync(path, copy);
      renameSync(copy, path);
    }
    return openJsonLines(path, () => lock.isHeld());
  }

  #timestamp(): string {
    return new Date(this.#nowMs()).toISOString();
  }
}

/**
 * @throws TrainerError CONFIG_INVALID where checkpoints, by a link perhaps, lie where nothing can
 * be renamed to
 */
function requireOneDisk(checkpoints: string, staging: string): void {
  if (!existsSync(checkpoints) || statSync(checkpoints).dev === statSync(staging).dev) return;
  throw new TrainerError(
    'CONFIG_INVALID',
    `run folder: ${checkpoints} lies on another file system than the rest of it; put the whole folder there (--out)`,
    { checkpoints },
  );
}

function lastSeenOf(events: string): number | null {
  const { ts } = lastJsonLine(events) ?? {};
  const seenMs = typeof ts === 'string' ? Date.parse(ts) : NaN;
  return Number.isNaN(seenMs) ? null : seenMs;
}

/**
 * @returns the id of a folder's run, as config.json has it.
 * @throws TrainerError CONFIG_INVALID where it has none
 */
export function readRunId(folder: string): string {
  const path = configFileOf(folder);
  let problem = 'has no runId';
  try {
    const saved = JSON.parse(readFileSync(path, 'utf8')) as { runId?: unknown } | null;
    if (typeof saved?.runId === 'string' && saved.runId !== '') return saved.runId;
  } catch (error) {
    problem = `cannot be read (${messageOf(error)})`;
  }
  throw new TrainerError('CONFIG_INVALID', `config file ${path}: ${problem}`, { path });
}

function csvOf(images: readonly UnreadableImage[]): string {
  const rows = images.map(({ id, path, reason }) => `${id},${csvText(path)},${csvText(reason)}`);
  return ['id,path,reason', ...rows, ''].join('\n');
}
