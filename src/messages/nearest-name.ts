/** The name someone most likely meant, for error messages. */

/** The nearest of `names` to a mistyped one, or undefined if none is near. */
export function nearestName(mistyped: string, names: Iterable<string>): string | undefined {
  const lastPart = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
  let nearest: string | undefined;
  let least = Math.max(2, Math.floor(mistyped.length / 4)) + 1;
  const sameLastPart: string[] = [];
  const sameInitials: string[] = [];
  for (const name of names) {
    // The lengths alone are that far apart: what is much longer than every name is not compared
    // with them.
    const isFar = Math.abs(name.length - mistyped.length) >= least;
    const distance = isFar ? Infinity : editDistance(mistyped.toLowerCase(), name.toLowerCase());
    if (distance < least) [nearest, least] = [name, distance];
    if (lastPart(name) === lastPart(mistyped)) sameLastPart.push(name);
    if (isAbbreviation(mistyped, name)) sameInitials.push(name);
  }
  const only = (found: readonly string[]): string | undefined =>
    found.length === 1 ? found[0] : undefined;
  return nearest ?? only(sameLastPart) ?? only(sameInitials);
}

/** `training.lr` of `training.learningRate`: the initials of its words, in the same section. */
function isAbbreviation(short: string, name: string): boolean {
  const at = name.lastIndexOf('.') + 1;
  const initials = name.slice(at).replaceAll(/(?<!^)[^A-Z]/g, '');
  return initials.length > 1 && short.toLowerCase() === name.slice(0, at) + initials.toLowerCase();
}

/**
 * Levenshtein: fewest insertions, deletions and replacements of characters that turn `a` into `b`.
 */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
