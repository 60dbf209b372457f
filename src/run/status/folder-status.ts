/** The status of a run out of its folder: whoever wrote it may be running, done, or dead. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainerError } from '../../errors.ts';
import { stepSizes } from '../../ps/config.ts';
import { EVENTS, configFileOf, noRunIn } from '../folder.ts';
import { hasEnded } from '../lock/process-life.ts';
import type { Holder } from '../lock/run-lock.ts';
import { TermFolder } from '../lock/term-folder.ts';
import { runCourse } from '../run-course.ts';
import { LineTail } from './line-tail.ts';
import { readListingNote } from './listing-note.ts';
import { RunEvents } from './run-events.ts';
import { isOver, type RunStatus } from './run-status.ts';

/** Of config.json what a status needs: a run of another release has a status, too. */
const savedSchema = z.object({
  runId: z.string(),
  config: z.object({
    algorithm: z.string(),
    epochs: z.number(),
    training: z.object({
      batchSize: z.number().gt(0),
      sliceSize: z.number().gt(0).default(1),
      mode: z.string().default('sync'),
      localSteps: z.number().gt(0).default(1),
    }),
    clustering: z.object({ reassign: z.number() }),
    evaluation: z.object({ enabled: z.boolean(), maxImages: z.number() }).optional(),
  }),
  images: z.object({ count: z.number(), hasClasses: z.boolean().default(false) }).optional(),
});

type Saved = z.infer<typeof savedSchema>;

type Life = Pick<RunStatus, 'state' | 'reason'>;

const summarySchema = z.object({
  imagesPerSecond: z.object({ train: z.number() }),
});

/** A heartbeat comes each second; one that is this late comes no more, or its disk is away [ms]. */
const SILENT_MS = 15_000;

/** Reads a folder again and again; events.jsonl is read once, and then what is new in it. */
export class FolderStatus {
  readonly folder: string;
  readonly #tail: LineTail;
  readonly #events = new RunEvents();
  readonly #nowMs: () => number;

  constructor(folder: string, nowMs: () => number) {
    this.folder = folder;
    this.#tail = new LineTail(join(folder, EVENTS));
    this.#nowMs = nowMs;
  }

  /** @throws TrainerError CONFIG_INVALID where the folder holds no run, and none begins in it */
  read(): RunStatus {
    const saved = readSaved(this.folder);
    for (const line of this.#tail.read()) this.#events.take(line);
    const life = this.#lifeOf();
    if (saved === null && isOver(life)) throw noRunIn(this.folder);
    const config = saved?.config ?? readListingNote(this.folder);
    const events = this.#events;
    const isRunning = life.state === 'running' || life.state === 'paused';
    return {
      ...life,
      ...{ folder: this.folder, runId: saved?.runId ?? null, coordinator: null },
      ...{ algorithm: config?.algorithm ?? null, epochs: config?.epochs ?? 0 },
      ...{ epoch: events.epoch ?? 0, phase: events.phase ?? '', step: events.step },
      stepsOfEpoch: saved === null ? null : this.#stepsOfEpoch(saved),
      lastLoss: events.loss,
      imagesPerSecond: isRunning
        ? events.imagesPerSecond
        : life.state === 'finished'
          ? finalSpeedOf(this.folder)
          : null,
      secondsLeft: isRunning && saved !== null ? this.#secondsLeft(saved) : null,
      term: events.term,
      paused: life.state === 'paused' ? events.paused : '',
      collapsed: '',
      workers: (isRunning ? events.workers : []).map((workerId) => ({
        ...{ workerId, ordersInFlight: null, shardsHeld: null, residentRows: null },
        standsBy: false,
      })),
      checkpoint: events.checkpoint,
      events: events.recent,
    };
  }

  #stepsOfEpoch(saved: Saved): RunStatus['stepsOfEpoch'] {
    const done = this.#events.stepsOfEpoch;
    const steps = stepsPerEpoch(saved);
    return done === null || steps === null ? null : { done, total: Math.max(done, steps) };
  }

  #secondsLeft(saved: Saved): number | null {
    const { config, images = null } = saved;
    const course = runCourse(config, images, this.#events.workers.length);
    const facts = { epochs: config.epochs, stepsPerEpoch: stepsPerEpoch(saved), course };
    return this.#events.secondsLeft(this.#nowMs(), facts);
  }

  /** Who has the folder or is about to take it, and what the last one said. */
  #lifeOf(): Life {
    const life = this.#lifeOfHolder();
    return isOver(life) ? (this.#lifeOfLister() ?? life) : life;
  }

  /** Of the process that lists the images; null where none does, or has been silent for long. */
  #lifeOfLister(): Life | null {
    const note = readListingNote(this.folder);
    if (note === null || hasEnded(note.by) || this.#nowMs() - note.atMs > SILENT_MS) return null;
    const seconds = Math.round((this.#nowMs() - Date.parse(note.by.since)) / 1000);
    const reason = `${nameOf(note.by)} lists the images of ${note.source}, for ${seconds} s so far`;
    return { state: 'listing', reason };
  }

  #lifeOfHolder(): Life {
    const store = new TermFolder(this.folder, this.#nowMs);
    const newest = store.newest();
    const holder = newest === 0 ? null : store.holderOf(newest);
    const { ending, paused, phase } = this.#events;
    if (ending?.type === 'finished') return { state: 'finished', reason: ending.reason };
    const who = holder === null ? 'its coordinator' : nameOf(holder);
    if (newest === 0 || store.isReleased(newest)) {
      if (ending !== null) return { state: 'stopped', reason: ending.reason };
      return { state: 'interrupted', reason: 'no process has the folder' };
    }
    if (holder !== null && store.isDead(holder)) {
      return { state: 'interrupted', reason: `${who} has died` };
    }
    const silentMs = this.#nowMs() - Number(store.lastBeat(newest) ?? this.#nowMs());
    if (silentMs > SILENT_MS) {
      const seconds = Math.round(silentMs / 1000);
      return { state: 'silent', reason: `no heartbeat of ${who} for ${seconds} s` };
    }
    if (paused !== '') return { state: 'paused', reason: paused };
    return { state: phase === null ? 'starting' : 'running', reason: '' };
  }
}

function nameOf({ pid, host }: Holder): string {
  return `process ${pid} on ${host}`;
}

/** @returns null where there is none */
function readSaved(folder: string): Saved | null {
  let text: string;
  try {
    text = readFileSync(configFileOf(folder), 'utf8');
  } catch {
    return null;
  }
  try {
    return savedSchema.parse(JSON.parse(text));
  } catch (error) {
    const problem = 'cannot be read as that of a run';
    const details = { folder, problem };
    throw new TrainerError(
      'CONFIG_INVALID',
      `config file ${configFileOf(folder)}: ${problem}`,
      details,
      { cause: error },
    );
  }
}

function stepsPerEpoch({ config, images }: Saved): number | null {
  if (images === undefined) return null;
  const { step } = stepSizes(config.training);
  return Math.ceil((images.count * config.clustering.reassign) / step);
}

/** Null where there is no summary, or none that can be read. */
function finalSpeedOf(folder: string): number | null {
  try {
    const summary: unknown = JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8'));
    return summarySchema.parse(summary).imagesPerSecond.train;
  } catch {
    return null;
  }
}
