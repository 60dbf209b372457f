/**
 * Images that cannot be read, or only in part (damaged): never fatal one by one; the run counts
 * them and stops past a fraction it was given, one for each kind.
 */
import { messageOf } from '../../errors.ts';

export interface UnreadableImage {
  readonly id: number;
  /** Relative to the source's root, in the form for people (`shownPath`). */
  readonly path: string;
  /** One line for a person; names no absolute path, so that workers agree on it. */
  readonly reason: string;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'a folder, not a file',
  ELOOP: 'symbolic links in a circle',
  EIO: 'input/output error',
  ESTALE: 'stale file handle',
  ENOTCONN: 'the share is not connected',
  ENODEV: 'no such device',
  EHOSTDOWN: 'the host of the share is down',
  ETIMEDOUT: 'the share does not answer',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
};

/**
 * Reasons that lie with the file system and not with the image: the same file may well be read
 * later.
 */
const ABSENT: ReadonlySet<string> = new Set(
  Object.entries(REASONS).flatMap(([code, reason]) =>
    code === 'EISDIR' || code === 'ELOOP' ? [] : [reason],
  ),
);

const CHANGED = 'changed since the run began';

/** The reason for a file of another size than the source found [bytes]. */
export function changeOf(bytes: number, before: number): string {
  return `${CHANGED}: ${bytes} bytes, ${before} before`;
}

/**
 * Whether an image could not be read because the file that the source found was not there to be
 * read.
 */
export function isAbsence(reason: string): boolean {
  return ABSENT.has(reason) || reason.startsWith(CHANGED);
}

/** Why reading or decoding failed, on one line. */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return (code === undefined ? undefined : REASONS[code]) ?? messageOf(error);
}
