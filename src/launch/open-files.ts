/**
 * Whether the system lets a run of many processes open the files that they take: found at the
 * start, not at some connection.
 */
import { TrainerError } from '../errors.ts';

/** Files that a process of a run has open by itself: its program, its logs, its images. */
const OF_ONE = 64;
/** Of a launcher or a coordinator for each other process: pipes and a log, or connections. */
const FOR_EACH_OTHER = 8;

/**
 * @param limit files that this process may have open; null: not known
 * @param processes of the run, this one left out
 * @throws TrainerError CONFIG_INVALID when they are too few
 */
export function requireOpenFiles(limit: number | null, processes: number): void {
  const needed = OF_ONE + FOR_EACH_OTHER * processes;
  if (limit === null || limit >= needed) return;
  const what = `a run of ${processes} workers and servers needs up to ${needed} open files at a time`;
  const remedy = `start fewer (--workers), or start it where ulimit -Hn says ${needed} or more: nofile in /etc/security/limits.conf, LimitNOFILE= of systemd, --ulimit of a container`;
  throw new TrainerError('CONFIG_INVALID', `${what}, ${limit} are allowed; ${remedy}`, {
    limit,
    needed,
  });
}
