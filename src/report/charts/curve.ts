/**
 * Long curves made fit for a page: fewer points with the extremes kept, and a moving average that
 * respects epochs.
 */

export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * Thins a curve out to at most `limit` points: the first, the last, and the lowest and highest of
 * every stretch between, in order. So no spike is lost. Values that are not finite are left out.
 * @param values y by index, which is x
 * @param limit at least 4
 */
export function thinOut(values: ArrayLike<number>, limit: number): Point[] {
  if (values.length <= limit) return pointsOf(values, 0, values.length);
  const stretches = Math.floor((limit - 2) / 2);
  const inner = values.length - 2;
  const points = pointsOf(values, 0, 1);
  for (let i = 0; i < stretches; i += 1) {
    const begin = 1 + Math.floor((i * inner) / stretches);
    const end = 1 + Math.floor(((i + 1) * inner) / stretches);
    points.push(...extremesOf(values, begin, end));
  }
  return [...points, ...pointsOf(values, values.length - 1, values.length)];
}

function pointsOf(values: ArrayLike<number>, begin: number, end: number): Point[] {
  const points: Point[] = [];
  for (let x = begin; x < end; x += 1) {
    const y = values[x]!;
    if (Number.isFinite(y)) points.push({ x, y });
  }
  return points;
}

/**
 * The lowest and the highest of a stretch in order; one point where they are the same, none where
 * nothing is finite.
 */
function extremesOf(values: ArrayLike<number>, begin: number, end: number): Point[] {
  let lowest: Point | null = null;
  let highest: Point | null = null;
  for (let x = begin; x < end; x += 1) {
    const y = values[x]!;
    if (!Number.isFinite(y)) continue;
    if (lowest === null || y < lowest.y) lowest = { x, y };
    if (highest === null || y > highest.y) highest = { x, y };
  }
  if (lowest === null || highest === null) return [];
  if (lowest.x === highest.x) return [lowest];
  return lowest.x < highest.x ? [lowest, highest] : [highest, lowest];
}

/**
 * Mean of the finite values within `radius` of each index, not reaching over a border; NaN where
 * there are none.
 * @param borders indices at which a new stretch begins, ascending
 */
export function movingMean(
  values: ArrayLike<number>,
  radius: number,
  borders: readonly number[] = [],
): Float64Array {
  const means = new Float64Array(values.length);
  const starts = [0, ...borders.filter((at) => at > 0 && at < values.length), values.length];
  for (let stretch = 0; stretch + 1 < starts.length; stretch += 1) {
    const begin = starts[stretch]!;
    const end = starts[stretch + 1]!;
    const { sums, counts } = runningSums(values, begin, end);
    for (let x = begin; x < end; x += 1) {
      const from = Math.max(begin, x - radius) - begin;
      const to = Math.min(end, x + radius + 1) - begin;
      means[x] = (sums[to]! - sums[from]!) / (counts[to]! - counts[from]!);
    }
  }
  return means;
}

/**
 * Sum and number of the finite values in front of each index from `begin` to `end`, both included.
 */
function runningSums(
  values: ArrayLike<number>,
  begin: number,
  end: number,
): { sums: Float64Array; counts: Float64Array } {
  const sums = new Float64Array(end - begin + 1);
  const counts = new Float64Array(end - begin + 1);
  for (let x = begin; x < end; x += 1) {
    const isFinite = Number.isFinite(values[x]!);
    sums[x - begin + 1] = sums[x - begin]! + (isFinite ? values[x]! : 0);
    counts[x - begin + 1] = counts[x - begin]! + (isFinite ? 1 : 0);
  }
  return { sums, counts };
}

/** Mean of the finite values of a stretch; NaN where there are none. */
export function meanBetween(values: ArrayLike<number>, begin: number, end: number): number {
  const { sums, counts } = runningSums(
    values,
    begin,
    Math.max(begin, Math.min(end, values.length)),
  );
  return sums.at(-1)! / counts.at(-1)!;
}
