/**
 * Runs of real processes that are disturbed and compared: one is left in peace, and each of the
 * others must end with its losses, bit for bit, and with every draw in the ledger once. A test file
 * awaits them at its top level: images and undisturbed run are made once, before its tests.
 */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { join } from 'node:path';
import { makeImages, type MakeImagesOptions } from '../../../src/data/made/made-images.ts';
import type { RunSummary } from '../../../src/report/summary.ts';
import { temporaryFolder } from './in-process-run.ts';
import {
  eventsOf,
  finished,
  launch,
  lossesOf,
  pidOf,
  summaryOf,
  waitForEvent,
  type Launched,
  type LaunchPlan,
  type RunEvent,
} from './launched-run.ts';

type Settings = NonNullable<LaunchPlan['settings']>;
type Moment = (event: RunEvent) => boolean;

/** ODC on the small network: its memory, its neck and its own events within a few steps. */
export const SMALL_ODC = {
  algorithm: 'odc',
  'model.neck': 'odc',
  'model.neckHidden': 16,
  'model.neckDim': 8,
  'model.neckBatchNormMomentum': 0.1,
  'odc.smallClusterSize': 4,
  'odc.publishInterval': 4,
} as const;

/** DeepCluster-v2 on the small network: colour, two crops, three heads. */
export const SMALL_V2 = {
  algorithm: 'deepcluster-v2',
  'model.neck': 'projection',
  'model.neckHidden': 16,
  'model.neckDim': 8,
  'model.sobel': false,
  'training.warmupEpochs': 1,
  'training.cosineTo': 0.01,
} as const;

/** SwAV on the small network: a queue of more images than a step, and of fewer than there are. */
export const SMALL_SWAV = {
  ...{ algorithm: 'swav', 'model.neck': 'swav', 'model.neckHidden': 16, 'model.neckDim': 8 },
  ...{ 'model.sobel': false, 'swav.queueLength': 48 },
} as const;

export interface DisturbedRunsPlan {
  /** Besides 6 classes of 24 images each, of 48 pixels. */
  readonly images?: Partial<Omit<MakeImagesOptions, 'out' | 'seed'>>;
  readonly epochs: number;
  /** Of every run, on top of the small run's. */
  readonly settings?: Settings;
  /** Parameter servers of every run; none if left out. */
  readonly servers?: number;
}

/** What one run has of its own; its settings come on top of those of all. */
export type Disturbance = Partial<Omit<LaunchPlan, 'data' | 'out'>>;

/** Starts runs of one kind, and knows what each of them must come to. */
export interface DisturbedRuns {
  /** Images of all runs. */
  readonly data: string;
  /** How many there are. */
  readonly images: number;
  /** Temporary: what a test writes into it is removed at the end. */
  readonly folder: string;
  /** Of every run, the small run's aside. */
  readonly settings: Settings;
  /** Summary of the undisturbed run. */
  readonly undisturbed: RunSummary;
  /** The undisturbed run's loss of each step. */
  readonly losses: readonly number[];
  /** The folder of the run of that name. */
  out(name: string): string;
  /** Starts the run of that name, or goes on with it where `disturbance` says `resume`. */
  start(name: string, disturbance?: Disturbance): DisturbedRun;
  /** @param out the folder of a run, or a copy of it */
  assertSameLosses(out: string): void;
  /** The same of a run with more epochs, as far as the undisturbed one went. */
  assertSameStart(out: string): void;
}

/** Makes the images and the undisturbed run; they are removed after the tests. */
export async function disturbedRuns(plan: DisturbedRunsPlan): Promise<DisturbedRuns> {
  const kind = { classes: 6, perClass: 24, size: 48, ...plan.images };
  const images = kind.classes * kind.perClass;
  const settings = { epochs: plan.epochs, ...plan.settings };
  const temporary = temporaryFolder();
  after(temporary.remove);
  const data = join(temporary.path, 'images');
  const out = (name: string): string => join(temporary.path, name);
  const start = (name: string, own: Disturbance = {}): DisturbedRun =>
    new DisturbedRun(
      {
        ...(plan.servers === undefined ? {} : { servers: plan.servers }),
        ...{ ...own, data, out: out(name), settings: { ...settings, ...own.settings } },
      },
      {
        committed: plan.epochs * images,
        losses: () => lossesOf(out('undisturbed')),
        summary: () => summaryOf(out('undisturbed')),
      },
    );
  await makeImages({ ...kind, out: data, seed: 1 });
  const undisturbed = await start('undisturbed').endsWhole();
  const losses = lossesOf(out('undisturbed'));
  return {
    ...{ data, images, folder: temporary.path, settings, undisturbed, losses, out, start },
    assertSameLosses: (folder) => {
      assert.deepEqual(lossesOf(folder), losses, 'bit for bit');
    },
    assertSameStart: (folder) => {
      assert.deepEqual(lossesOf(folder).slice(0, losses.length), losses, 'bit for bit');
    },
  };
}

