/** CPU time of a process with all that it has started, as Linux counts it. */
import { readFileSync, readdirSync } from 'node:fs';

/** Of /proc: USER_HZ, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface ProcessTimes {
  readonly parent: number;
  /** Its own, and that of its children that have ended. */
  readonly ticks: number;
}

/** @returns seconds; null where the system does not tell, or the process has ended */
export function treeCpuSeconds(root: number): number | null {
  const all = processTimes();
  if (all?.has(root) !== true) return null;
  const isOfTree = (pid: number): boolean => {
    for (let at = pid; at > 0; at = all.get(at)?.parent ?? 0) if (at === root) return true;
    return false;
  };
  const own = [...all].filter(([pid]) => isOfTree(pid));
  return own.reduce((total, [, { ticks }]) => total + ticks, 0) / TICKS_PER_SECOND;
}

/** By process id; null where there is no /proc. */
function processTimes(): Map<number, ProcessTimes> | null {
  const times = new Map<number, ProcessTimes>();
  try {
    for (const name of readdirSync('/proc')) {
      const parsed = /^\d+$/.test(name) ? timesOf(name) : null;
      if (parsed !== null) times.set(Number(name), parsed);
    }
  } catch {
    return null;
  }
  return times.size === 0 ? null : times;
}

function timesOf(pid: string): ProcessTimes | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return null; // it has just ended
  }
}

/** @param stat the line of /proc/PID/stat @returns null for another line */
export function parseStat(stat: string): ProcessTimes | null {
  // The name, in parentheses, may hold anything; the state and the parent follow it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Fields 14 to 17 of the line: user and system time, and those of children that have ended.
  const ticks = fields.slice(11, 15).map(Number);
  const parent = Number(fields[1]);
  if (ticks.length < 4 || ![parent, ...ticks].every(Number.isFinite)) return null;
  return { parent, ticks: ticks.reduce((total, count) => total + count, 0) };
}
