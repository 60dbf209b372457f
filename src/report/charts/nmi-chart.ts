/**
 * How the clusterings of the epochs agree: each with the one before it, and with the classes of the
 * folders.
 */
import { tightAxis, type Axis } from './axis.ts';
import { chartFigure, dots, hotColumn, line, type LegendEntry } from './chart.ts';
import type { Point } from './curve.ts';
import type { Markup } from '../markup.ts';
import { formatCount, formatFixed } from '../number-format.ts';
import type { ReportData, ReportEpoch } from '../report-data.ts';
import type { RunSummary } from '../summary.ts';

/** More dots would run together. */
const MAX_DOTS = 40;

/** What the chart is of. */
export interface AgreementCurve extends Pick<ReportData, 'epochs'> {
  readonly summary: { readonly nmi: Pick<RunSummary['nmi'], 'toTruth'> };
}

/** Null where no epoch has anything to be compared with. */
export function nmiChart({ epochs, summary }: AgreementCurve): Markup | null {
  const hasTruth = summary.nmi.toTruth !== null;
  const x = epochAxis(epochs.length);
  const y = tightAxis(0, 1);
  const toPrevious = pointsOf(epochs, ({ nmiToPrevious }) => nmiToPrevious);
  const toTruth = hasTruth ? pointsOf(epochs, ({ nmiToTruth }) => nmiToTruth) : [];
  if (toPrevious.length + toTruth.length === 0) return null;
  const legend: LegendEntry[] = [{ look: 'first', text: 'with the previous epoch' }];
  if (hasTruth) legend.push({ look: 'second', text: 'with the classes' });
  return chartFigure({
    title: 'Agreement of clusterings',
    description: `Normalised mutual information by epoch. With the previous epoch: ${course(toPrevious)}.${hasTruth ? ` With the classes: ${course(toTruth)}.` : ''}`,
    x,
    y,
    xName: 'epoch',
    yName: 'NMI',
    layers: [
      ...curve(toPrevious, x, y, 'first'),
      ...curve(toTruth, x, y, 'second'),
      ...epochs.map((epoch, i) => column(epoch, i + 1, x, hasTruth)),
    ],
    legend,
  });
}

/** From the first to the last epoch; a single one stands in the middle. */
function epochAxis(count: number): Axis {
  return count === 1
    ? tightAxis(0.5, 1.5, { isWhole: true })
    : tightAxis(1, count, { isWhole: true });
}

function pointsOf(
  epochs: readonly ReportEpoch[],
  valueOf: (epoch: ReportEpoch) => number | null,
): Point[] {
  return epochs.flatMap((epoch, i) => {
    const y = valueOf(epoch);
    return y !== null && Number.isFinite(y) ? [{ x: i + 1, y }] : [];
  });
}

function curve(points: readonly Point[], x: Axis, y: Axis, look: string): Markup[] {
  const marks = points.length <= MAX_DOTS ? dots(points, x, y, look) : null;
  return [line(points, x, y, look), marks].filter((layer) => layer !== null);
}

function column(epoch: ReportEpoch, at: number, x: Axis, hasTruth: boolean): Markup {
  const previous = `NMI ${formatFixed(epoch.nmiToPrevious, 3)} with the previous epoch`;
  const truth = hasTruth ? `, ${formatFixed(epoch.nmiToTruth, 3)} with the classes` : '';
  const [from, to] = [Math.max(x.low, at - 0.5), Math.min(x.high, at + 0.5)];
  return hotColumn(x, from, to, `Epoch ${formatCount(at)}: ${previous}${truth}`);
}

function course(points: readonly Point[]): string {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return 'none yet';
  return `from ${formatFixed(first.y, 3)} to ${formatFixed(last.y, 3)}`;
}
