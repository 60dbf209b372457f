/** A layout for tests of the parameter store, with every group and rule, over more elements than one block of the reducer. */
import type { ParameterLayout } from '../../src/ps/layout.ts';

const BODY = 9000;
const HEAD = 20;

export const tinyLayout: ParameterLayout = {
  architecture: 'tiny',
  variables: [
    {
      name: 'fc.weight',
      shape: [90, 100],
      group: 'body',
      initial: { kind: 'normal', std: 0.01 },
      offset: 0,
      size: BODY,
    },
    {
      name: 'fc.bias',
      shape: [5],
      group: 'body',
      initial: { kind: 'constant', value: 0.25 },
      offset: BODY,
      size: 5,
    },
    {
      name: 'head.weight',
      shape: [5, 4],
      group: 'head',
      initial: { kind: 'normal', std: 0.5 },
      offset: BODY + 5,
      size: HEAD,
    },
    {
      name: 'head.bias',
      shape: [4],
      group: 'head',
      initial: { kind: 'constant', value: 0 },
      offset: BODY + 5 + HEAD,
      size: 4,
    },
  ],
  statistics: [
    {
      name: 'bn.running_mean',
      shape: [2],
      initial: { kind: 'constant', value: 0 },
      offset: 0,
      size: 2,
    },
    {
      name: 'bn.running_var',
      shape: [2],
      initial: { kind: 'constant', value: 1 },
      offset: 2,
      size: 2,
    },
  ],
  parameterCount: BODY + 5 + HEAD + 4,
  statisticCount: 4,
};

/** Where the head of {@link tinyLayout} begins. */
export const TINY_BODY = BODY + 5;
