/** What went wrong in a run that went on, counted from its events. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { SurvivedFault } from '../../report/report-data.ts';

/** Events of trouble, and what they mean. */
const MEANINGS: Readonly<Record<string, string>> = {
  'worker.lost': 'a worker died, hung or was cut off; others took its work',
  'server.lost': 'a parameter server was lost; all went back to the newest checkpoint',
  'server.leaving': 'a parameter server was asked to end, and did after a checkpoint',
  'term.ended': 'the servers or the coordinator began again from a checkpoint',
  'run.resumed': 'the run went on from a checkpoint',
  'run.paused': 'too few workers were there, so the run waited',
  'run.waiting': 'parameter servers were missing, so the run waited',
  'lease.expired': 'a worker made no progress in time; its work went to another',
  'push.fenced': 'a late push of an earlier lease was refused',
  'push.duplicate': 'a push came twice and counted once',
  'slices.missing': 'a step was computed again, because a server had lost slices',
  'checkpoint.failed': 'a checkpoint could not be written',
  'checkpoint.refused': 'a damaged checkpoint was passed over',
  'checkpoint.set-aside': 'a checkpoint with unsound numbers was set aside',
  'clusters.collapsed': 'the clusters had collapsed',
  'clusters.recovered': 'the clusters were sound again',
  'clusters.not-final': 'the final parameters told no images apart',
  'disk.full': 'the disk was full, so the run waited',
  'images.missing': 'images were gone, so the run waited for them',
  'folder.taken-over': 'another process had the folder, and lost it',
};

/**
 * Most frequent first. Lines that are no JSON, such as a torn last one, are passed over; a file
 * that is not there has none.
 */
export async function survivedFaults(eventsFile: string): Promise<SurvivedFault[]> {
  const found = new Map<string, { count: number; lastReason: string }>();
  const known = new RegExp(`"event":"(?:${Object.keys(MEANINGS).join('|')})"`);
  try {
    const lines = createInterface({ input: createReadStream(eventsFile), crlfDelay: Infinity });
    for await (const line of lines) {
      if (known.test(line)) note(line, found);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return [...found]
    .map(([event, seen]) => ({ event, meaning: MEANINGS[event] ?? '', ...seen }))
    .sort((a, b) => b.count - a.count || (a.event < b.event ? -1 : 1));
}

function note(line: string, found: Map<string, { count: number; lastReason: string }>): void {
  try {
    const { event, reason } = JSON.parse(line) as { event?: unknown; reason?: unknown };
    if (typeof event !== 'string' || !Object.hasOwn(MEANINGS, event)) return;
    const seen = found.get(event) ?? { count: 0, lastReason: '' };
    found.set(event, {
      count: seen.count + 1,
      lastReason: typeof reason === 'string' ? reason : '',
    });
  } catch {
    // Torn by a crash.
  }
}
