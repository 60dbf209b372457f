/** Writes that fail because the disk has no room: they may succeed later. */

/** Whether a write failed for want of room, or of quota. */
export function isDiskFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
