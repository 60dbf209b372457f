/**
 * Images that cannot be read, or only in part (damaged): never fatal one by one; the run counts them and stops past a fraction
 * it was given, one for each kind.
 */
import { messageOf } from '../errors.ts';

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
};

/** Why reading or decoding failed, on one line. */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return (code === undefined ? undefined : REASONS[code]) ?? messageOf(error);
}
