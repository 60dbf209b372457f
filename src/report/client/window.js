/** What of a long list or grid is on the screen, and where the keys lead. No document here. */

/**
 * Items whose rows are in sight, and some rows around them.
 * @param {{ scrollTop: number, height: number, rowHeight: number, columns: number, count: number }} view
 * @param {number} around rows above and below
 * @returns {{ begin: number, end: number }}
 */
export function visibleItems({ scrollTop, height, rowHeight, columns, count }, around) {
  const rows = Math.ceil(count / columns);
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - around);
  const last = Math.min(rows, Math.ceil((scrollTop + height) / rowHeight) + around);
  return { begin: Math.min(count, first * columns), end: Math.min(count, last * columns) };
}

/**
 * The item that a key leads to from another one; null for other keys.
 * @param {string} key as of a keyboard event
 * @param {number} index
 * @param {{ columns: number, count: number, page: number }} grid rows of a page
 */
export function movedBy(key, index, { columns, count, page }) {
  const steps = {
    ArrowDown: columns,
    ArrowUp: -columns,
    ArrowRight: 1,
    ArrowLeft: -1,
    PageDown: page * columns,
    PageUp: -page * columns,
  };
  if (key === 'Home') return 0;
  if (key === 'End') return count - 1;
  if (!Object.hasOwn(steps, key)) return null;
  const next = index + steps[/** @type {keyof typeof steps} */ (key)];
  // A row that is not there: stay, unless it is a page that is too far.
  if (key.startsWith('Arrow') && (next < 0 || next >= count)) return index;
  return Math.max(0, Math.min(count - 1, next));
}

/**
 * Where a list must be scrolled to, so that a row is wholly in sight.
 * @param {number} row
 * @param {{ scrollTop: number, height: number, rowHeight: number }} view
 */
export function scrolledTo(row, { scrollTop, height, rowHeight }) {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  return Math.max(scrollTop, top + rowHeight - height);
}
