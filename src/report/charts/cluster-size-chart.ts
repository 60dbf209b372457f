/**
 * Sizes of the clusters, largest first: bars where they can be told apart, else the outline of all
 * of them.
 */
import { roundAxis, tightAxis, type Axis } from './axis.ts';
import { chartFigure, horizontalLine, hotColumn, lineNote, PLOT_SIDE, xOf, yOf } from './chart.ts';
import { markup, type Markup } from '../markup.ts';
import { formatCount, formatFigure, formatFixed, formatNoun } from '../number-format.ts';
import type { ReportData } from '../report-data.ts';

const MAX_BARS = 128;
const MAX_COLUMNS = 150;

export function clusterSizeChart({ clusterSizes, summary }: ReportData): Markup | null {
  const sizes = Float64Array.from(clusterSizes).sort().reverse();
  const largest = sizes[0];
  if (largest === undefined) return null;
  const mean = sizes.reduce((total, size) => total + size, 0) / sizes.length;
  const x = tightAxis(0, sizes.length, { isWhole: true });
  const y = roundAxis(0, Math.max(1, largest), { isWhole: true });
  const shape = sizes.length <= MAX_BARS ? bars(sizes, x, y) : outline(sizes, x, y);
  return chartFigure({
    title: 'Cluster sizes',
    description: `Images in each of ${formatCount(sizes.length)} clusters, largest first: from ${formatCount(largest)} to ${formatCount(sizes.at(-1))}, ${formatFigure(mean)} on average; ${formatCount(summary.clusters.empty)} empty.`,
    x,
    y,
    xName: 'clusters, largest first',
    yName: 'images',
    layers: [shape, horizontalLine(y, mean, 'reference'), ...hotColumns(sizes, x)],
    notes: [lineNote(y, mean, `uniform: ${formatFigure(mean)}`)],
    legend: [
      { look: 'bar', text: formatNoun(sizes.length, 'cluster') },
      { look: 'reference', text: 'all of one size' },
      {
        look: 'none',
        text: `entropy ${formatFixed(summary.clusters.entropy, 3)} of ln k, ${formatCount(summary.clusters.empty)} empty`,
      },
    ],
  });
}

function bars(sizes: Float64Array, x: Axis, y: Axis): Markup {
  const width = 0.8 * xOf(x, 1);
  const rects = [...sizes].map((size, i) => {
    const top = yOf(y, size);
    return markup`<rect x="${xOf(x, i + 0.1)}" y="${top}" width="${width}" height="${PLOT_SIDE - top}"/>`;
  });
  return markup`<g class="bar">${rects}</g>`;
}

/**
 * One corner where the size changes: at most about the square root of twice the images, whatever k
 * is.
 */
function outline(sizes: Float64Array, x: Axis, y: Axis): Markup {
  const changes = [...sizes.keys()].filter((i) => i > 0 && sizes[i] !== sizes[i - 1]);
  const corners = changes.map((i) => `H${rounded(xOf(x, i))}V${rounded(yOf(y, sizes[i]!))}`);
  const top = `M0 ${rounded(yOf(y, sizes[0]!))}${corners.join('')}H${PLOT_SIDE}`;
  return markup`<path class="bar" d="${top}V${PLOT_SIDE}H0Z"/>`;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

function hotColumns(sizes: Float64Array, x: Axis): readonly Markup[] {
  const count = Math.min(sizes.length, MAX_COLUMNS);
  return Array.from({ length: count }, (_, i) => {
    const begin = Math.floor((i * sizes.length) / count);
    const end = Math.floor(((i + 1) * sizes.length) / count);
    return hotColumn(x, begin, end, sizeText(sizes, begin, end));
  });
}

function sizeText(sizes: Float64Array, begin: number, end: number): string {
  if (end - begin === 1) {
    return `Rank ${formatCount(begin + 1)}: ${formatNoun(sizes[begin], 'image')}`;
  }
  const ranks = `Ranks ${formatCount(begin + 1)} to ${formatCount(end)}`;
  return `${ranks}: ${formatCount(sizes[begin])} to ${formatCount(sizes[end - 1])} images each`;
}
