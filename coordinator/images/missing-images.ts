/**
 * Images that cannot be read, and who decides about them: the coordinator alone. Workers say which
 * images of an order they could not read, and do nothing else with it. An image that took part
 * until now and cannot be read is an incident: tasks that need it wait, the files are looked at
 * about each second, and the tasks are given out again once all are back. When the time is over,
 * those still missing are left out by decision from the present step on, whoever computes it, or,
 * if too many are missing, the run ends with exit code 75 and its checkpoint.
 */
import type { DataConfig } from '../../src/data/config.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { shownPath } from '../../src/data/source/path-bytes.ts';
import { isAbsence, type UnreadableImage } from '../../src/data/source/unreadable.ts';
import { imagesGone } from '../../src/errors.ts';
import type { ResultHeader__Output } from '../../src/rpc/generated/deepcluster/v1/ResultHeader.ts';
import type { Dispatcher, ImageWatch } from '../control/dispatcher.ts';
import type { Lease } from '../control/state.ts';
import type { LeftOutImage } from '../../src/run/checkpoint-content.ts';
import { taskKey } from '../../src/work/kinds.ts';

export interface MissingImagesDeps {
  readonly source: Pick<ImageSource, 'count' | 'spec' | 'root' | 'path' | 'size'>;
  readonly config: { readonly data: Pick<DataConfig, 'maxUnreadableFraction' | 'waitMs'> };
  /** Which of these images are not where the source found them. */
  readonly look: (ids: Int32Array) => Promise<readonly UnreadableImage[]>;
  readonly nowMs: () => number;
  /** Resolves after that time, or with the end of the run's term. */
  readonly pause: (ms: number) => Promise<void>;
  /** Whether the term is over: nothing is decided any more. */
  readonly isOver: () => boolean;
  readonly dispatcher: () => Pick<
    Dispatcher,
    'dispatch' | 'fail' | 'hasFailed' | 'interrupt' | 'state'
  >;
  /** Tells the run's folder, the log and a person. */
  readonly tell: (event: string, reason: string, fields: object) => void;
}

/**
 * Looks at the files within the time that they are waited for, and the bounds of the time between
 * two of them [ms].
 */
const LOOKS = 60;
const SHORTEST_LOOK_MS = 50;
const LONGEST_LOOK_MS = 1_000;
/** Images that an event names; unreadable.csv has all. */
const MOST_NAMED = 20;

/** A decision: work that was under way with these images must be given out without them. */
export class ImagesLeftOut extends Error {
  override readonly name = 'ImagesLeftOut';
  readonly ids: ReadonlySet<number>;

  constructor(ids: ReadonlySet<number>) {
    super(`${ids.size} images are left out from now on`);
    this.ids = ids;
  }
}

/** A task that waits for images. */
interface WaitingTask {
  readonly images: readonly UnreadableImage[];
  /** Whether all files were there when it was last given out: then what its worker says decides. */
  readonly wasRetried: boolean;
}

/**
 * From the first report of a missing image until all tasks that needed it are done, or a decision.
 */
interface Incident {
  readonly sinceMs: number;
  /** By id: those that somebody found missing. */
  readonly images: Map<number, UnreadableImage>;
  /** That waited, or wait, and are not done. */
  readonly tasks: Set<string>;
}

export class MissingImages implements ImageWatch {
  readonly #deps: MissingImagesDeps;
  /**
   * By id: images that take no part from some step on, or in the clustering under way, until the
   * next clustering.
   */
  readonly #leftOut = new Map<number, LeftOutImage>();
  /**
   * [images] 1: it took part in the newest clustering, or was seen by the source before the first.
   */
  readonly #expected: Uint8Array;
  /** Whether there has been a clustering. */
  #hasClustered = false;
  /** The step that comes next. */
  #step = 0;
  #incident: Incident | null = null;
  /** By task; each is one of the incident's. */
  readonly #waiting = new Map<string, WaitingTask>();
  /** Tasks that were given out again with all files in place, until they wait again or are done. */
  readonly #retried = new Set<string>();

