/** Which process holds a run's folder, and whether it has ended: from /proc where there is one. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Holder, ProcessLife } from './run-lock.ts';

/** This process as a holder, from now on. */
export function ownHolder(incarnation: string, nowMs: number): Holder {
  const { pid } = process;
  const since = new Date(nowMs).toISOString();
  // A launcher has a channel to its processes.
  const launcher = process.send === undefined ? null : process.ppid;
  return { incarnation, host: hostname(), pid, launcher, life: lifeOf('self'), since };
}

/** @returns null for what is no holder */
export function holderFrom(saved: unknown): Holder | null {
  if (typeof saved !== 'object' || saved === null) return null;
  const { incarnation, host, pid, launcher, life, since } = saved as Partial<Holder>;
  const isWhole =
    typeof incarnation === 'string' &&
    typeof host === 'string' &&
    Number.isSafeInteger(pid) &&
    typeof since === 'string';
  if (!isWhole) return null;
  return {
    ...{ incarnation, host, pid: pid!, since },
    launcher: Number.isSafeInteger(launcher) ? launcher! : null,
    life: isLife(life) ? life : null,
  };
}

/**
 * Whether a process has certainly ended. Of one on another machine, or behind another namespace of
 * process numbers (another container), nothing is known here; nor on a system that does not tell,
 * if the number is in use.
 */
export function hasEnded({ host, pid, life }: Holder): boolean {
  if (host !== hostname()) return false;
  const own = lifeOf('self');
  if (life === null || own === null) return life === null && own === null && !isInUse(pid);
  if (life.boot !== own.boot || life.namespace !== own.namespace) return false;
  const now = lifeOf(pid);
  return now === null ? !isInUse(pid) : now.startTicks !== life.startTicks;
}

/** Null where the system has no such process, or does not tell. */
function lifeOf(pid: number | 'self'): ProcessLife | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // Of this process: another one's is not everybody's to read, and here numbers are looked up in
    // our own.
    const namespace = readlinkSync('/proc/self/ns/pid');
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The program's name, in brackets, may have brackets and spaces of its own; the 22nd field is
    // the start.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[19]];
    // A zombie writes nothing any more.
    if (startTicks === undefined || state === 'Z' || state === 'X') return null;
    return { boot, namespace, startTicks };
  } catch {
    return null;
  }
}

/**
 * Whether a process has this number; one that is not ours to signal counts. A zombie counts as
 * none.
 */
function isInUse(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]$/.test(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '');
  } catch {
    return true;
  }
}

function isLife(life: unknown): life is ProcessLife {
  if (typeof life !== 'object' || life === null) return false;
  const { boot, namespace, startTicks } = life as Partial<ProcessLife>;
  return [boot, namespace, startTicks].every((part) => typeof part === 'string');
}
