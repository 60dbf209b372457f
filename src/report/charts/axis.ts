/** Axes: a range and round ticks, as a person would choose them. */
import { formatCompact } from '../number-format.ts';

export interface Tick {
  readonly at: number;
  readonly label: string;
}

export interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly Tick[];
}

export interface AxisWish {
  /** Intervals between ticks, about. */
  readonly intervals?: number;
  /** Ticks at whole numbers only. */
  readonly isWhole?: boolean;
}

/**
 * The least of 1, 2, 5, 10, 20, ... (times a power of ten) that cuts a span into at most that many
 * intervals.
 */
export function roundStep(span: number, intervals: number): number {
  const least = span / intervals;
  const power = 10 ** Math.floor(Math.log10(least));
  // The factor forgives rounding: a span of 0.6 in three intervals of 0.2 is 0.19999999999999998
  // each.
  const factor = [1, 2, 5].find((f) => f * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** An axis over exactly the given range, with the round ticks that lie in it. */
export function tightAxis(low: number, high: number, wish: AxisWish = {}): Axis {
  const end = high > low ? high : low + 1;
  const step = stepFor(end - low, wish);
  return { low, high: end, ticks: ticksBetween(low, end, step) };
}

/** An axis that begins and ends at a tick. */
export function roundAxis(low: number, high: number, wish: AxisWish = {}): Axis {
  const end = high > low ? high : low + Math.max(Math.abs(low) * 0.1, 1e-3);
  const step = stepFor(end - low, wish);
  const first = Math.floor(low / step + 1e-9) * step;
  const last = Math.ceil(end / step - 1e-9) * step;
  return { low: first, high: last, ticks: ticksBetween(first, last, step) };
}

function stepFor(span: number, { intervals = 5, isWhole = false }: AxisWish): number {
  const step = roundStep(span, intervals);
  return isWhole ? Math.max(1, step) : step;
}

function ticksBetween(low: number, high: number, step: number): Tick[] {
  const ticks: Tick[] = [];
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) {
    const at = i * step;
    ticks.push({ at, label: decimals > 0 ? at.toFixed(decimals) : formatCompact(at) });
  }
  return ticks;
}

/** Where a value lies on an axis, from 0 at its low end to 1 at its high end. */
export function shareOf(axis: Axis, value: number): number {
  return (value - axis.low) / (axis.high - axis.low);
}
