/**
 * A job: work over the memory of the kernels in chunks that may run in any order, on any thread,
 * all at once. Its parameters are numbers, so that they can cross to other threads. Chunks write
 * different memory, and none reads what another writes: the result is the same on one thread and on
 * many, to the bit.
 */
import type { Kernels } from '../kernels/kernels.ts';

export type JobParameters<Name extends string> = Readonly<Record<Name, number>>;

export interface Job<Name extends string = string> {
  readonly names: readonly Name[];
  /** @param thread 0 .. threads - 1, for memory of a thread's own */
  readonly run: (
    kernels: Kernels,
    parameters: JobParameters<Name>,
    chunk: number,
    thread: number,
  ) => void;
}

export function defineJob<Name extends string>(
  names: readonly Name[],
  run: Job<Name>['run'],
): Job<Name> {
  return { names, run };
}
