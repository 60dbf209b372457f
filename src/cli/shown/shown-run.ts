/**
 * A run on this machine as the terminal shows it: what starts, how far it is, what its processes
 * say.
 */
import { shownLine } from '../../launch/child-log.ts';
import type { LocalRunHooks, LocalStart } from '../../launch/local-run.ts';
import { runCourse, type CourseImages } from '../../run/run-course.ts';
import type { LogLevel } from '../../telemetry/logger.ts';
import type { Notice, OrderProgress } from '../../telemetry/notice.ts';
import { createProgressView, type ProgressView } from '../../telemetry/progress-view.ts';
import { EPOCHS_ALONE, type RunCourse } from '../../telemetry/time-left.ts';
import { OrdersProgress } from './order-progress.ts';
import type { Terminal } from '../terminal.ts';

export class ShownRun {
  readonly hooks: LocalRunHooks;
  readonly #view: ProgressView;
  /** Set once the processes are about to start. */
  #start: LocalStart | null = null;
  /** Set once the coordinator has them. */
  #images: CourseImages | null = null;
  /** Whether the run's folder has been named: a start that fails before has none. */
  #isNamed = false;
  /** Workers take the same engine, unless something is wrong: a line for each that is taken. */
  readonly #engines = new Set<string>();
  readonly #workers = new Set<string>();
  readonly #orders = new OrdersProgress();

  /**
   * @param shownLevel from which on logs are shown as they are; null: warnings and errors in
   * short
   */
  constructor({ stderr }: Terminal, shownLevel: LogLevel | null) {
    this.#view = createProgressView({
      stream: stderr,
      nowMs: () => performance.now(),
      course: () => this.#course(),
    });
    this.hooks = {
      onStart: (start) => {
        this.#start = start;
        this.#view.remark(startLine(start));
      },
      onNotice: (id, notice) => {
        this.#notice(id, notice);
      },
      onLine: (id, line) => {
        const shown = shownLine(id, line, shownLevel);
        if (shown !== null) this.#view.remark(shown);
      },
      onHeld: (reason) => {
        this.#view.remark(`waiting: ${reason}`);
      },
      onRemark: (text) => {
        this.#view.remark(text);
      },
    };
  }

  /** The run was asked to stop. */
  stopping(): void {
    if (this.#start === null) return;
    this.#view.remark('stopping: the coordinator takes a checkpoint; press Ctrl-C again to kill');
  }

  close(): void {
    this.#view.close();
  }

  #notice(id: string, notice: Notice): void {
    if (notice.type === 'progress') this.#view.show(notice);
    else if (notice.type === 'orderProgress') this.#orderProgress(id, notice);
    else if (notice.type === 'remark') this.#view.remark(notice.text);
    else if (notice.type === 'images') this.#images = notice;
    else if (notice.type === 'engine') this.#engineStarted(id, notice);
    else if (notice.type === 'listening' && id === 'coordinator') this.#listening(notice.address);
  }

  #course(): RunCourse {
    if (this.#start === null) return EPOCHS_ALONE;
    return runCourse(this.#start.config, this.#images, this.#start.workers);
  }

  #orderProgress(id: string, notice: OrderProgress): void {
    const epochs = this.#start?.config.epochs ?? 0;
    // It belongs to no epoch.
    this.#view.show({ ...this.#orders.note(id, notice), epoch: epochs, epochs });
  }

  #listening(address: string): void {
    if (this.#isNamed || this.#start === null) return;
    this.#isNamed = true;
    this.#view.remark(`run folder ${this.#start.out}; its coordinator listens at ${address}`);
  }

  #engineStarted(id: string, { name, reason }: Extract<Notice, { type: 'engine' }>): void {
    if (!this.#engines.has(name)) {
      this.#engines.add(name);
      this.#view.remark(`engine ${reason}`);
    }
    if (this.#workers.has(id)) return;
    this.#workers.add(id);
    const of = this.#start === null ? '' : `, ${this.#workers.size} of ${this.#start.workers}`;
    this.#view.remark(`${id} has started its engine, ${name}${of}`);
  }
}

function startLine({ config, workers, servers }: LocalStart): string {
  const parts = [
    'a coordinator',
    ...(servers === 0 ? [] : [count(servers, 'parameter server')]),
    `${count(workers, 'worker')} (engine ${config.cluster.engine})`,
  ];
  return `starting ${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}; listing the images of ${config.data.source}`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
