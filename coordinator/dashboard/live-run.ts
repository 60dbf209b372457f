/**
 * A run as it is watched: looks at the term under way when somebody asks, and remembers what only
 * events tell. Nothing of the run waits for it, and it holds nothing that grows with the run.
 */
import type { RunConfig } from '../../src/config/schema.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import { noSeconds } from '../../src/run/record-state.ts';
import { runCourse } from '../../src/run/run-course.ts';
import { judgeDrain, type DrainVerdict } from '../control/members.ts';
import { NO_WATCHER, type Clock, type RunUnderWay, type RunWatcher } from '../outside.ts';
import type { RunEvent } from '../record/run-folder.ts';
import { collapseLine } from '../run/collapse-watch.ts';
import { EventDigest } from './event-digest.ts';
import { Growth, type Counts } from './growth.ts';
import type { LiveState, RunStage } from './live-state.ts';
import { PaceMeter } from './pace.ts';
import { SpeedMeter, listWorkers } from './worker-list.ts';

export interface LiveRunDeps {
  readonly runId: string;
  readonly config: RunConfig;
  /** Images of the run. */
  readonly images: number;
  /** Whether they have classes. */
  readonly hasClasses: boolean;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Why a worker is not let go, or that it will be. */
export type DrainAnswer = DrainVerdict | 'noTerm';

export class LiveRun {
  readonly #deps: LiveRunDeps;
  readonly #digest = new EventDigest();
  readonly #pace: PaceMeter;
  #speeds = new SpeedMeter();
  /** What has grown in this process. */
  readonly #growth = new Growth();
  /** The term under way, and its number. */
  #run: RunUnderWay | null = null;
  /** The same, kept when the term is over: its figures are shown until the next one begins. */
  #newest: RunUnderWay | null = null;
  #term = 0;
  #stage: RunStage = 'waiting';
  /** How it ended. */
  #end = '';

  constructor(deps: LiveRunDeps) {
    this.#deps = deps;
    const images = { count: deps.images, hasClasses: deps.hasClasses };
    this.#pace = new PaceMeter(() => runCourse(deps.config, images, this.#workers));
  }

  /** Workers that the run has, or is to have. */
  get #workers(): number {
    const members = this.#run?.control.dispatcher.state.members.size ?? 0;
    return members === 0 ? this.#deps.config.cluster.workers : members;
  }

  /** Of the term under way; null between terms. */
  get run(): RunUnderWay | null {
    return this.#run;
  }

  /** Follows a term. */
  watch(term: number): RunWatcher {
    this.#term = term;
    return {
      ...NO_WATCHER,
      begun: (run) => {
        this.#run = run;
        this.#newest = run;
        this.#growth.rebase(countsOf(run));
        this.#stage = 'running';
        this.#speeds = new SpeedMeter();
      },
      close: () => {
        if (this.#run !== null) this.#growth.note(countsOf(this.#run));
        this.#run = null;
        this.#pace.reset();
        if (this.#stage === 'running') this.#stage = 'waiting';
        return Promise.resolve();
      },
    };
  }

  noteEvent(event: RunEvent): void {
    this.#digest.note(event);
    if (event.event === 'run.finished') this.#stage = 'finished';
    if (event.event !== 'run.stopped') return;
    this.#stage = 'ended';
    this.#end = event.reason;
  }

  noteNotice(notice: Notice): void {
    if (notice.type === 'progress') this.#pace.note(notice, this.#deps.clock.nowMs());
  }

  /** Looks at the workers' work: their speeds are told by several looks. */
  look(): void {
    const run = this.#run;
    if (run === null) return;
    const { dispatcher, membership } = run.control;
    const ids = [...dispatcher.state.members.keys()];
    const images = new Map(ids.map((id) => [id, membership.workOf(id).images]));
    this.#speeds.note(images, this.#deps.clock.nowMs());
  }

  /** What has grown since this process began. */
  counters(): Pick<Growth, 'of'> {
    if (this.#run !== null) this.#growth.note(countsOf(this.#run));
    return this.#growth;
  }

  /** By step, of the whole run: read only. */
  get losses(): readonly number[] {
    return this.#newest?.record.losses ?? [];
  }

  /** Has a checkpoint taken. @returns whether there is a run to take one of */
  takeCheckpoint(): boolean {
    this.#run?.checkpointThen(() => undefined);
    return this.#run !== null;
  }

  drain(workerId: string): DrainAnswer {
    const dispatcher = this.#run?.control.dispatcher;
    if (dispatcher === undefined) return 'noTerm';
    const verdict = judgeDrain(dispatcher.state, workerId);
    if (verdict === 'drained') dispatcher.dispatch({ type: 'drainAsked', workerId });
    return verdict;
  }

  state(): LiveState {
    const { config, runId, images, clock } = this.#deps;
    const nowMs = clock.nowMs();
    const { record, control, addresses = [] } = this.#newest ?? {};
    const state = control?.dispatcher.state;
    const byEpoch = record?.epochs ?? [];
    return {
      ...{ runId, images, term: this.#term, stage: this.#stage },
      algorithm: config.algorithm,
      architecture: config.model.architecture,
      clusters: config.clustering.k,
      remark: this.#remark(),
      collapsed: record === undefined ? '' : collapseLine(record.collapse),
      epochs: config.epochs,
      epochsDone: byEpoch.filter(({ meanLoss }) => meanLoss !== null).length,
      steps: record?.losses.length ?? 0,
      loss: record?.losses.at(-1) ?? null,
      pace: this.#pace.at(nowMs),
      wallSeconds: record?.wallSeconds ?? 0,
      phaseSeconds: record?.seconds ?? noSeconds(),
      imagesTrained: record?.images.trained ?? 0,
      imagesExtracted: record?.images.extracted ?? 0,
      unreadable: record?.unreadable.length ?? 0,
      damaged: record?.damaged.length ?? 0,
      leasesReturned: state?.ledger.returned ?? 0,
      duplicates: state?.ledger.duplicates ?? 0,
      fenced: state?.fenced ?? 0,
      restarts: record?.restarts ?? 0,
      workers: listWorkers({
        ...{ nowMs, past: this.#digest.workers },
        state: this.#run === null ? null : (state ?? null),
        workOf: (id) => control?.membership.workOf(id) ?? { orders: 0, images: 0 },
        speedOf: (id) => this.#speeds.of(id),
      }),
      servers: addresses,
      checkpoints: this.#digest.checkpoints,
      byEpoch,
      events: this.#digest.events,
    };
  }

  #remark(): string {
    if (this.#stage === 'ended') return this.#end;
    if (this.#stage === 'finished') return '';
    if (this.#run === null) return 'waiting for workers and parameter servers';
    const { dispatcher, images } = this.#run.control;
    const { isPaused, members, settings } = dispatcher.state;
    if (!isPaused) return images.pause;
    return `${members.size} of at least ${settings.minWorkers} workers are there`;
  }
}

/** The phases' seconds stand under `seconds.PHASE`. */
function countsOf({ record, control }: RunUnderWay): Counts {
  const { ledger, fenced } = control.dispatcher.state;
  const seconds = Object.entries(record.seconds);
  return {
    steps: record.losses.length,
    imagesTrained: record.images.trained,
    imagesExtracted: record.images.extracted,
    leasesReturned: ledger.returned,
    duplicates: ledger.duplicates,
    fenced,
    restarts: record.restarts,
    ...Object.fromEntries(seconds.map(([phase, value]) => [`seconds.${phase}`, value])),
  };
}
