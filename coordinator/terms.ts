/**
 * The run inside one coordinator, from its first term to the last word to all others. Each term
 * begins from the newest sound checkpoint, and lasts for as long as all parameter servers live: a
 * coordinator that starts again does the same as one that lost a server. term-state.ts decides.
 */
import type { RunConfig } from '../src/config/schema.ts';
import type { ImageSource } from '../src/data/source/source.ts';
import { EXIT, exitCodeOf, messageOf, needsPerson } from '../src/errors.ts';
import type { RunSummary } from '../src/report/summary.ts';
import { withAnySignal } from '../src/rpc/any-signal.ts';
import type { Credentials } from '../src/security/credentials.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import type { Notice } from '../src/telemetry/notice.ts';
import type { Control, ControlDeps } from './control/control.ts';
import type { ReadyServers, ServerFleet } from './fleet/server-fleet.ts';
import type { ServerSessions } from './fleet/server-session-service.ts';
import type { CoordinatorService } from './fleet/service.ts';
import type { Outside } from './outside.ts';
import { onceThereIsRoom } from './record/disk-room.ts';
import type { RunFolder } from './record/run-folder.ts';
import { RunRecord, type TermTimes } from './record/run-record.ts';
import { conductRun } from './run/conduct-run.ts';
import {
  initialTerm,
  termTransition,
  type TermAction,
  type TermEvent,
  type TermState,
} from './term-state.ts';
import { startTicker } from './ticker.ts';

export interface TermsDeps extends Outside {
  readonly runId: string;
  readonly config: RunConfig;
  readonly source: ImageSource;
  /** This process's, until `folderLost` is aborted. */
  readonly folder: RunFolder;
  readonly folderLost: AbortSignal;
  /** Of this process. */
  readonly incarnation: string;
  readonly service: CoordinatorService;
  readonly sessions: ServerSessions;
  readonly fleet: ServerFleet;
  /** Whether the run has begun before this process. */
  readonly resume: boolean;
  /** Comes before the first term. */
  readonly prepare: () => Promise<void>;
  /**
   * Called once the run goes on with its settings: those that a resumed run refuses are not kept.
   */
  readonly settingsTaken: () => Promise<void>;
  readonly credentials: Credentials | null;
  readonly logger: Logger;
  readonly notify: (notice: Notice) => void;
  readonly journal?: ControlDeps['journal'];
  /** Asks the run to end; aborted with `folderLost` too. */
  readonly signal: AbortSignal;
}

export class Terms {
  readonly #deps: TermsDeps;
  #state: TermState;
  /** Of the term under way; null between terms. */
  #control: Control | null = null;

  constructor(deps: TermsDeps) {
    this.#deps = deps;
    this.#state = initialTerm(deps.resume);
  }

  /** Of the term under way; null between terms. */
  get control(): Control | null {
    return this.#control;
  }

  /**
   * Runs to the end, and tells everybody of it.
   * @throws TrainerError; UNAVAILABLE when it was stopped and can be resumed, the reason of
   *   `folderLost` when another process has the run
   */
  async run(): Promise<RunSummary> {
    const { folder, folderLost, notify, prepare } = this.#deps;
    try {
      await prepare();
      const summary = await this.#termAfterTerm();
      notify({ type: 'finished', summary });
      this.#end({ type: 'runFinished' }, 'the run is finished', EXIT.done);
      return summary;
    } catch (error) {
      if (!folderLost.aborted) folder.event('run.stopped', messageOf(error));
      const facts = { isFolderLost: folderLost.aborted, needsPerson: needsPerson(error) };
      this.#end({ type: 'runEnded', ...facts }, messageOf(error), exitCodeOf(error));
      throw folderLost.aborted ? folderLost.reason : error;
    }
  }

  async #termAfterTerm(): Promise<RunSummary> {
    const { config, clock, fleet, service, folder, logger, signal } = this.#deps;
    const { nowMs, dateMs } = clock;
    let times: TermTimes = { startedMs: nowMs(), lastSeenMs: folder.lastSeenMs, dateMs };
    const ticker = startTicker(config.cluster, clock, () => {
      fleet.tick();
      this.#control?.dispatcher.dispatch({ type: 'tick' });
    });
    try {
      for (;;) {
        service.pause('waiting for parameter servers');
        this.#control = null;
        const servers = await fleet.ready(signal);
        const resume = this.#decide({ type: 'serversReady' }).some(
          (action) => action.type === 'beginTerm' && action.resumes,
        );
        const term = await onceThereIsRoom('the term', () => folder.beginTerm(), this.#deps);
        folder.event('term.begun', `term ${term}`, { term });
        try {
          return await withAnySignal([signal, servers.lost], (ended) =>
            this.#runTerm({ ...servers, term, resume, ended, times }),
          );
        } catch (error) {
          times = { startedMs: nowMs(), lastSeenMs: dateMs(), dateMs };
          const facts = { isServerLost: servers.lost.aborted, isStopped: signal.aborted };
          const actions = this.#decide({ type: 'termFailed', ...facts });
          if (!actions.some(({ type }) => type === 'awaitServers')) throw error;
          // Calls fail in many ways once a server is gone: that it is gone is the reason.
          const reason = messageOf(servers.lost.reason);
          logger.warn('term.ended', { reason });
          folder.event('term.ended', reason);
        }
      }
    } finally {
      ticker.stop();
    }
  }

  async #runTerm(reign: Reign): Promise<RunSummary> {
    const { clock, service, incarnation } = this.#deps;
    const { ended, incarnations, times } = reign;
    const record = new RunRecord(clock.nowMs, times);
    record.noteProcess('coordinator', incarnation);
    incarnations.forEach((server, part) => record.noteProcess(`server-${part}`, server));
    const run = { ...this.#deps, ...reign, record };
    const control = this.#deps.makeControl({ ...run, signal: ended });
    this.#control = control;
    service.begin(control.events);
    const stop = (): void => {
      control.dispatcher.fail(ended.reason);
    };
    if (ended.aborted) stop();
    ended.addEventListener('abort', stop, { once: true });
    try {
      return await conductRun({ ...run, control, decide: (event) => this.#decide(event) });
    } finally {
      ended.removeEventListener('abort', stop);
    }
  }

  #decide(event: TermEvent): readonly TermAction[] {
    const { state, actions } = termTransition(this.#state, event);
    this.#state = state;
    return actions;
  }

  /** The last word to all others. */
  #end(event: TermEvent, reason: string, exitCode: number): void {
    const { service, sessions, notify } = this.#deps;
    for (const { type } of this.#decide(event)) {
      if (type === 'tellPerson') {
        notify({ type: 'failed', exitCode, message: reason, needsPerson: true });
      } else if (type === 'tellAll') {
        service.stopAll(reason, exitCode);
        sessions.stopAll(reason, exitCode);
      }
    }
  }
}

interface Reign extends ReadyServers {
  readonly times: TermTimes;
  readonly term: number;
  readonly resume: boolean;
  /** Aborted when the run is asked to end, or a server is gone. */
  readonly ended: AbortSignal;
}
