/** The loss of every step: raw, smoothed within each epoch, and what guessing among k clusters would cost. */
import { roundAxis, roundStep, tightAxis, type Axis } from './axis.ts';
import { chartFigure, horizontalLine, hotColumn, line, lineNote, verticalLine } from './chart.ts';
import { meanBetween, movingMean, thinOut, type Point } from './curve.ts';
import { markup, type Markup } from './markup.ts';
import { formatCount, formatFixed } from './number-format.ts';
import type { ReportData, ReportEpoch } from './report-data.ts';

/** Points of a curve at most. */
export const CURVE_POINTS = 2000;

/** Above this many epochs the fall within each cannot be seen, and smoothing goes across. */
const EPOCHS_SEEN_APART = 60;
const EPOCH_LINES = 24;
const COLUMNS = 120;

export function lossChart(data: ReportData): Markup {
  const { lossByStep, epochs } = data;
  const { k } = data.summary.clusters;
  const raw = thinOut(lossByStep, CURVE_POINTS);
  if (raw.length === 0) return markup`<p class="empty">No step has been committed yet.</p>`;
  const smooth = thinOut(smoothed(lossByStep, epochs), CURVE_POINTS);
  const chance = Math.log(k);
  const x = tightAxis(0, Math.max(1, lossByStep.length - 1), { intervals: 8, isWhole: true });
  const y = roundAxis(lowest(raw, chance), highest(raw, chance));
  const description =
    `Loss by step: ${formatCount(lossByStep.length)} steps, from ${formatFixed(smooth[0]?.y, 3)} ` +
    `to ${formatFixed(smooth.at(-1)?.y, 3)}, smoothed; guessing among k clusters costs ${formatFixed(chance, 3)}.`;
  return chartFigure({
    title: 'Loss',
    description,
    x,
    y,
    xName: 'step',
    yName: 'cross-entropy of the pseudo-labels',
    legend: [
      { look: 'raw', text: 'each step' },
      { look: 'first', text: 'moving mean' },
      { look: 'reference', text: 'guessing' },
    ],
    layers: [
      markup`${epochBorders(epochs).map((step) => verticalLine(x, step, 'border'))}`,
      horizontalLine(y, chance, 'reference'),
      markup`${line(raw, x, y, 'raw')}${line(smooth, x, y, 'first')}`,
      markup`${columns(data, x)}`,
    ],
    notes: [lineNote(y, chance, `ln ${formatCount(k)} = ${formatFixed(chance, 2)}`)],
  });
}

/** A head made anew lets the loss jump at each epoch; a mean over that jump would show a slope that nothing has. */
function smoothed(losses: ArrayLike<number>, epochs: readonly ReportEpoch[]): Float64Array {
  const starts = epochs.map(({ firstStep }) => firstStep);
  if (epochs.length > EPOCHS_SEEN_APART) {
    return movingMean(losses, Math.ceil(losses.length / (2 * EPOCHS_SEEN_APART)));
  }
  const stepsAnEpoch = losses.length / Math.max(1, epochs.length);
  return movingMean(losses, Math.ceil(stepsAnEpoch / 10), starts);
}

/** First steps of some epochs, evenly chosen where there are many; the first epoch begins at the axis. */
function epochBorders(epochs: readonly ReportEpoch[]): number[] {
  const every = Math.max(1, roundStep(epochs.length, EPOCH_LINES));
  return epochs.filter((_, i) => i > 0 && i % every === 0).map(({ firstStep }) => firstStep);
}

/** Tooltips: the mean loss by epoch, or by stretches of steps where epochs are too narrow to point at. */
function columns({ lossByStep, epochs }: ReportData, x: Axis): Markup[] {
  const steps = lossByStep.length;
  const isByEpoch = epochs.length > 1 && epochs.length <= COLUMNS;
  const stretches = Math.min(COLUMNS, steps);
  const starts = isByEpoch
    ? epochs.map(({ firstStep }) => firstStep)
    : Array.from({ length: stretches }, (_, i) => Math.floor((i * steps) / stretches));
  return starts.map((from, i) => {
    const to = starts[i + 1] ?? steps;
    const name = isByEpoch ? `epoch ${epochs[i]!.epoch + 1}, ` : '';
    const range = `steps ${formatCount(from + 1)}–${formatCount(to)}`;
    const text = `${name}${range}: mean loss ${formatFixed(meanBetween(lossByStep, from, to), 3)}`;
    return hotColumn(x, Math.min(from, x.high), Math.min(to, x.high), text);
  });
}

function lowest(points: readonly Point[], start: number): number {
  return points.reduce((low, { y }) => Math.min(low, y), start);
}

function highest(points: readonly Point[], start: number): number {
  return points.reduce((high, { y }) => Math.max(high, y), start);
}
