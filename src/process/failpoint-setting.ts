/**
 * Failpoints of a real process, from its environment, for tests of a whole run:
 * `FAILPOINT=server.afterApply:step=7,part=1` lets the process that reaches that place first be
 * killed there, by its own hand. `FAILPOINT_ACTION` may be `stop` (until someone continues it) or
 * `exit`; `FAILPOINT_DONE` names a file that says that it has happened, so that its successor lives
 * on.
 */
import { closeSync, openSync } from 'node:fs';
import { configInvalid } from '../errors.ts';
import { armFailpoints, type FailpointFacts } from './failpoints.ts';

/** @throws TrainerError CONFIG_INVALID for a setting of another form */
export function armFailpointsFrom(env: Readonly<Record<string, string | undefined>>): void {
  const { FAILPOINT: setting, FAILPOINT_ACTION: action = 'kill', FAILPOINT_DONE: done } = env;
  if (setting === undefined) return;
  const { name, facts } = parse(setting);
  const act = ACTIONS[action];
  if (act === undefined || done === undefined) {
    const rule = 'needs FAILPOINT_DONE, a file, and FAILPOINT_ACTION kill, stop or exit';
    throw configInvalid('FAILPOINT', rule, setting);
  }
  armFailpoints((reached, where) => {
    const isThere = Object.entries(facts).every(([fact, value]) => where[fact] === value);
    if (reached === name && isThere && isFirst(done)) act();
  });
}

const ACTIONS: Readonly<Record<string, (() => void) | undefined>> = {
  kill: () => process.kill(process.pid, 'SIGKILL'),
  stop: () => process.kill(process.pid, 'SIGSTOP'),
  exit: () => process.exit(1),
};

function parse(setting: string): { name: string; facts: FailpointFacts } {
  const [name = '', list] = setting.split(':');
  const facts: Record<string, number> = {};
  let isSound = /^\w+\.\w+$/.test(name);
  for (const pair of list?.split(',') ?? []) {
    const [, fact = '', value] = /^(\w+)=(\d+)$/.exec(pair) ?? [];
    isSound &&= fact !== '';
    facts[fact] = Number(value);
  }
  if (!isSound) throw configInvalid('FAILPOINT', 'must be NAME or NAME:FACT=N,…', setting);
  return { name, facts };
}

/** One process makes the file; others, and its own successor, find it there. */
function isFirst(file: string): boolean {
  try {
    closeSync(openSync(file, 'wx'));
    return true;
  } catch {
    return false;
  }
}
