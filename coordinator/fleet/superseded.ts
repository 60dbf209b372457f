/**
 * Of two processes of one name, or of one part, the newest counts. The earlier one is refused from
 * then on, or they would take turns for ever and neither get to work.
 */

/** Replaced processes that are remembered: far more than can still be about. */
const MOST_REMEMBERED = 1_000;

/** @returns what is remembered with one more; the oldest is forgotten where it grows too large */
export function remember(superseded: ReadonlySet<string>, incarnation: string): Set<string> {
  const more = new Set(superseded).add(incarnation);
  if (more.size <= MOST_REMEMBERED) return more;
  const [oldest] = more;
  if (oldest !== undefined) more.delete(oldest);
  return more;
}

/**
 * Who has the name when a process comes: it is refused where another took its place, and takes the
 * place of the one that has it.
 */
export function claimPlace(
  superseded: ReadonlySet<string>,
  holder: string | null,
  incarnation: string,
): 'free' | 'own' | 'taken' | 'refused' {
  if (superseded.has(incarnation)) return 'refused';
  if (holder === null) return 'free';
  return holder === incarnation ? 'own' : 'taken';
}
