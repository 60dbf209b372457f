/** Real code reads the world's clock and hits its failpoints for as long as a simulated run lasts. */
import { setMaxListeners } from 'node:events';
import { armFailpoints, type FailpointName } from '../../src/process/failpoints.ts';
import { STILL, anyOf } from './signals.ts';
import { ProcessDied, type World } from './virtual-world.ts';

/** As Node has it: more listeners are warned of. */
const LISTENERS = 10;

/** @returns what puts everything back */
export function takeOver(world: World): () => void {
  const originals = {
    timeout: Object.getOwnPropertyDescriptor(AbortSignal, 'timeout')!,
    any: Object.getOwnPropertyDescriptor(AbortSignal, 'any')!,
  };
  const { stackTraceLimit } = Error;
  // Refusals are daily bread here, and their stacks cost more than all the rest.
  if (!world.isTraced) Error.stackTraceLimit = 0;
  Object.defineProperty(performance, 'now', { value: () => world.nowMs, configurable: true });
  // No call of the simulation takes as long as the real code waits for one.
  AbortSignal.timeout = () => STILL;
  AbortSignal.any = anyOf;
  setMaxListeners(0);
  armFailpoints((name: FailpointName, facts) => {
    world.hit(name, facts);
  });
  const onRejection = (error: unknown): void => {
    if (!(error instanceof ProcessDied)) world.violate(`nobody handled ${String(error)}`);
  };
  process.on('unhandledRejection', onRejection);
  return () => {
    process.off('unhandledRejection', onRejection);
    armFailpoints(null);
    Error.stackTraceLimit = stackTraceLimit;
    Object.defineProperties(AbortSignal, originals);
    setMaxListeners(LISTENERS);
    Reflect.deleteProperty(performance, 'now');
  };
}
