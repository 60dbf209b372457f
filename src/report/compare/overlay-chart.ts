/**
 * Curves of several runs in one chart, over epochs: steps of runs with other batches cannot be
 * compared.
 */
import { tightAxis, roundAxis, type Axis } from '../charts/axis.ts';
import { chartFigure, line } from '../charts/chart.ts';
import { movingMean, thinOut, type Point } from '../charts/curve.ts';
import type { Markup } from '../markup.ts';
import { formatFixed } from '../number-format.ts';
import type { ReportEpoch } from '../report-data.ts';
import type { ComparedRun } from './comparison.ts';

/** More points than a chart is wide would not be seen. */
const MAX_POINTS = 600;
/** Colours that are told apart; further runs take them from the first again. */
export const LOOKS = 8;

interface Overlay {
  readonly title: string;
  readonly yName: string;
  readonly curves: readonly (readonly Point[])[];
  readonly y: (low: number, high: number) => Axis;
}

/** Null where no run has anything to draw. */
function overlay(
  runs: readonly ComparedRun[],
  { title, yName, curves, y: axis }: Overlay,
): Markup | null {
  const points = curves.flat();
  if (!curves.some((curve) => curve.length > 1)) return null;
  const ys = points.map((point) => point.y);
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const x = tightAxis(0, Math.max(...points.map((point) => point.x)), { isWhole: true });
  const y = axis(low, high);
  return chartFigure({
    title,
    description: `${title} by epoch. ${runs.map(({ name }, i) => courseOf(name, curves[i]!)).join(' ')}`,
    ...{ x, y, yName, xName: 'epoch' },
    layers: curves.flatMap((curve, i) => line(curve, x, y, lookOf(i)) ?? []),
    legend: runs.map(({ name }, i) => ({ look: lookOf(i), text: name })),
  });
}

export function lookOf(run: number): string {
  return `run-${run % LOOKS}`;
}

function courseOf(name: string, curve: readonly Point[]): string {
  const [first, last] = [curve[0], curve.at(-1)];
  if (!first || !last) return `${name}: none.`;
  return `${name}: from ${formatFixed(first.y, 3)} to ${formatFixed(last.y, 3)}.`;
}

export function lossOverlay(runs: readonly ComparedRun[]): Markup | null {
  return overlay(runs, {
    title: 'Training loss',
    yName: 'cross-entropy [nats], moving mean',
    curves: runs.map(lossCurve),
    y: (low, high) => roundAxis(low, high),
  });
}

export function agreementOverlays(runs: readonly ComparedRun[]): Markup[] {
  const chart = (title: string, of: (epoch: ReportEpoch) => number | null): Markup | null =>
    overlay(runs, {
      ...{ title, yName: 'NMI' },
      curves: runs.map(({ epochs }) => epochCurve(epochs, of)),
      y: () => tightAxis(0, 1),
    });
  return [
    chart('Agreement with the epoch before', ({ nmiToPrevious }) => nmiToPrevious),
    chart('Agreement with the classes', ({ nmiToTruth }) => nmiToTruth),
  ].filter((figure) => figure !== null);
}

function epochCurve(
  epochs: readonly ReportEpoch[],
  of: (epoch: ReportEpoch) => number | null,
): Point[] {
  return epochs.flatMap((epoch, i) => {
    const y = of(epoch);
    return y !== null && Number.isFinite(y) ? [{ x: i + 1, y }] : [];
  });
}

function lossCurve({ lossByStep, epochs }: ComparedRun): Point[] {
  const borders = epochs.map(({ firstStep }) => firstStep);
  const perEpoch = lossByStep.length / Math.max(1, epochs.length);
  const smooth = movingMean(lossByStep, Math.max(1, Math.round(perEpoch / 12)), borders);
  return thinOut(smooth, MAX_POINTS).map(({ x, y }) => ({
    x: epochAt(x, borders, lossByStep.length),
    y,
  }));
}

/** Where a step lies among the epochs: 1.5 is the middle of the second. */
function epochAt(step: number, borders: readonly number[], steps: number): number {
  const epoch = Math.max(
    0,
    borders.findLastIndex((border) => border <= step),
  );
  const begin = borders[epoch] ?? 0;
  const end = borders[epoch + 1] ?? steps;
  return epoch + (step - begin) / Math.max(1, end - begin);
}
