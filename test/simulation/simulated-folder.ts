/** A run's folder as a simulated coordinator has it: its terms are those of the simulation's disk. */
import type { RunFolder } from '../../coordinator/record/run-folder.ts';
import type { RunLock } from '../../src/run/lock/run-lock.ts';
import type { SimulatedRun } from './simulated-run.ts';
import type { SimulatedProcess } from './virtual-world.ts';

type Simulated = Pick<
  RunFolder,
  | 'path'
  | 'checkpoints'
  | 'staging'
  | 'isHeld'
  | 'event'
  | 'processStarted'
  | 'metrics'
  | 'lastSeenMs'
  | 'beginTerm'
  | 'writeUnreadable'
>;

/** @param lock what the process holds the folder by, once it does */
export function simulatedFolder(
  run: Pick<SimulatedRun, 'world' | 'disk' | 'count'>,
  process: SimulatedProcess,
  lock: () => RunLock,
): RunFolder {
  const { world, disk } = run;
  const folder: Simulated = {
    path: '/simulated',
    checkpoints: '/simulated/checkpoints',
    get staging() {
      return String(lock().term);
    },
    isHeld: () => lock().isHeld(),
    event: (event, reason) => {
      if (process.state === 'dead' || !lock().isHeld()) return;
      disk.terms.requireWriter(process.name, lock().term, `event ${event}`);
      run.count(event);
      world.log(`${event}: ${reason}`);
    },
    processStarted: ({ id }) => {
      world.log(`${id} has started`);
    },
    metrics: () => undefined,
    lastSeenMs: null,
    beginTerm: () => {
      const term = lock().beginTerm();
      disk.holdsRun = true;
      return term;
    },
    writeUnreadable: () => undefined,
  };
  return folder as RunFolder;
}
