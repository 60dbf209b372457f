/** A process's sessions with the coordinator, one after the other, until it is told to end. */
import { unavailable } from '../errors.ts';
import { pause } from '../process/pause.ts';

/** The coordinator's word: `stopped` with the run, or `refused`. */
export interface Told {
  readonly kind: 'stopped' | 'refused';
  readonly reason: string;
  /** What this process is to end with. */
  readonly exitCode: number;
}

/** How a session ended: by a word, or `broken` with the connection, or not begun yet. */
export type SessionEnd = Told | { readonly kind: 'broken'; readonly reason: string };

export interface Sessions {
  /**
   * Opens a session and stays in it until it ends.
   * @param heard to be called when the coordinator answers
   */
  readonly open: (heard: () => void) => Promise<SessionEnd>;
  /** A session has broken, and another one will be opened. */
  readonly onBroken: (reason: string) => void;
  readonly signal: AbortSignal;
  /** Left out: the machine's. */
  readonly clock?: { nowMs(): number; pause(ms: number, signal: AbortSignal): Promise<void> };
}

/** Time to find the coordinator, or find it again, before a process gives up [ms]. */
const CONNECT_MS = 60_000;
const RECONNECT_PAUSE_MS = 250;

const MACHINE = { nowMs: () => performance.now(), pause };

/**
 * @returns the coordinator's word; null when the signal ended this process
 * @throws TrainerError UNAVAILABLE when the coordinator stays away
 */
export async function keepSession(sessions: Sessions): Promise<Told | null> {
  const { open, onBroken, signal, clock = MACHINE } = sessions;
  /** Since when no coordinator has been heard; null: one has, in this session. */
  let cutOffMs: number | null = clock.nowMs();
  const heard = (): void => {
    cutOffMs = null;
  };
  for (;;) {
    const end = await open(heard);
    if (signal.aborted) return null;
    if (end.kind !== 'broken') return end;
    const nowMs = clock.nowMs();
    cutOffMs ??= nowMs;
    if (nowMs - cutOffMs > CONNECT_MS) {
      throw unavailable('no session with the coordinator for a minute', end.reason);
    }
    onBroken(end.reason);
    await clock.pause(RECONNECT_PAUSE_MS, signal);
  }
}
