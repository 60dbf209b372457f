/**
 * The checkpoints of a term: which position has one, which is being written while the run goes on,
 * and who waits for the next one.
 */
import type { CheckpointContent } from '../../src/checkpoint/checkpoint.ts';
import { messageOf } from '../../src/errors.ts';
import { hitFailpoint } from '../../src/process/failpoints.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { RunDisk } from '../outside.ts';
import type { RunFolder } from './run-folder.ts';
import { leavesWith, type LeavingFacts } from './checkpoint-cadence.ts';

export interface CheckpointsDeps {
  readonly saveCheckpoint: RunDisk['saveCheckpoint'];
  /** As `checkpoint.keep`. */
  readonly keep: number;
  readonly folder: Pick<RunFolder, 'checkpoints' | 'staging' | 'event' | 'isHeld'>;
  readonly logger: Logger;
}

export class Checkpoints {
  readonly #deps: CheckpointsDeps;
  /** Where the newest one was taken, so that none is taken twice. */
  #position = '';
  /**
   * Parameter version of the newest one that is written, or being written; initially none is
   * needed.
   */
  #version = 0;
  /** The one being written; the next one waits for it. */
  #writing: Promise<void> = Promise.resolve();
  /** To be called after the next one. */
  #leaving: (() => void)[] = [];

  constructor(deps: CheckpointsDeps) {
    this.#deps = deps;
  }

  /** Whether somebody waits for one. */
  get isAwaited(): boolean {
    return this.#leaving.length > 0;
  }

  /** The run goes on from a checkpoint. */
  restored(position: string, version: number): void {
    this.#position = position;
    this.#version = version;
  }

  /** Waits until none is being written. */
  settled(): Promise<void> {
    return this.#writing;
  }

  /**
   * Takes one if the run has moved since the last one: returns once its content is gathered, and
   * writing goes on while the run does.
   */
  async take(
    position: string,
    version: number,
    gather: () => Promise<CheckpointContent>,
  ): Promise<void> {
    const { saveCheckpoint, keep, folder } = this.#deps;
    if (position === this.#position) return;
    await this.#writing;
    const content = await gather();
    const earlierVersion = this.#version;
    this.#position = position;
    this.#version = version;
    hitFailpoint('coordinator.snapshotTaken', { step: version });
    // Before and after a clustering the step is the same: the later one replaces the earlier one.
    const { checkpoints, staging } = folder;
    this.#writing = saveCheckpoint(checkpoints, version, content, { keep, staging }).then(
      ({ name, bytes }) => {
        folder.event('checkpoint.written', name, { step: version, bytes });
      },
      (error: unknown) => {
        this.#version = earlierVersion;
        this.#noteFailure(version, error);
      },
    );
  }

  /** Calls back once one has all that counts: a server is about to leave. */
  thenLeave(at: Omit<LeavingFacts, 'savedVersion'>, release: () => void): void {
    const when = leavesWith({ ...at, savedVersion: this.#version });
    if (when === 'next') this.#leaving.push(release);
    else void this.#writing.then(release);
  }

  /** Lets those go who wait for the one that was taken, once it is on disk. */
  async letGo(): Promise<void> {
    const released = this.#leaving;
    if (released.length === 0) return;
    this.#leaving = [];
    await this.#writing;
    for (const release of released) release();
  }

  #noteFailure(step: number, error: unknown): void {
    const { folder, logger } = this.#deps;
    // Written by the process that has the run now; this one ends.
    if (!folder.isHeld()) return;
    // A full disk must not cost the run; the checkpoints before this one are as they were.
    this.#position = '';
    folder.event('checkpoint.failed', messageOf(error), { step });
    logger.error('checkpoint.failed', { step, reason: messageOf(error) });
  }
}
