/**
 * Whether the workers have at the end what plain arithmetic comes to: a time for anything else is
 * worth nothing.
 */
import type { FinalState } from './coordinator-process.ts';
import { expectedValues, madeLayout } from './made-exchange.ts';
import type { PsShape } from './ps-rows.ts';

/**
 * @param shape what was run, and for how many steps in all
 * @returns elements that were compared
 * @throws Error where workers differ, or an element is not that of plain arithmetic
 */
export function requireExpected(
  {
    parameters,
    workers,
    steps,
    codec = 'float32',
  }: Pick<PsShape, 'parameters' | 'workers'> & { steps: number } & Partial<Pick<PsShape, 'codec'>>,
  state: Pick<FinalState, 'indices' | 'workers'>,
): number {
  const { indices } = state;
  const expected = expectedValues(indices, madeLayout(parameters), workers, steps, codec);
  state.workers.forEach((worker, i) => {
    if (worker.sha256 !== state.workers[0]!.sha256) {
      throw new Error(`bench ps: expected worker ${i} to have what worker 0 has, got other values`);
    }
    requireEqual(`worker ${i}: parameter`, indices, expected.parameters, worker.parameters);
    const all = expected.statistics.keys();
    requireEqual(`worker ${i}: statistic`, [...all], expected.statistics, worker.statistics);
  });
  return expected.parameters.length + expected.statistics.length;
}

function requireEqual(
  what: string,
  indices: readonly number[],
  expected: Float32Array,
  got: readonly number[],
): void {
  const wrong = indices.findIndex((_, at) => expected[at] !== got[at]);
  if (wrong < 0) return;
  throw new Error(
    `bench ps: ${what} ${indices[wrong]!}: expected ${expected[wrong]!}, got ${got[wrong]!}`,
  );
}
