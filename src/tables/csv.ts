/**
 * Comma-separated values as RFC 4180 has them, but for the ends of lines, which are those of
 * Unix; UTF-8, one header line. A value that is not known is an empty field.
 */

/** A field that is text: quoted where it must be. */
export function csvText(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A float32 in the fewest digits that give it back; empty for NaN. */
export function csvFloat(value: number): string {
  if (Number.isNaN(value)) return '';
  for (let digits = 6; digits < 9; digits += 1) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return String(shorter);
  }
  return String(Number(value.toPrecision(9)));
}

/** An index; empty where it is negative: there is none. */
export function csvIndex(value: number): string {
  return value < 0 ? '' : String(value);
}

/**
 * The fields of a line that {@link csvText} and its like have made, which has no end of line
 * within a field.
 */
export function csvFields(line: string): string[] {
  const fields = `,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g);
  return Array.from(fields, ([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare ?? '');
}
