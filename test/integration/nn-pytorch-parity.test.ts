/**
 * The published networks against PyTorch in float64, on each engine, with every weight: features, loss, batch statistics
 * and the gradient of each variable. Images are few, and small where the network allows; dropout is off.
 */
import { testOnEngines } from '../support/engines/engines.ts';
import {
  assertMatchesOracle,
  caseTitle,
  networkCases,
  runCase,
  specOf,
} from '../support/oracles/network-oracle.ts';

for (const network of networkCases) {
  if (network.architecture === 'small-convnet') continue;
  const spec = specOf(network);
  await testOnEngines(`as PyTorch computes it: ${caseTitle(network)}`, (engine) => {
    assertMatchesOracle(spec, network, runCase(engine, spec, network));
  });
}
