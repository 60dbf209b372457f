/** The small networks against PyTorch in float64, on each engine; the large ones are in test/integration. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  assertMatchesOracle,
  caseTitle,
  networkCases,
  runCase,
  specOf,
} from '../support/network-oracle.ts';
import { testEngines, testOnEngines, withEngine } from '../support/engines.ts';

const small = networkCases.filter(({ architecture }) => architecture === 'small-convnet');

for (const network of small) {
  const spec = specOf(network);
  await testOnEngines(`as PyTorch computes it: ${caseTitle(network)}`, () => {
    assertMatchesOracle(spec, network, runCase(spec, network));
  });
}
