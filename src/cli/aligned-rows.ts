/** Rows of a table as lines, their cells below each other. */

/** @param left columns of text; the others are figures, and stand to the right */
export function alignedRows(
  rows: readonly (readonly string[])[],
  left: readonly number[],
): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]!.length)),
  );
  return rows.map((cells) =>
    cells
      .map((cell, i) => (left.includes(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
