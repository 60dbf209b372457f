import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../src/errors.ts';
import { bodyCount, layoutHash, parseLayout, validateLayout } from '../../src/ps/layout.ts';
import type { ParameterLayout, VariableSpec } from '../../src/ps/layout.ts';
import { TINY_BODY, tinyLayout } from '../support/made/layouts.ts';

test('a layout that crossed the wire hashes as it did before', () => {
  const arrived = parseLayout(JSON.stringify(tinyLayout));
  assert.deepEqual(arrived, tinyLayout);
  assert.equal(layoutHash(arrived), layoutHash(tinyLayout));
});

test('the hash keeps to the sender even where the order of keys is another', () => {
  const { architecture, ...rest } = tinyLayout;
  const reordered: ParameterLayout = { ...rest, architecture };
  assert.notEqual(layoutHash(reordered), layoutHash(tinyLayout));
  assert.equal(layoutHash(parseLayout(JSON.stringify(reordered))), layoutHash(reordered));
});

test('the body ends where the head begins, or at the end without a head', () => {
  assert.equal(bodyCount(tinyLayout), TINY_BODY);
  const [body] = tinyLayout.variables;
  assert.equal(bodyCount({ ...tinyLayout, variables: [body!], parameterCount: 9000 }), 9000);
});

const [weight, bias, headWeight, headBias] = tinyLayout.variables as [
  VariableSpec,
  VariableSpec,
  VariableSpec,
  VariableSpec,
];
const withVariables = (...variables: unknown[]): unknown => ({ ...tinyLayout, variables });

const defects: [string, ErrorCode, unknown][] = [
  ['is no object', 'PROTOCOL_VIOLATION', 7],
  ['has a key too many', 'PROTOCOL_VIOLATION', { ...tinyLayout, extra: 1 }],
  ['has no variables', 'PROTOCOL_VIOLATION', withVariables()],
  [
    'leaves a gap',
    'PROTOCOL_VIOLATION',
    withVariables(weight, { ...bias, offset: 9001 }, headWeight, headBias),
  ],
  [
    'lets variables overlap',
    'PROTOCOL_VIOLATION',
    withVariables(weight, { ...bias, offset: 8999 }, headWeight, headBias),
  ],
  [
    'has a size other than the product of its shape',
    'SHAPE_MISMATCH',
    withVariables({ ...weight, shape: [90, 101] }, bias, headWeight, headBias),
  ],
  [
    'counts too many parameters',
    'SHAPE_MISMATCH',
    { ...tinyLayout, parameterCount: tinyLayout.parameterCount + 1 },
  ],
  ['counts too few statistics', 'SHAPE_MISMATCH', { ...tinyLayout, statisticCount: 3 }],
  [
    'has a body variable behind the head',
    'PROTOCOL_VIOLATION',
    withVariables(weight, bias, headWeight, { ...headBias, group: 'body' }),
  ],
  [
    'has a name twice',
    'PROTOCOL_VIOLATION',
    withVariables(weight, { ...bias, name: weight.name }, headWeight, headBias),
  ],
  [
    'has a name that is a prototype',
    'PROTOCOL_VIOLATION',
    withVariables({ ...weight, name: '__proto__' }, bias, headWeight, headBias),
  ],
  [
    'asks for more memory than a layout may',
    'PROTOCOL_VIOLATION',
    { ...tinyLayout, parameterCount: 2 ** 40 },
  ],
];

for (const [defect, code, layout] of defects) {
  test(`a layout that ${defect} is refused`, () => {
    assert.throws(
      () => {
        validateLayout(layout);
      },
      { code },
    );
  });
}

test('text that is not JSON is refused as a layout', () => {
  assert.throws(() => parseLayout('{"architecture":'), { code: 'PROTOCOL_VIOLATION' });
});
