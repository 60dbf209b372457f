/**
 * When the run gives up: which failures of orders another worker would meet as well, how often the
 * others may come, and how often results may be lost after they were taken. Pure.
 */
import type { ErrorCode } from '../../src/errors.ts';

/** Why an order could not be done. */
export interface OrderFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Why the run cannot go on. */
export interface RunFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Failures of a worker's order that another worker would meet as well. */
const LASTING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CONFIG_INVALID',
  'SHAPE_MISMATCH',
  'PROTOCOL_VIOLATION',
  'DATA_UNREADABLE',
]);

/**
 * Times that numbers of one task may be not finite. Once may be a sick device, and another worker
 * has the numbers; the same again is the training itself.
 */
const MAX_NON_FINITE = 2;

/** Other failures of orders in a row, over all workers, after which the run gives up. */
const MAX_FAILURES = 20;

/** Times that results of one phase may be computed though they are lost each time. */
const MAX_COMPUTED = 5;

export interface FailureHistory {
  readonly workerId: string;
  /** Workers whose numbers for the task were not finite, this one among them. */
  readonly nonFiniteBy: readonly string[];
  /** Failed orders since the last one that was done, this one among them. */
  readonly failuresInRow: number;
}

/** Null: the task goes to another worker. */
export function judgeFailure(
  { code, message }: OrderFailure,
  { workerId, nonFiniteBy, failuresInRow }: FailureHistory,
): RunFailure | null {
  if (code === 'NON_FINITE') {
    const { length: times } = nonFiniteBy;
    if (times < MAX_NON_FINITE) return null;
    return { code, message: `${message} (${times} times: of ${nonFiniteBy.join(' and ')})` };
  }
  if (LASTING.has(code)) return { code, message };
  if (failuresInRow < MAX_FAILURES) return null;
  const problem = `${MAX_FAILURES} orders failed in a row, the last: ${workerId}: ${message}`;
  return code === 'UNAVAILABLE'
    ? { code, message: `workers: ${problem}` }
    : { code: 'INTERNAL', message: problem };
}

/**
 * Null: what was lost is computed once more.
 * @param computed times that the phase's work has been computed
 */
export function judgeLoss(tasks: readonly string[], computed: number): RunFailure | null {
  if (computed < MAX_COMPUTED) return null;
  const names = tasks.join(', ');
  const message = `${names}: reported as pushed ${computed} times, but a parameter server does not have them`;
  return { code: 'PROTOCOL_VIOLATION', message };
}
