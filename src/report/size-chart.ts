/** Sizes of the clusters, largest first, against what equal clusters would hold. */
import { roundAxis, tightAxis, type Axis } from './axis.ts';
import { area, chartFigure, horizontalLine, hotColumn, lineNote, xOf, yOf } from './chart.ts';
import { thinOut, type Point } from './curve.ts';
import { markup, type Markup } from './markup.ts';
import { formatCompact, formatCount, formatFigure, formatNoun } from './number-format.ts';

/** Up to this many clusters each has a bar of its own. */
const BARS = 160;
const STEPS = 500;
const COLUMNS = 100;

interface SizedCluster {
  readonly cluster: number;
  readonly size: number;
}

export function sizeChart(sizes: ArrayLike<number>): Markup {
  const sorted = largestFirst(sizes);
  const k = sorted.length;
  const total = sorted.reduce((sum, { size }) => sum + size, 0);
  if (total === 0) return markup`<p class="empty">No image has been assigned yet.</p>`;
  const uniform = total / k;
  const x: Axis = { ...tightAxis(0, k, { intervals: 6, isWhole: true }) };
  const y = roundAxis(0, Math.max(uniform, sorted[0]!.size), { isWhole: true });
  const isSingle = k <= BARS;
  const middle = sorted[Math.floor(k / 2)]!.size;
  return chartFigure({
    title: 'Cluster sizes',
    description: `${formatNoun(k, 'cluster')}, largest first: from ${formatNoun(sorted[0]!.size, 'image')} down to ${formatCount(sorted.at(-1)!.size)}, median ${formatCount(middle)}; equal clusters would hold ${formatFigure(uniform)}.`,
    x,
    y,
    xName: 'clusters, largest first',
    yName: 'images',
    legend: [
      { look: 'first', text: isSingle ? 'a cluster' : 'clusters' },
      { look: 'reference', text: 'all equal' },
    ],
    layers: [
      isSingle ? markup`${bars(sorted, x, y)}` : markup`${area(outline(sorted), x, y, 'first')}`,
      horizontalLine(y, uniform, 'reference'),
      markup`${columns(sorted, x)}`,
    ],
    notes: [lineNote(y, uniform, `all equal: ${formatCompact(Number(uniform.toPrecision(3)))}`)],
  });
}

function largestFirst(sizes: ArrayLike<number>): SizedCluster[] {
  return Array.from(sizes, (size, cluster) => ({ cluster, size }))
    .filter(({ size }) => Number.isFinite(size))
    .sort((a, b) => b.size - a.size || a.cluster - b.cluster);
}

function bars(sorted: readonly SizedCluster[], x: Axis, y: Axis): Markup[] {
  const width = xOf(x, 1) - xOf(x, 0);
  const gap = sorted.length > 80 ? 0.12 : 0.2;
  return sorted.map(({ size }, rank) => {
    const top = yOf(y, size);
    return markup`<rect class="bar" x="${xOf(x, rank) + (gap / 2) * width}" y="${top}" width="${(1 - gap) * width}" height="${yOf(y, 0) - top}"/>`;
  });
}

/** A stair: each kept rank holds its size over its whole width, up to the next. */
function outline(sorted: readonly SizedCluster[]): Point[] {
  const kept = thinOut(
    sorted.map(({ size }) => size),
    STEPS,
  );
  return kept.flatMap(({ x, y }, i) => [
    { x, y },
    { x: kept[i + 1]?.x ?? sorted.length, y },
  ]);
}

function columns(sorted: readonly SizedCluster[], x: Axis): Markup[] {
  const isSingle = sorted.length <= BARS;
  const count = isSingle ? sorted.length : COLUMNS;
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * sorted.length) / count);
    const to = Math.floor(((i + 1) * sorted.length) / count);
    const largest = sorted[from]!;
    const text = isSingle
      ? `cluster ${largest.cluster}: ${formatNoun(largest.size, 'image')}`
      : `ranks ${formatCount(from + 1)}–${formatCount(to)}: ${formatCount(sorted[to - 1]!.size)} to ${formatNoun(largest.size, 'image')}`;
    return hotColumn(x, from, to, text);
  });
}
