/** What a run must have come to: to the last bit, what the plain loop does. */
import type { RunConfig } from '../../src/config/schema.ts';
import type { ParameterShard } from '../../server/parameter-shard.ts';
import { stalenessBound } from '../../src/ps/config.ts';
import type { Ledger } from '../../src/run/ledger.ts';
import type { PlainRun } from './plain-run.ts';
import type { RunOutcome } from './simulated-run.ts';

export interface Expected {
  readonly config: RunConfig;
  readonly oracle: PlainRun;
  /** Epoch records of the undisturbed run; null: this is it. */
  readonly epochs: readonly object[] | null;
}

/**
 * Tells of each rule that is broken.
 * @param shards what the servers of the last term hold
 */
export function requireOutcome(
  outcome: RunOutcome,
  shards: readonly ParameterShard[],
  expected: Expected,
  violate: (rule: string) => void,
): void {
  const { oracle, config } = expected;
  const { losses, pseudoLabels, state, epochs } = outcome;
  const expect = (what: string, holds: boolean): void => {
    if (!holds) violate(`${what}: not those of the undisturbed run`);
  };
  const isExact = stalenessBound(config.training) === 0;
  expect('number of steps', losses.length === oracle.losses.length);
  expect('finite losses', losses.every(Number.isFinite));
  for (const { store } of shards) expect('version', store.version === oracle.losses.length);
  requireLedger(state.ledger, expected, expect);
  // Where steps overlap, the order of arrival decides about the numbers.
  if (!isExact) return;
  expect('losses', isSame(losses, oracle.losses));
  expect('pseudo-labels', isSame(pseudoLabels, oracle.pseudoLabels));
  const { clusters, details } = outcome.final ?? { clusters: [], details: null };
  expect('final clusters', isSame(clusters, oracle.final.first));
  expect('final distances', isSame(details?.distances ?? [], oracle.final.distances));
  expect('second clusters', isSame(details?.seconds ?? [], oracle.final.second));
  for (const { plan, store } of shards) {
    const { momentum } = store.snapshot();
    const { begin } = plan.parameters;
    const whole = oracle.last.momentum.subarray(begin, begin + momentum.length);
    expect('momentum', isSame(momentum, whole));
  }
  if (expected.epochs === null) return;
  expect('epoch records', JSON.stringify(epochs) === JSON.stringify(expected.epochs));
}

function requireLedger(
  { epoch, length, committed, committedTotal, skippedTotal }: Ledger,
  { oracle, config }: Expected,
  expect: (what: string, holds: boolean) => void,
): void {
  expect('skipped draws', skippedTotal === 0);
  expect('epoch of the ledger', epoch === config.epochs - 1);
  expect('draws of the last epoch', length === oracle.drawsOfLastEpoch && committed === length);
  expect('draws of the ledger', committedTotal === oracle.draws);
}

function isSame(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return a.length === b.length && Array.from(a).every((value, i) => Object.is(value, b[i]));
}
