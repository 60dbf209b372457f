/**
 * Initial values of parameters and statistics: each variable from a generator of its own, seeded by
 * the run's seed and the variable's name, so that a variable more or less in the layout moves no
 * other. Source: spec of DeepCluster, section 2.3. Shapes: P parameters, S statistics; drawn in
 * float64, stored in float32.
 */
import { seededRng } from '../math/rng.ts';
import { bodyCount } from './layout.ts';
import type { ParameterLayout, StatisticSpec } from './layout.ts';

/** @returns [P], body and head, as the network is before its first clustering */
export function initialParameters(layout: ParameterLayout, seed: number): Float32Array {
  const parameters = new Float32Array(layout.parameterCount);
  for (const variable of layout.variables) {
    fill(slot(parameters, variable), variable, [seed, 'init', variable.name]);
  }
  return parameters;
}

/** @returns [S] */
export function initialStatistics(layout: ParameterLayout): Float32Array {
  const statistics = new Float32Array(layout.statisticCount);
  for (const statistic of layout.statistics) {
    fill(slot(statistics, statistic), statistic, ['init', statistic.name]);
  }
  return statistics;
}

/**
 * The head that the clustering of an epoch begins with; another one each epoch.
 * @returns [P - body], the tail of the parameter vector
 */
export function initialHead(layout: ParameterLayout, seed: number, epoch: number): Float32Array {
  const start = bodyCount(layout);
  const head = new Float32Array(layout.parameterCount - start);
  for (const variable of layout.variables) {
    if (variable.group !== 'head') continue;
    const { offset, size } = variable;
    const values = head.subarray(offset - start, offset - start + size);
    fill(values, variable, [seed, 'init', variable.name, epoch]);
  }
  return head;
}

function slot(values: Float32Array, { offset, size }: StatisticSpec): Float32Array {
  return values.subarray(offset, offset + size);
}

/** The values of a variable, or of those of its elements that the parameter shard's layout has. */
function fill(
  values: Float32Array,
  { initial, skipped = 0 }: StatisticSpec,
  seed: readonly (string | number)[],
): void {
  switch (initial.kind) {
    case 'constant':
      values.fill(initial.value);
      return;
    case 'normal': {
      const rng = seededRng(...seed);
      for (let i = 0; i < skipped; i += 1) rng.normal();
      for (let i = 0; i < values.length; i += 1) values[i] = rng.normal() * initial.std;
    }
  }
}
