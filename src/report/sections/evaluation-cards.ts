/** What the features are worth, beside the untrained network and raw pixels, and the verdict. */
import { markup, type Markup } from '../markup.ts';
import { formatCount, formatFixed, formatPercent, formatPoints } from '../number-format.ts';
import { standingsOf } from '../standing.ts';
import type { FigureInterval, RunEvaluation } from '../summary.ts';

export function evaluationCards(evaluation: RunEvaluation | null): Markup {
  if (evaluation === null) {
    return markup`<p class="absent">The features were not evaluated: the images have no class folders, or evaluation is off.</p>`;
  }
  const { feature, trainImages, testImages, classes, intervals, gains } = evaluation;
  return markup`<div class="scores">
${scoreCard('kNN top-1', {
  trained: evaluation.knnTop1,
  random: evaluation.randomKnnTop1,
  pixels: evaluation.pixelsKnnTop1,
  intervals: intervals?.knnTop1,
  gain: gains?.random.knnTop1,
})}
${scoreCard('Linear probe top-1', {
  trained: evaluation.linearTop1,
  random: evaluation.randomLinearTop1,
  pixels: evaluation.pixelsLinearTop1,
  intervals: intervals?.linearTop1,
  gain: gains?.random.linearTop1,
})}
</div>
${standings(gains)}
<p class="note">Accuracy on ${formatCount(testImages)} held-out images of ${formatCount(classes)} classes, with ${formatCount(trainImages)} to learn from; feature ${feature}. ${noteOnIntervals(intervals)}The classes are used here only, never in training.</p>
${agreementNote(evaluation)}`;
}

interface Score {
  readonly trained: number;
  readonly random: number;
  readonly pixels: number | undefined;
  readonly intervals: Readonly<Record<'trained' | 'random' | 'pixels', number>> | undefined;
  /** Over the untrained network. */
  readonly gain: FigureInterval | undefined;
}

function scoreCard(name: string, { trained, random, pixels, intervals, gain }: Score): Markup {
  const difference = gain?.value ?? trained - random;
  const direction = difference >= 0 ? 'up' : 'down';
  return markup`<article class="score">
<h3>${name}</h3>
<p class="figure">${formatPercent(trained)}</p>
<p class="difference ${direction}"><b>${formatPoints(difference)}</b>${half(gain?.interval)} against random initialisation</p>
${scoreBar('trained', 'this run', trained, intervals?.trained)}
${scoreBar('random', 'random init', random, intervals?.random)}
${pixels === undefined ? null : scoreBar('pixels', 'raw pixels', pixels, intervals?.pixels)}
</article>`;
}

function scoreBar(
  look: string,
  name: string,
  accuracy: number,
  interval: number | undefined,
): Markup {
  return markup`<div class="score-bar ${look}"><span class="name">${name}</span><span class="track" aria-hidden="true"><span style="width:${widthOf(accuracy)}%"></span></span><span class="value">${formatPercent(accuracy)}${half(interval)}</span></div>
`;
}

/** ` ± 2.1`, in percents. */
function half(interval: number | undefined): string {
  return interval === undefined ? '' : ` ±\u00A0${formatFixed(100 * interval, 1)}`;
}

function widthOf(fraction: number): number {
  return Number.isFinite(fraction) ? 100 * Math.min(1, Math.max(0, fraction)) : 0;
}

function standings(gains: RunEvaluation['gains']): Markup | null {
  if (gains === undefined) return null;
  return markup`<ul class="standings">${standingsOf(gains).map(
    ({ standing, text }) =>
      markup`<li class="${standing === 'better' ? 'up' : standing === 'partly' ? 'partly' : 'down'}">The trained features are <b>${text.split(':')[0]!}</b>:${text.slice(text.indexOf(':') + 1)}.</li>
`,
  )}</ul>`;
}

function noteOnIntervals(intervals: RunEvaluation['intervals']): string {
  return intervals === undefined
    ? ''
    : `± is half an interval of 95 %, from the ${intervals.from}. `;
}

function agreementNote(evaluation: RunEvaluation): Markup | null {
  const { kmeansNmi, randomKmeansNmi, pixelsKmeansNmi, intervals, classes } = evaluation;
  if (kmeansNmi === undefined || intervals === undefined) return null;
  const figure = (nmi: number | undefined, interval: number): string =>
    `${formatFixed(nmi, 3)} ± ${formatFixed(interval, 3)}`;
  const { trained, random, pixels } = intervals.kmeansNmi;
  return markup`<p class="note">k-means of the features into ${formatCount(classes)} clusters agrees with the classes by an NMI of ${figure(kmeansNmi, trained)}; of those of the untrained network by ${figure(randomKmeansNmi, random)}, of raw pixels by ${figure(pixelsKmeansNmi, pixels)}.</p>`;
}
