/** The top of the page: what was run, what came of it in a sentence, and the figures in cards. */
import { markup, type Markup, type MarkupValue } from './markup.ts';
import {
  formatCount,
  formatDuration,
  formatFixed,
  formatMoment,
  formatNoun,
  formatPercent,
  formatPoints,
  formatRate,
} from './number-format.ts';
import type { ReportData } from './report-data.ts';
import type { RunEvaluation, RunSummary } from './summary.ts';

const METHODS: Readonly<Record<string, string>> = { deepcluster: 'DeepCluster', odc: 'ODC' };

export function methodName(algorithm: string): string {
  return METHODS[algorithm] ?? algorithm;
}

export function pageHeader({ summary, generatedAt }: ReportData): Markup {
  return markup`<header>
<p class="eyebrow">Run report</p>
<h1>${methodName(summary.algorithm)} <span class="soft">on</span> ${summary.architecture}</h1>
<p class="meta">run <code>${summary.runId}</code> · engine ${summary.engine} · <time datetime="${generatedAt}">${formatMoment(generatedAt)}</time></p>
<p class="verdict">${verdict(summary)}</p>
</header>`;
}

function verdict({ images, clusters, epochs, evaluation }: RunSummary): string {
  const grouped = `${formatNoun(images, 'image')} without labels, grouped into ${formatNoun(clusters.k - clusters.empty, 'cluster')} over ${formatNoun(epochs, 'epoch')}.`;
  if (!evaluation) return grouped;
  const { testImages, classes, linearTop1, randomLinearTop1 } = evaluation;
  return (
    `${grouped} On ${formatNoun(testImages, 'held-out image')} of ${formatNoun(classes, 'class', 'classes')}, ` +
    `a linear classifier is right ${formatPercent(linearTop1)} of the time on the learned features, ` +
    `and ${formatPercent(randomLinearTop1)} on those of the same network untrained.`
  );
}

/** Top-1 of both classifiers, trained against as initialised. */
export function scoreCards({ evaluation }: RunSummary): Markup {
  if (!evaluation) {
    return markup`<p class="empty">Not evaluated: that takes class sub-folders in the images, and <code>evaluation.enabled</code>.</p>`;
  }
  const { knnTop1, randomKnnTop1, linearTop1, randomLinearTop1 } = evaluation;
  return markup`<div class="scores">
${scoreCard('k nearest neighbours, top-1', knnTop1, randomKnnTop1, evaluation)}
${scoreCard('Linear classifier, top-1', linearTop1, randomLinearTop1, evaluation)}
</div>
<p class="small">Held out: ${formatCount(evaluation.testImages)} of ${formatCount(evaluation.testImages + evaluation.trainImages)} images with known class. Feature: ${evaluation.feature}. Classes were used for this evaluation only, never for training.</p>`;
}

function scoreCard(
  title: string,
  trained: number,
  random: number,
  { classes }: RunEvaluation,
): Markup {
  const difference = trained - random;
  const isGain = difference >= 0;
  const left = percent(Math.min(trained, random));
  const width = percent(Math.abs(difference));
  return markup`<article class="card score">
<h3>${title}</h3>
<p class="large">${formatPercent(trained)}</p>
<p><span class="${isGain ? 'gain' : 'loss'}">${formatPoints(difference)}</span> against the untrained network</p>
<div class="track" aria-hidden="true">
<span class="span ${isGain ? 'up' : 'down'}" style="left:${left}%;width:${width}%"></span>
<span class="chance" style="left:${percent(1 / classes)}%"></span>
<span class="mark random" style="left:${percent(random)}%"></span>
<span class="mark trained" style="left:${percent(trained)}%"></span>
</div>
<ul class="legend"><li><span class="swatch trained"></span>trained ${formatPercent(trained)}</li><li><span class="swatch random"></span>untrained ${formatPercent(random)}</li><li><span class="swatch chance"></span>chance ${formatPercent(1 / classes)}</li></ul>
</article>`;
}

/** Of a fraction, kept on the track; 0 for what is not finite. */
function percent(fraction: number): number {
  return Number.isFinite(fraction) ? 100 * Math.min(1, Math.max(0, fraction)) : 0;
}

export function factCards(summary: RunSummary): Markup {
  const { nmi, clusters, ledger, imagesPerSecond: speed } = summary;
  const toPrevious = nmi.toPrevious.at(-1);
  const toTruth = nmi.toTruth?.at(-1);
  const chance = Math.log(clusters.k);
  return markup`<dl class="facts">
${fact('NMI with the classes', formatFixed(toTruth, 3), nmi.toTruth ? 'last clustering; 1 is the same partition' : 'no class sub-folders to compare with')}
${fact('NMI with the previous epoch', formatFixed(toPrevious, 3), toPrevious === null || toPrevious === undefined ? 'it takes a second epoch' : 'how settled the clusters are')}
${fact('Final loss', formatFixed(summary.finalLoss, 3), `mean of the last epoch; guessing costs ${formatFixed(chance, 3)}`)}
${fact('Clusters in use', `${formatCount(clusters.k - clusters.empty)} of ${formatCount(clusters.k)}`, `evenness of sizes ${formatFixed(clusters.entropy, 3)} of 1`)}
${fact('Images', formatCount(summary.images), `${formatCount(summary.unreadable)} could not be read`)}
${fact('Time', formatDuration(summary.seconds), `${formatNoun(summary.epochs, 'epoch')}, ${formatNoun(summary.steps, 'step')}`)}
${fact('Training speed', markup`${formatRate(speed.train)}<span class="unit"> images/s</span>`, `features at ${formatRate(speed.extract)} images/s`)}
${fact('Workers', formatCount(summary.workers), `${formatNoun(summary.restarts, 'restart')}, engine ${summary.engine}`)}
${fact('Samples committed', formatCount(ledger.committed), `${formatNoun(ledger.duplicates, 'duplicate')} ignored, ${formatNoun(ledger.returned, 'lease')} given again`)}
</dl>`;
}

function fact(name: string, value: MarkupValue, detail: string): Markup {
  return markup`<div class="card"><dt>${name}</dt><dd class="value">${value}</dd><dd class="small">${detail}</dd></div>`;
}
