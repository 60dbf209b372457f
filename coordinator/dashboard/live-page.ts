/** What the live page answers to whom, and what it sends to those who watch, as the run changes. */
import type { ServerResponse } from 'node:http';
import type { ImageSource } from '../../src/data/source/source.ts';
import { CLIENT_SCRIPT } from './page/client-script.ts';
import { ClusterSamples } from './page/cluster-samples.ts';
import { EventStreams } from './http/event-streams.ts';
import type { DrainAnswer, LiveRun } from './live-run.ts';
import type { LiveState } from './live-state.ts';
import { MetricsPage } from './metrics.ts';
import { renderPage, type PageFacts } from './page/page.ts';
import { text, type Answer, type Handler } from './http/page-server.ts';
import {
  clustersSection,
  eventsSection,
  learningSection,
  nowSection,
  workersSection,
  type SectionName,
} from './page/sections.ts';

export interface LivePageDeps {
  readonly run: LiveRun;
  readonly facts: PageFacts;
  readonly source: Pick<ImageSource, 'read' | 'path'>;
  /** Of clusters. */
  readonly k: number;
  readonly nowMs: () => number;
  /** Stops the run in order. */
  readonly stop: () => void;
  /** Aborted when the page is closed. */
  readonly signal: AbortSignal;
}

/** The curves are long: they are drawn again after this time at the earliest [ms]. */
const CURVES_MS = 3_000;
/** Looks between two signs of life on the streams. */
const LOOKS_PER_SIGN = 15;

export class LivePage {
  readonly #deps: LivePageDeps;
  readonly #streams = new EventStreams();
  readonly #metrics = new MetricsPage();
  readonly #samples: ClusterSamples;
  /** As they were sent last, by name. */
  readonly #parts = new Map<SectionName, string>();
  /** What the curves were drawn of, and when. */
  #curves = { key: '', steps: 0, atMs: -Infinity };
  #looks = 0;

  constructor(deps: LivePageDeps) {
    this.#deps = deps;
    this.#samples = new ClusterSamples(deps);
  }

  readonly routes: Readonly<Record<string, Handler>> = {
    '/': () => ({
      ...{ status: 200, type: 'text/html; charset=utf-8' },
      body: renderPage(this.#deps.facts),
    }),
    '/page.js': () => ({
      ...{ status: 200, type: 'text/javascript; charset=utf-8' },
      body: CLIENT_SCRIPT,
    }),
    '/state.json': () => ({
      ...{ status: 200, type: 'application/json' },
      body: `${JSON.stringify(this.#deps.run.state())}\n`,
    }),
    '/metrics': async () => {
      const { run } = this.#deps;
      const body = await this.#metrics.text({ state: run.state(), counters: run.counters() });
      return { status: 200, type: this.#metrics.contentType, body };
    },
    '/events': (_query, response) => this.#watch(response),
    '/do/checkpoint': () =>
      this.#deps.run.takeCheckpoint()
        ? text(202, 'A checkpoint is taken after the step under way, if there is anything new.')
        : text(409, 'There is no run under way to take a checkpoint of.'),
    '/do/drain': (query) => drainAnswer(query.get('worker') ?? '', this.#deps.run),
    '/do/stop': () => {
      this.#deps.stop();
      return text(202, 'The run takes a checkpoint and stops.');
    },
  };

  /** To be called every second. */
  look(): void {
    this.#deps.run.look();
    if (this.#streams.count === 0) return;
    this.#looks += 1;
    if (this.#looks % LOOKS_PER_SIGN === 0) this.#streams.keepAlive();
    this.#publish();
  }

  /** @param isStopped the operator stopped the run */
  close(isStopped: boolean): void {
    if (this.#streams.count > 0) this.#publish();
    const { stage } = this.#deps.run.state();
    // Another coordinator may follow: those who watch find it by themselves.
    if (stage === 'finished') {
      const last = 'the run is finished: report.html in its folder has the results';
      this.#streams.send('over', { text: last, isFinal: true });
    } else if (isStopped) {
      this.#streams.send('over', {
        text: 'the run has stopped; it can be resumed',
        isFinal: false,
      });
    }
    this.#streams.close();
  }

  #watch(response: ServerResponse): Answer | null {
    if (!this.#streams.add(response)) return text(503, 'too many pages are open already');
    this.#publish();
    for (const [name, html] of this.#parts) this.#streams.sendTo(response, 'part', { name, html });
    return null;
  }

  /** Sends the parts that have changed. */
  #publish(): void {
    const { run } = this.#deps;
    const state = run.state();
    this.#refreshSamples(state);
    this.#show('now', nowSection(state).text);
    this.#show('workers', workersSection(state).text);
    if (this.#curvesAreDue(state)) {
      this.#show('learning', learningSection(state, run.losses).text);
    }
    this.#show('clusters', clustersSection(this.#samples.shown).text);
    this.#show('events', eventsSection(state).text);
  }

  #show(name: SectionName, html: string): void {
    if (this.#parts.get(name) === html) return;
    this.#parts.set(name, html);
    this.#streams.send('part', { name, html });
  }

  #curvesAreDue({ steps, epochsDone, stage, term }: LiveState): boolean {
    const nowMs = this.#deps.nowMs();
    const key = [steps, epochsDone, stage, term].join('/');
    const isFirst = this.#curves.steps < 2 && steps > this.#curves.steps;
    const isSoon = !isFirst && nowMs - this.#curves.atMs < CURVES_MS;
    if (key === this.#curves.key || isSoon) return false;
    this.#curves = { key, steps, atMs: nowMs };
    return true;
  }

  #refreshSamples({ term, byEpoch, stage }: LiveState): void {
    const labels = this.#deps.run.run?.clusters();
    if (labels === undefined) return;
    void this.#samples.refresh(`${term}/${byEpoch.length}/${stage}`, labels);
  }
}

const DRAIN_ANSWERS: Readonly<Record<DrainAnswer, (worker: string) => Answer>> = {
  drained: (worker) => text(202, `${worker} leaves once it has finished its leases.`),
  unknown: (worker) => text(404, `There is no worker ${JSON.stringify(worker)} in the run.`),
  tooFew: (worker) =>
    text(
      409,
      `${worker} has to stay: without it the run has too few workers (cluster.minWorkers).`,
    ),
  noTerm: () => text(409, 'There is no run under way.'),
};

function drainAnswer(worker: string, run: LiveRun): Answer {
  return DRAIN_ANSWERS[run.drain(worker)](worker);
}
