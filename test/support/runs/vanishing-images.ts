/**
 * Images that go away while a run in one process trains, clusters or evaluates. They go and come at
 * moments that the run itself announces, between two phases or steps, so that every number of
 * workers meets the same files at the same step.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { RunSummary } from '../../../src/report/summary.ts';
import type { Notice } from '../../../src/telemetry/notice.ts';
import { placeForRuns, readLines, runPlain, type PlainRun } from './in-process-run.ts';

export const IMAGES = 60;
export const BATCH = 16;
export const STEPS = Math.ceil(IMAGES / BATCH);

export const ALGORITHMS = {
  deepcluster: {},
  odc: {
    algorithm: 'odc',
    'model.neck': 'odc',
    'odc.publishInterval': 3,
    'odc.smallClusterSize': 2,
  },
} as const;
export type Algorithm = keyof typeof ALGORITHMS;

/** Nothing is kept in memory: what is gone is missed. */
export const SETTINGS = { 'data.cacheBytes': 0, 'data.waitMs': 3_000 } as const;
export const EVALUATED = { 'evaluation.enabled': true, 'evaluation.knnK': 5 } as const;

/** The ids of all images. */
export const ALL = Array.from({ length: IMAGES }, (_, id) => id);

/** A data set whose files the test takes away and brings back. */
export class Share {
  readonly path: string;
  /** The images as they were. */
  readonly #original: string;
  readonly #hidden: string;
  /** By sample id, relative. */
  readonly #files: readonly string[];
  #gone = new Set<number>();

  constructor(original: string, path: string) {
    this.#original = original;
    this.path = path;
    this.#hidden = `${this.path}-hidden`;
    this.#files = ['dark', 'light'].flatMap((kind) =>
      readdirSync(join(original, kind)).map((file) => join(kind, file)),
    );
    for (const kind of ['dark', 'light']) {
      mkdirSync(join(this.path, kind), { recursive: true });
      mkdirSync(join(this.#hidden, kind), { recursive: true });
    }
    for (const file of this.#files) {
      writeFileSync(join(this.path, file), readFileSync(join(this.#original, file)));
    }
  }

  /** The same files as a list, whose digest does not depend on what is there. */
  asList(): string {
    const list = `${this.path}.txt`;
    const lines = this.#files.map((file) => relative(dirname(list), join(this.path, file)));
    writeFileSync(list, `${lines.join('\n')}\n`);
    return list;
  }

  hide(ids: readonly number[]): void {
    for (const id of ids) {
      if (this.#gone.has(id)) continue;
      this.#gone.add(id);
      renameSync(join(this.path, this.#files[id]!), join(this.#hidden, this.#files[id]!));
    }
  }

  show(): void {
    for (const id of this.#gone) {
      renameSync(join(this.#hidden, this.#files[id]!), join(this.path, this.#files[id]!));
    }
    this.#gone = new Set();
  }

  /** The same size, and no image any more. */
  spoil(id: number): void {
    const bytes = readFileSync(join(this.#original, this.#files[id]!));
    writeFileSync(join(this.path, this.#files[id]!), bytes.fill(7));
  }

  mend(id: number): void {
    const bytes = readFileSync(join(this.#original, this.#files[id]!));
    writeFileSync(join(this.path, this.#files[id]!), bytes);
  }
}

export interface VanishingRuns {
  readonly out: (name: string) => string;
  /** Images of its own for one run. */
  readonly newShare: () => Share;
  /** The undisturbed run's summary. Its folder has the algorithm's name. */
  readonly undisturbed: Readonly<Record<Algorithm, RunSummary>>;
}

/** Makes the images and an undisturbed run of each algorithm, with evaluation, for a test file. */
export async function vanishingRuns(): Promise<VanishingRuns> {
  const { folder, data, out } = await placeForRuns(IMAGES);
  const undisturbed = (algorithm: Algorithm): Promise<RunSummary> =>
    runPlain({
      ...{ data, out: out(algorithm), workers: 2 },
      settings: { ...SETTINGS, ...ALGORITHMS[algorithm], ...EVALUATED },
    });
  let shares = 0;
  return {
    out,
    newShare: () => {
      shares += 1;
      return new Share(data, join(folder, `share-${shares}`));
    },
    undisturbed: {
      deepcluster: await undisturbed('deepcluster'),
      odc: await undisturbed('odc'),
    },
  };
}

export type Moment = (notice: Notice) => boolean;

export const isRemark =
  (begin: RegExp): Moment =>
  (notice) =>
    notice.type === 'remark' && begin.test(notice.text);
export const isProgress =
  (phase: string, epoch: number, done: number): Moment =>
  (notice) =>
    notice.type === 'progress' &&
    notice.phase === phase &&
    notice.epoch === epoch &&
    notice.done === done;
/** The clustering of an epoch has read all its images; the training has read none. */
export const isClustered = (epoch: number): Moment => isProgress('kmeans', epoch, 8);
export const isWaiting = isRemark(
  / images cannot be read any more: .*; waiting up to 3 s for them$/,
);

/** Does each thing at its moment, once. */
export function script(
  ...acts: readonly (readonly [Moment, () => void])[]
): NonNullable<PlainRun['onNotice']> {
  const left = [...acts];
  return (notice) => {
    const place = left.findIndex(([isNow]) => isNow(notice));
    if (place >= 0) left.splice(place, 1)[0]![1]();
  };
}

/** Lines of events.jsonl with that name. */
export function eventsNamed(run: string, event: string): Record<string, unknown>[] {
  return readLines(run, 'events.jsonl').filter((line) => line['event'] === event);
}