  constructor(deps: MissingImagesDeps) {
    this.#deps = deps;
    const { source } = deps;
    this.#expected = Uint8Array.from({ length: source.count }, (_, id) =>
      source.size(id) >= 0 ? 1 : 0,
    );
  }

  /** By id; to read, not to write. */
  get leftOut(): ReadonlyMap<number, LeftOutImage> {
    return this.#leftOut;
  }

  /** What the run waits for, in a few words; empty when it does not. */
  get pause(): string {
    const { size } = this.#incident?.images ?? { size: 0 };
    return this.#waiting.size === 0 ? '' : `${size} images cannot be read any more`;
  }

  /**
   * Goes on from a checkpoint.
   * @param labels [images], or empty, as {@link clustered} takes them
   */
  restore(leftOut: readonly LeftOutImage[], labels: Int32Array): void {
    this.#leftOut.clear();
    for (const image of leftOut) this.#leftOut.set(image.id, image);
    if (labels.length > 0) this.clustered(labels);
  }

  /** Every image may take part again; those that take part now must. */
  beginClustering(step: number): void {
    this.#step = step;
    for (const id of this.#leftOut.keys()) this.#expected[id] = 0;
    this.#leftOut.clear();
  }

  /** @param labels [images] -1 for an image that takes no part */
  clustered(labels: Int32Array): void {
    this.#hasClustered = true;
    labels.forEach((label, id) => {
      this.#expected[id] = label >= 0 ? 1 : 0;
      if (label >= 0 || this.#leftOut.has(id)) return;
      const reason = 'it could not be read';
      this.#leftOut.set(id, {
        id,
        path: shownPath(this.#deps.source.path(id)),
        reason,
        step: this.#step,
      });
    });
  }

  stepBegins(step: number): void {
    this.#step = step;
  }

  /** Images that the clustering under way does without. */
  accept(images: readonly UnreadableImage[]): void {
    const { source } = this.#deps;
    for (const { id, reason } of images) {
      if (id >= source.count) continue;
      this.#leftOut.set(id, { id, path: shownPath(source.path(id)), reason, step: this.#step });
    }
  }

  mustWait(lease: Lease, header: ResultHeader__Output): boolean {
    const { failure, unreadable } = header;
    if (failure) return failure.code === 'DATA_UNREADABLE' && unreadable.length > 0;
    if (lease.work.kind !== 'extract') return false;
    const lacking = this.#lacking(header);
    // Features that are made again must be those of the same images.
    if (taskKey(lease.work) !== lease.task) return lacking.length > 0;
    return lacking.some(({ id, reason }) => this.#mustBeReadable(id, reason));
  }

  /** Before the first clustering an image that does not decode is no incident: it never did. */
  #mustBeReadable(id: number, reason: string): boolean {
    return this.#expected[id] === 1 && (this.#hasClustered || isAbsence(reason));
  }

  taskWaits(task: string, header: ResultHeader__Output): void {
    const images = this.#lacking(header);
    this.#waiting.set(task, { images, wasRetried: this.#retried.delete(task) });
    const incident = this.#incident ?? this.#beginIncident();
    incident.tasks.add(task);
    for (const image of images) incident.images.set(image.id, image);
  }

  taskDone(task: string): void {
    this.#waiting.delete(task);
    this.#retried.delete(task);
    if (this.#incident?.tasks.delete(task) !== true || this.#incident.tasks.size > 0) return;
    const { sinceMs } = this.#incident;
    this.#incident = null;
    const seconds = (this.#deps.nowMs() - sinceMs) / 1000;
    const reason = `the images are there again after ${seconds.toFixed(1)} s; nothing was left out`;
    this.#deps.tell('data.returned', reason, { seconds });
  }

  phaseBegins(): void {
    this.#incident = null;
    this.#waiting.clear();
    this.#retried.clear();
  }

  #beginIncident(): Incident {
    const incident = { sinceMs: this.#deps.nowMs(), images: new Map(), tasks: new Set<string>() };
    this.#incident = incident;
    this.#conduct(incident).catch((error: unknown) => {
      if (!this.#isOver(incident)) this.#deps.dispatcher().fail(error);
    });
    return incident;
  }

  /** Looks and waits until the incident is over. */
  async #conduct(incident: Incident): Promise<void> {
    const { look, nowMs, pause, config } = this.#deps;
    const { waitMs } = config.data;
    const lookMs = Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, waitMs / LOOKS));
    for (const image of await look(this.#takingPart())) incident.images.set(image.id, image);
    if (waitMs > 0 && !this.#isOver(incident)) this.#tellWaiting(incident);
    while (!this.#isOver(incident)) {
      if (this.#waiting.size > 0) {
        const isLate = nowMs() - incident.sinceMs >= waitMs;
        const absent = await look(Int32Array.from(incident.images.keys()));
        if (this.#isOver(incident)) return;
        const areRetried = [...this.#waiting.values()].every(({ wasRetried }) => wasRetried);
        if (absent.length === 0 && !(isLate && areRetried)) this.#giveOutAgain();
        else if (isLate) await this.#decide(incident);
      }
      if (!this.#isOver(incident)) await pause(lookMs);
    }
  }

  /** The files are there: what the workers make of them now counts. */
  #giveOutAgain(): void {
    const tasks = [...this.#waiting.keys()];
    this.#waiting.clear();
    for (const task of tasks) this.#retried.add(task);
    this.#deps.dispatcher().dispatch({ type: 'tasksReleased', tasks });
  }

  /** The time is over. */
  async #decide(incident: Incident): Promise<void> {
    const absent = await this.#deps.look(this.#takingPart());
    if (this.#isOver(incident) || this.#waiting.size === 0) return;
    const missing = new Map(absent.map((image) => [image.id, image]));
    for (const { images, wasRetried } of this.#waiting.values()) {
      if (wasRetried) for (const image of images) missing.set(image.id, image);
    }
    if (missing.size === 0) {
      this.#giveOutAgain();
      return;
    }
    const gone = [...missing.values()].sort((a, b) => a.id - b.id);
    this.#incident = null;
    if (this.#areTooMany(gone.length)) this.#deps.dispatcher().fail(this.#tooMany(gone));
    else this.#leaveOut(gone);
  }

  #areTooMany(more: number): boolean {
    const { source, config } = this.#deps;
    const total = this.#leftOut.size + more;
    return total > config.data.maxUnreadableFraction * source.count || total === source.count;
  }

  #tooMany(gone: readonly UnreadableImage[]): Error {
    const { source, config } = this.#deps;
    const { maxUnreadableFraction, waitMs } = config.data;
    const total = `${this.#leftOut.size + gone.length} of ${source.count} images`;
    const rule = `more than data.maxUnreadableFraction (${maxUnreadableFraction}) allows`;
    const where = `${firstOf(gone)}, in ${source.root}, after ${waitMs / 1000} s of waiting`;
    const problem = `${total} cannot be read any more, ${rule}: ${where}`;
    const remedy = 'is a share unmounted? The run goes on from its checkpoint once they are back';
    return imagesGone(source.spec, problem, remedy);
  }

  #leaveOut(gone: readonly UnreadableImage[]): void {
    const step = this.#step;
    for (const image of gone) this.#leftOut.set(image.id, { ...image, step });
    const count = gone.length;
    const reason = `${count} images are left out from step ${step} on: ${firstOf(gone)}`;
    const images = gone.slice(0, MOST_NAMED);
    this.#deps.tell('images.left-out', reason, { step, count, images });
    this.#deps.dispatcher().interrupt(new ImagesLeftOut(new Set(gone.map(({ id }) => id))));
  }

  #tellWaiting({ images }: Incident): void {
    const { source, config, tell } = this.#deps;
    const found = [...images.values()];
    const count = found.length;
    const reason = `${count} of ${source.count} images cannot be read any more: ${firstOf(found)}, in ${source.root}; waiting up to ${config.data.waitMs / 1000} s for them`;
    tell('data.waiting', reason, { count, path: found[0]?.path });
  }

  /** Whether somebody else has ended it: its tasks are done, or the run or its term are. */
  #isOver(incident: Incident): boolean {
    const { isOver, dispatcher } = this.#deps;
    return this.#incident !== incident || isOver() || dispatcher().hasFailed;
  }

  #takingPart(): Int32Array {
    const ids: number[] = [];
    this.#expected.forEach((isExpected, id) => {
      if (isExpected === 1 && !this.#leftOut.has(id)) ids.push(id);
    });
    return Int32Array.from(ids);
  }

  /** The images that a result says could not be read, and that take part. */
  #lacking({ unreadable }: ResultHeader__Output): UnreadableImage[] {
    const { source } = this.#deps;
    return unreadable
      .filter(({ id }) => id < source.count && !this.#leftOut.has(id))
      .map(({ id, reason }) => ({ id, path: shownPath(source.path(id)), reason }));
  }
}

function firstOf([first]: readonly UnreadableImage[]): string {
  return first === undefined ? 'none is named' : `the first is ${first.path} (${first.reason})`;
}
