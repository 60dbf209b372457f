/** What this process has used so far, as the system counts it; null where it does not tell. */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** CPU of all threads of this process [s]. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/**
 * Peak of resident memory [bytes]. From /proc where there is one: what getrusage tells, a process
 * inherits from the one that started it.
 */
export function peakBytes(): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readProcess('status') ?? '')?.[1];
  return 1024 * (kilobytes === undefined ? process.resourceUsage().maxRSS : Number(kilobytes));
}

/**
 * Bytes that went through read and write calls, sockets included, messages between a process and
 * its parent not.
 */
export function transferredBytes(): number | null {
  const counts = /^rchar: (\d+)\nwchar: (\d+)$/m.exec(readProcess('io') ?? '');
  return counts === null ? null : Number(counts[1]) + Number(counts[2]);
}

function readProcess(name: string): string | null {
  try {
    return readFileSync(`/proc/self/${name}`, 'utf8');
  } catch {
    return null;
  }
}

/** Longest times for which the event loop of this thread did nothing else. */
export class LoopWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: 1 });

  /** Watches from now on. */
  begin(): void {
    this.#delay.reset();
    this.#delay.enable();
  }

  /** Watches no more. @returns the longest block since the begin [ms] */
  end(): number {
    this.#delay.disable();
    return this.#delay.max / 1e6;
  }
}
