/**
 * The loss over all steps: every step behind, a moving mean in front, epochs and the loss of
 * guessing as lines.
 */
import { roundAxis, roundStep, shareOf, tightAxis, type Axis } from './axis.ts';
import { chartFigure, horizontalLine, hotColumn, line, lineNote, verticalLine } from './chart.ts';
import { meanBetween, movingMean, thinOut, type Point } from './curve.ts';
import { markup, type Markup } from '../markup.ts';
import { formatCount, formatFigure, formatFixed } from '../number-format.ts';
import type { ReportData, ReportEpoch } from '../report-data.ts';
import type { RunSummary } from '../summary.ts';

/** More could not be told apart on any screen. */
const MAX_POINTS = 2000;
const MAX_COLUMNS = 150;
const MAX_EPOCH_LINES = 12;
/** Of more epochs only the means are told apart. */
const MAX_SMOOTHED_EPOCHS = 40;
/** The mean reaches over about this part of an epoch to either side. */
const SMOOTHING_SHARE = 1 / 16;

/** What the chart is of. */
export interface LossCurve extends Pick<ReportData, 'lossByStep' | 'epochs'> {
  readonly summary: { readonly clusters: Pick<RunSummary['clusters'], 'k'> };
}

export function lossChart({ lossByStep, epochs, summary }: LossCurve): Markup | null {
  const raw = thinOut(lossByStep, MAX_POINTS);
  if (raw.length === 0) return null;
  const starts = epochs.map(({ firstStep }) => firstStep);
  const isLong = epochs.length > MAX_SMOOTHED_EPOCHS;
  const front = isLong ? epochMeans(lossByStep, starts) : smoothed(lossByStep, starts);
  const guessing = Math.log(summary.clusters.k);
  const x = tightAxis(0, Math.max(1, lossByStep.length - 1), { isWhole: true });
  const y = lossAxis(raw, guessing);
  const marked = markedEpochs(epochs);
  return chartFigure({
    title: 'Training loss',
    description: `Training loss over ${formatCount(lossByStep.length)} steps, from ${formatFigure(front[0]?.y)} to ${formatFigure(front.at(-1)?.y)}; guessing gives ${formatFixed(guessing, 2)}.`,
    x,
    y,
    xName: 'step',
    yName: 'cross-entropy [nats]',
    layers: [
      ...marked.map(({ firstStep }) => verticalLine(x, firstStep, 'epoch-line')),
      horizontalLine(y, guessing, 'reference'),
      line(raw, x, y, 'raw', starts),
      line(front, x, y, 'first', isLong ? [] : starts),
      ...hotColumns(lossByStep, epochs, x),
    ].filter((layer) => layer !== null),
    notes: [
      lineNote(y, guessing, `ln k = ${formatFixed(guessing, 2)}`),
      ...marked.map((epoch, i) => epochNote(epoch, x, i === 0)),
    ].filter((note) => note !== null),
    legend: [
      { look: 'raw', text: 'each step' },
      { look: 'first', text: isLong ? 'mean of each epoch' : 'moving mean within the epoch' },
      { look: 'reference', text: 'guessing among k clusters' },
    ],
  });
}

/** Within an epoch the loss falls from where the new head starts: a mean must not reach over. */
function smoothed(losses: ArrayLike<number>, starts: readonly number[]): Point[] {
  const stepsPerEpoch = losses.length / Math.max(1, starts.length);
  const radius = Math.round(stepsPerEpoch * SMOOTHING_SHARE);
  return thinOut(movingMean(losses, radius, starts), MAX_POINTS);
}

/** A point in the middle of each epoch that has trained. */
function epochMeans(losses: ArrayLike<number>, starts: readonly number[]): Point[] {
  return starts
    .map((start, i) => {
      const end = Math.min(starts[i + 1] ?? losses.length, losses.length);
      return { x: (start + end - 1) / 2, y: meanBetween(losses, start, end) };
    })
    .filter(({ y }) => Number.isFinite(y));
}

/** With room above the curve for the names of the epochs. */
function lossAxis(points: readonly Point[], guessing: number): Axis {
  let [low, high] = [guessing, guessing];
  for (const { y } of points) {
    low = Math.min(low, y);
    high = Math.max(high, y);
  }
  return roundAxis(low, high + 0.12 * (high - low));
}

/** The epochs that get a line: all of a short run, every fifth or tenth of a long one. */
function markedEpochs(epochs: readonly ReportEpoch[]): readonly ReportEpoch[] {
  if (epochs.length <= MAX_EPOCH_LINES) return epochs;
  const every = Math.max(1, roundStep(epochs.length, MAX_EPOCH_LINES));
  return epochs.filter(({ epoch }) => (epoch + 1) % every === 0);
}

/** Null at the right edge, where it would stand outside. */
function epochNote({ epoch, firstStep }: ReportEpoch, x: Axis, isFirst: boolean): Markup | null {
  const share = shareOf(x, firstStep);
  if (share > 0.97) return null;
  const text = `${isFirst ? 'epoch ' : ''}${formatCount(epoch + 1)}`;
  return markup`<span class="epoch-note" style="left:${100 * share}%">${text}</span>`;
}

function hotColumns(
  losses: ArrayLike<number>,
  epochs: readonly ReportEpoch[],
  x: Axis,
): readonly Markup[] {
  const count = Math.min(losses.length, MAX_COLUMNS);
  return Array.from({ length: count }, (_, i) => {
    const begin = Math.floor((i * losses.length) / count);
    const end = Math.floor(((i + 1) * losses.length) / count);
    const epoch = epochs.findLast(({ firstStep }) => firstStep <= begin);
    const steps =
      end - begin === 1
        ? `Step ${formatCount(begin)}`
        : `Steps ${formatCount(begin)} to ${formatCount(end - 1)}`;
    const place = epoch === undefined ? steps : `${steps}, epoch ${formatCount(epoch.epoch + 1)}`;
    const text = `${place}: loss ${formatFigure(meanBetween(losses, begin, end))}`;
    return hotColumn(x, Math.max(0, begin - 0.5), Math.min(x.high, end - 0.5), text);
  });
}
