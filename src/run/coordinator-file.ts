/**
 * `coordinator.json` of a run's folder: where the coordinator that has the folder answers, so that
 * `deepcluster status` finds it. Whether it still lives the folder's lock tells (src/run/lock).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const COORDINATOR_FILE = 'coordinator.json';

export interface CoordinatorPlace {
  /** `host:port` where it listens. */
  readonly address: string;
  /** The machine that this holds on. */
  readonly host: string;
  /** It answers those with credentials alone. */
  readonly isSecure: boolean;
}

/** Null where there is none, or none that can be read. */
export function readCoordinatorPlace(folder: string): CoordinatorPlace | null {
  try {
    const saved = JSON.parse(readFileSync(join(folder, COORDINATOR_FILE), 'utf8')) as unknown;
    if (typeof saved !== 'object' || saved === null) return null;
    const { address, host, isSecure } = saved as Partial<CoordinatorPlace>;
    if (typeof address !== 'string' || typeof host !== 'string') return null;
    return { address, host, isSecure: isSecure === true };
  } catch {
    return null;
  }
}
