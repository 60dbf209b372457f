/**
 * Numbers and times as people read them. What is null or not finite is shown as a dash, never as
 * NaN.
 */
import { MISSING } from './markup.ts';

type Maybe = number | null | undefined;

/** Keeps a number and its unit on one line. */
const NO_BREAK_SPACE = '\u00A0';
const MINUS = '\u2212';

function isNumber(value: Maybe): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** `1,281,167` */
export function formatCount(value: Maybe): string {
  if (!isNumber(value)) return MISSING;
  return signed(String(Math.round(Math.abs(value))).replace(/\B(?=(\d{3})+$)/g, ','), value);
}

/** `0.612` */
export function formatFixed(value: Maybe, digits: number): string {
  return isNumber(value) ? signed(Math.abs(value).toFixed(digits), value) : MISSING;
}

/** `91.2 %` of a fraction of 1. */
export function formatPercent(fraction: Maybe, digits = 1): string {
  if (!isNumber(fraction)) return MISSING;
  return `${formatFixed(100 * fraction, digits)}${NO_BREAK_SPACE}%`;
}

/** `+33.4 points`: a difference of two fractions of 1, in percentage points. */
export function formatPoints(difference: Maybe): string {
  if (!isNumber(difference)) return MISSING;
  const text = formatFixed(100 * difference, 1);
  const sign = difference > 0 && text !== '0.0' ? '+' : '';
  return `${sign}${text}${NO_BREAK_SPACE}points`;
}

/** Four significant digits, or whole above a thousand: `0.01234`, `12.34`, `12,345`. */
export function formatFigure(value: Maybe): string {
  if (!isNumber(value)) return MISSING;
  if (Math.abs(value) >= 1000 && Math.abs(value) < 1e15) return formatCount(value);
  return signed(Math.abs(value).toPrecision(4), value);
}

/** `214`, or `2.4` below ten: images a second. */
export function formatRate(value: Maybe): string {
  return isNumber(value) && Math.abs(value) < 10 ? formatFixed(value, 1) : formatCount(value);
}

/** `850`, `1.5k`, `2M`: for axes. */
export function formatCompact(value: Maybe): string {
  if (!isNumber(value)) return MISSING;
  for (const [unit, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (Math.abs(value) >= unit) return `${Number((value / unit).toPrecision(4))}${letter}`;
  }
  return String(Number(value.toPrecision(6)));
}

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`, `3 d 04 h` */
export function formatDuration(seconds: Maybe): string {
  if (!isNumber(seconds)) return MISSING;
  const unit = (name: string): string => `${NO_BREAK_SPACE}${name}`;
  if (seconds < 9.95) return formatFixed(seconds, 1) + unit('s');
  const pair = (total: number, base: number, large: string, small: string): string => {
    const rest = String(total % base).padStart(2, '0');
    return `${Math.floor(total / base)}${unit(large)} ${rest}${unit(small)}`;
  };
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${unit('s')}`;
  if (whole < 3600) return pair(whole, 60, 'min', 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return pair(minutes, 60, 'h', 'min');
  return pair(Math.round(seconds / 3600), 24, 'd', 'h');
}

/** `31 January 2026, 23:59 UTC`; what is no time stays as it is. */
export function formatMoment(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const day = time.toLocaleDateString('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
  return `${day}, ${time.toISOString().slice(11, 16)} UTC`;
}

/** `1 image`, `1,200 images`, `2 classes` */
export function formatNoun(count: Maybe, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)}${NO_BREAK_SPACE}${count === 1 ? noun : plural}`;
}

function signed(text: string, value: number): string {
  return value < 0 && /[1-9]/.test(text) ? MINUS + text : text;
}
