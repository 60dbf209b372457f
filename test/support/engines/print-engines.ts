/**
 * Prints, for the end of a test run, a line for each engine, for the host and the parameter kernels
 * and for the browser: that the tests for it ran, on what, or why they did not. Fails where one that
 * REQUIRED_ENGINES names (by spaces) was not tested.
 */
import { hostKernels } from '../../../src/engine/clustering/host/host-kernels.ts';
import { parameterKernels } from '../../../src/parameter-plane/kernels.ts';
import { NO_CHROMIUM, chromiumVersion } from '../browser/chromium.ts';
import { testEngines } from './engines.ts';

for (const { name, skip, engine } of await testEngines()) {
  process.stdout.write(
    engine === null
      ? `engine ${name}: not tested here, because ${String(skip).replace(`engine ${name}: `, '')}\n`
      : `engine ${name}: tested, version ${engine.version} on ${engine.device}\n`,
  );
}

const { module, story } = hostKernels();
process.stdout.write(
  module === null
    ? `host kernels: not tested here, because they are ${story}\n`
    : `host kernels: tested, ${module.kernels.join(', ')}\n`,
);

const parameters = parameterKernels();
const sharesMemory = parameters.module?.hasSegments === true;
process.stdout.write(
  sharesMemory
    ? 'parameter kernels: tested, with shared memory\n'
    : `parameter kernels: not tested here, because they are ${parameters.story}\n`,
);

const browser = chromiumVersion();
process.stdout.write(
  browser === null ? `browser: not tested here, ${NO_CHROMIUM}\n` : `browser: tested, ${browser}\n`,
);

const tested = new Set<string>([
  ...(await testEngines()).filter(({ engine }) => engine !== null).map(({ name }) => name),
  ...(module === null ? [] : ['host-kernels']),
  ...(sharesMemory ? ['parameter-kernels'] : []),
  ...(browser === null ? [] : ['browser']),
]);
const required = (process.env['REQUIRED_ENGINES'] ?? '').split(/\s+/).filter((name) => name !== '');
const untested = required.filter((name) => !tested.has(name));
if (untested.length > 0) {
  process.stdout.write(`FAILED: required, but not tested: ${untested.join(', ')}\n`);
  process.exitCode = 1;
}
