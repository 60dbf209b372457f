/** A process that lives as long as src/cli/lifetime.ts lets it: says that it is there, waits, ends as a command does. */
import { setTimeout as delay } from 'node:timers/promises';
import { withLifetime } from '../../../src/cli/lifetime.ts';
import { exitCodeOf } from '../../../src/errors.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';

const logger = createLogger({ component: 'double', level: 'info' });
try {
  await withLifetime('double', logger, async ({ signal, notify }) => {
    notify({ type: 'listening', address: 'here' });
    if (process.argv[2] === 'fails') throw new TypeError('no\nsuch thing');
    await delay(60_000, undefined, { signal });
  });
} catch (error) {
  process.exit(exitCodeOf(error));
}
