/** A run of the benchmark, followed from one launch to the next. */
import type { RunSummary } from '../../src/report/summary.ts';
import type { Field } from './chaos-field.ts';
import { summaryOf, type LaunchedRun } from './run-process.ts';

/**
 * A run, whoever launched it: where a second launch finds the holder of its folder dead, it goes on
 * with the run.
 */
export class FollowedRun {
  readonly #field: Field;
  #launched: LaunchedRun;

  constructor(launched: LaunchedRun, field: Field) {
    this.#launched = launched;
    this.#field = field;
  }

  get pid(): number {
    return this.#launched.process.pid!;
  }

  get ended(): LaunchedRun['ended'] {
    return this.#launched.ended;
  }

  hasEnded(): boolean {
    return this.#launched.hasEnded();
  }

  /** Of a launch that has ended: whether another one has its run. */
  async goesOn(): Promise<boolean> {
    if ((await this.ended).code !== 75) return false;
    const successor = await this.#field.successor();
    if (successor === null) return false;
    this.#launched = successor;
    return true;
  }

  /** @throws Error with the last words of a run that did not end well */
  async summary(): Promise<RunSummary> {
    await this.ended;
    while (await this.goesOn()) await this.ended;
    return summaryOf(this.#launched);
  }
}