/** Where every run of a kind must end. */
interface Expected {
  /** Draws in the ledger. */
  readonly committed: number;
  /** Of the undisturbed run. */
  readonly losses: () => readonly number[];
  readonly summary: () => RunSummary;
}

/** A run of processes under way, to be disturbed. */
export class DisturbedRun {
  readonly out: string;
  readonly launched: Launched;
  readonly #expected: Expected;

  constructor(plan: LaunchPlan, expected: Expected) {
    this.#expected = expected;
    this.out = plan.out;
    this.launched = launch(plan);
  }

  /** The events so far. */
  get events(): RunEvent[] {
    return eventsOf(this.out);
  }

  /** Waits for the first event that is `moment`. @throws where the run ends before it */
  async reaches(moment: Moment): Promise<RunEvent> {
    return waitForEvent(this.out, moment, this.launched);
  }

  /** @param id of a process, as its events name it: `worker-1`, `coordinator` */
  pidOf(id: string): number {
    return pidOf(this.out, id);
  }

  signal(id: string, signal: NodeJS.Signals): void {
    process.kill(this.pidOf(id), signal);
  }

  /** Kills those processes and the launcher itself. */
  async killAll(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.signal(id, 'SIGKILL');
    this.launched.process.kill('SIGKILL');
    await this.launched.ended;
  }

  /** The launcher is asked to stop, and stops in order: it may be resumed. @returns its messages */
  async stops(): Promise<string> {
    this.launched.process.kill('SIGTERM');
    return this.endsToBeResumed();
  }

  /** It ends by itself, and may be resumed. @returns its messages */
  async endsToBeResumed(): Promise<string> {
    const { code, stderr } = await this.launched.ended;
    assert.equal(code, 75, stderr);
    return stderr;
  }

  /** It ends well, with every draw exactly once. */
  async endsWhole(): Promise<RunSummary> {
    const summary = await finished(this.launched);
    assert.equal(summary.ledger.committed, this.#expected.committed, 'every draw exactly once');
    return summary;
  }

  /** It ends well, as if nothing had been. */
  async endsAsUndisturbed(): Promise<RunSummary> {
    const summary = await this.endsWhole();
    assert.deepEqual(lossesOf(this.out), this.#expected.losses(), 'bit for bit');
    assert.deepEqual(lastingOf(summary), lastingOf(this.#expected.summary()));
    requireWholeTime(summary);
    return summary;
  }
}

/** What a disturbance must not change: all but times, and the disturbances themselves. */
function lastingOf(summary: RunSummary): object {
  const { committed, skipped } = summary.ledger;
  const times = ['seconds', 'phaseSeconds', 'imagesPerSecond'];
  const own = [...times, 'runId', 'workers', 'restarts', 'settingChanges', 'ledger'];
  const lasting = Object.entries(summary).filter(([name]) => !own.includes(name));
  return { ...Object.fromEntries(lasting), ledger: { committed, skipped } };
}

/** The phases add up to the wall time. */
function requireWholeTime({ seconds, phaseSeconds }: RunSummary): void {
  const total = Object.values(phaseSeconds).reduce((sum, own) => sum + own, 0);
  assert.ok(Math.abs(total - seconds) <= 0.05 * seconds, `${total} s of ${seconds} s`);
}

/** The phase of an epoch has begun. */
export function entered(epoch: number, phase: string): Moment {
  return (event) =>
    event.event === 'phase.entered' && event['epoch'] === epoch && event['phase'] === phase;
}

/** The step is applied, the slices of the next one are under way. */
export function committed(step: number): Moment {
  return (event) => event.event === 'step.committed' && event['step'] === step;
}

/** Whether there is an event of that name with those fields. */
export function hasEvent(
  events: readonly RunEvent[],
  name: string,
  fields: Partial<RunEvent> = {},
): boolean {
  return events.some(
    (event) =>
      event.event === name &&
      Object.entries(fields).every(([field, value]) => event[field] === value),
  );
}
