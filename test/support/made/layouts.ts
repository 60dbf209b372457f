/** Parameter layouts for tests: made of names, shapes and rules; offsets, sizes and counts follow. */
import type { ParameterLayout, StatisticSpec, VariableSpec } from '../../../src/ps/layout.ts';

type Placed = 'offset' | 'size';

/** Lays variables and statistics one after the other; the head's variables come last. */
export function layoutOf(
  architecture: string,
  variables: readonly Omit<VariableSpec, Placed>[],
  statistics: readonly Omit<StatisticSpec, Placed>[],
): ParameterLayout {
  const [placed, parameterCount] = inARow(variables);
  const [placedStatistics, statisticCount] = inARow(statistics);
  return {
    ...{ architecture, variables: placed, statistics: placedStatistics },
    ...{ parameterCount, statisticCount },
  };
}

/** @returns each array with its place in the flat vector, and the vector's length */
function inARow<Spec extends { readonly shape: readonly number[] }>(
  specs: readonly Spec[],
): [(Spec & { offset: number; size: number })[], number] {
  let end = 0;
  const placed = specs.map((spec) => {
    const offset = end;
    const size = spec.shape.reduce((product, dim) => product * dim, 1);
    end += size;
    return { ...spec, offset, size };
  });
  return [placed, end];
}

const normal = (std: number) => ({ kind: 'normal', std }) as const;
const constant = (value: number) => ({ kind: 'constant', value }) as const;

/** Statistics of a batch norm of two channels. */
export const TINY_STATISTICS = [
  { name: 'bn.running_mean', shape: [2], initial: constant(0) },
  { name: 'bn.running_var', shape: [2], initial: constant(1) },
] as const;

/** For the parameter store: every group and rule, over more elements than one block of the reducer. */
export const tinyLayout = layoutOf(
  'tiny',
  [
    { name: 'fc.weight', shape: [90, 100], group: 'body', initial: normal(0.01) },
    { name: 'fc.bias', shape: [5], group: 'body', initial: constant(0.25) },
    { name: 'head.weight', shape: [5, 4], group: 'head', initial: normal(0.5) },
    { name: 'head.bias', shape: [4], group: 'head', initial: constant(0) },
  ],
  TINY_STATISTICS,
);

/** Where the head of {@link tinyLayout} begins. */
export const TINY_BODY = 90 * 100 + 5;

/** Of the network of the simulation, whose head has an element for each of `classes`. */
export function simulatedLayout(classes: number): ParameterLayout {
  return layoutOf(
    'tiny',
    [
      { name: 'fc.weight', shape: [2, 3], group: 'body', initial: normal(0.1) },
      { name: 'fc.bias', shape: [1], group: 'body', initial: constant(0.25) },
      { name: 'head.weight', shape: [1, classes], group: 'head', initial: normal(0.5) },
    ],
    TINY_STATISTICS,
  );
}

/** Of runs in one process whose network is plain arithmetic on the pixels. */
export const PLAIN_LAYOUT = layoutOf(
  'plain',
  [
    { name: 'body.weight', shape: [8], group: 'body', initial: normal(0.1) },
    { name: 'top_layer.weight', shape: [4], group: 'head', initial: normal(0.01) },
  ],
  [{ name: 'body.running_mean', shape: [2], initial: constant(0) }],
);
