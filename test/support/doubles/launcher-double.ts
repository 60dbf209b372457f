/** A launcher in a process of its own, to be killed: its arguments are the command lines of coordinator and worker as JSON. */
import { superviseRun } from '../../../src/launch/launcher.ts';

const [coordinator = '', worker = '', logs = ''] = process.argv.slice(2);
const never = new AbortController().signal;
const ignore = (): void => undefined;

await superviseRun(
  {
    coordinator: () => ({
      id: 'coordinator',
      command: JSON.parse(coordinator) as string[],
      env: process.env,
    }),
    others: () => [{ id: 'worker-0', command: JSON.parse(worker) as string[], env: process.env }],
    maxRestarts: 0,
    logs,
    remedy: () => 'none',
  },
  { onNotice: ignore, onLine: ignore, onRemark: ignore },
  { stop: never, kill: never },
);
