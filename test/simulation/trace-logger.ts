/** The log of simulated processes: lines of the trace. */
import type { Logger } from '../../src/telemetry/logger.ts';
import type { World } from './virtual-world.ts';

export function traceLogger(world: World): Logger {
  const say = (event: string, fields?: object): void => {
    if (world.isTraced) world.log(`${event} ${JSON.stringify(fields ?? {})}`);
  };
  const logger: Logger = {
    child: () => logger,
    debug: () => undefined,
    info: say,
    warn: say,
    error: say,
    close: () => Promise.resolve(),
  };
  return logger;
}
