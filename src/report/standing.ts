/**
 * How trained features stand against what they are to beat, said plainly: better, no better, or
 * worse, by the rule that a difference counts where it is above the interval of the difference.
 * Pure; from the figures of a summary or of `deepcluster eval` alone.
 */
import { formatFixed, formatPoints } from './number-format.ts';
import type { EvaluationGain, FigureInterval, RunEvaluation } from './summary.ts';

/** `partly`: better by one figure, and not worse by the other. */
export type Standing = 'better' | 'partly' | 'no better' | 'worse';

type Gains = NonNullable<RunEvaluation['gains']>;

export interface BaselineStanding {
  readonly baseline: keyof Gains;
  readonly standing: Standing;
  /** A sentence without its subject: `no better than raw pixels: kNN +0.3 ± 2.0 points, …`. */
  readonly text: string;
}

const NAMES: Readonly<Record<keyof Gains, string>> = {
  random: 'the untrained network',
  pixels: 'raw pixels',
};

/** First against the untrained network, then against raw pixels. */
export function standingsOf(gains: Gains): BaselineStanding[] {
  return (['random', 'pixels'] as const).map((baseline) => {
    const standing = standingOf(gains[baseline]);
    return { baseline, standing, text: textOf(NAMES[baseline], gains[baseline], standing) };
  });
}

export function isBetter({ value, interval }: FigureInterval): boolean {
  return value > interval;
}

function isWorse({ value, interval }: FigureInterval): boolean {
  return value < -interval;
}

/** Both figures better: better. One worse, and none better: worse. */
function standingOf({ knnTop1, linearTop1 }: EvaluationGain): Standing {
  const figures = [knnTop1, linearTop1];
  if (figures.every(isBetter)) return 'better';
  if (figures.some(isBetter)) return 'partly';
  return figures.some(isWorse) ? 'worse' : 'no better';
}

function textOf(name: string, gain: EvaluationGain, standing: Standing): string {
  const figures = `kNN ${points(gain.knnTop1)}, linear probe ${points(gain.linearTop1)}`;
  if (standing !== 'partly') return `${standing} than ${name}: ${figures}`;
  const better = isBetter(gain.knnTop1) ? 'kNN' : 'the linear probe';
  return `better than ${name} by ${better} alone: ${figures}`;
}

/** `+0.3 ± 2.0 points` with plain spaces, which all terminals know. */
function points({ value, interval }: FigureInterval): string {
  const half = formatFixed(100 * interval, 1);
  return formatPoints(value).replace(/\u00A0points$/, ` ± ${half} points`);
}
