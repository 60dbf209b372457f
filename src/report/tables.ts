/** The page's tables: where the time went, every epoch, every setting that is not the default. */
import { markup, type Markup } from './markup.ts';
import {
  formatCount,
  formatDuration,
  formatFigure,
  formatFixed,
  formatPercent,
  formatRate,
} from './number-format.ts';
import type { ReportEpoch, ReportSetting } from './report-data.ts';
import type { RunSummary } from './summary.ts';

interface TimedPart {
  readonly name: string;
  readonly what: string;
  readonly look: string;
  readonly seconds: number;
}

export function timeBreakdown(summary: RunSummary): Markup {
  const parts = timedParts(summary);
  const total = parts.reduce((sum, { seconds }) => sum + seconds, 0);
  if (total === 0) return markup`<p class="empty">No time has been measured.</p>`;
  const bar = parts.map(({ name, look, seconds }) => {
    const text = `${name}: ${formatDuration(seconds)}, ${formatPercent(seconds / total)}`;
    return markup`<span class="${look}" style="width:${(100 * seconds) / total}%" title="${text}"></span>`;
  });
  const rows = parts.map(
    ({ name, what, look, seconds }) =>
      markup`<tr><th scope="row"><span class="swatch ${look}"></span>${name}</th><td class="text">${what}</td><td>${formatDuration(seconds)}</td><td>${formatPercent(seconds / total)}</td></tr>`,
  );
  return markup`<div class="time-bar" aria-hidden="true">${bar}</div>
<div class="scroll"><table class="plain">
<thead><tr><th scope="col">Phase</th><th scope="col" class="text">What happens</th><th scope="col">Time</th><th scope="col">Share</th></tr></thead>
<tbody>${rows}</tbody>
</table></div>`;
}

function timedParts({ phaseSeconds, seconds, imagesPerSecond }: RunSummary): TimedPart[] {
  const known = [
    {
      name: 'Extract',
      what: `features of every image, ${formatRate(imagesPerSecond.extract)} images/s`,
      look: 'phase-1',
      seconds: phaseSeconds.extract,
    },
    { name: 'PCA', what: 'moments, whitening', look: 'phase-2', seconds: phaseSeconds.pca },
    {
      name: 'k-means',
      what: 'Lloyd steps, assignment',
      look: 'phase-3',
      seconds: phaseSeconds.kmeans,
    },
    {
      name: 'Train',
      what: `steps on the pseudo-labels, ${formatRate(imagesPerSecond.train)} images/s`,
      look: 'phase-4',
      seconds: phaseSeconds.train,
    },
  ].map((part) => ({ ...part, seconds: Number.isFinite(part.seconds) ? part.seconds : 0 }));
  const rest = seconds - known.reduce((sum, part) => sum + part.seconds, 0);
  // Rounding of clocks leaves a little; only what a person would ask about is named.
  if (!(rest > 0.005 * seconds)) return known;
  const what = 'gathering workers, evaluation, checkpoints';
  return [...known, { name: 'Other', what, look: 'phase-5', seconds: rest }];
}

interface Column {
  readonly name: string;
  readonly cell: (epoch: ReportEpoch) => string;
}

export function epochTable(epochs: readonly ReportEpoch[]): Markup {
  const hasTruth = epochs.some(({ nmiToTruth }) => nmiToTruth !== null);
  const columns: Column[] = [
    { name: 'Mean loss', cell: ({ meanLoss }) => formatFixed(meanLoss, 3) },
    { name: 'NMI previous', cell: ({ nmiToPrevious }) => formatFixed(nmiToPrevious, 3) },
    ...(hasTruth
      ? [{ name: 'NMI classes', cell: ({ nmiToTruth }: ReportEpoch) => formatFixed(nmiToTruth, 3) }]
      : []),
    { name: 'Empty', cell: ({ emptyClusters }) => formatCount(emptyClusters) },
    { name: 'Evenness', cell: ({ entropy }) => formatFixed(entropy, 3) },
    { name: 'Inertia', cell: ({ inertia }) => formatFigure(inertia) },
    { name: 'Extract', cell: ({ seconds }) => formatDuration(seconds.extract) },
    { name: 'PCA', cell: ({ seconds }) => formatDuration(seconds.pca) },
    { name: 'k-means', cell: ({ seconds }) => formatDuration(seconds.kmeans) },
    { name: 'Train', cell: ({ seconds }) => formatDuration(seconds.train) },
  ];
  const rows = epochs.map(
    (epoch) =>
      markup`<tr><th scope="row">${epoch.epoch + 1}</th>${columns.map(({ cell }) => markup`<td>${cell(epoch)}</td>`)}</tr>\n`,
  );
  return markup`<div class="scroll tall" tabindex="0" role="region" aria-label="Every epoch"><table>
<thead><tr><th scope="col">Epoch</th>${columns.map(({ name }) => markup`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows}</tbody>
</table></div>
<p class="small">Evenness is the entropy of the cluster sizes as a share of its greatest, ln k. Inertia is the sum of squared distances to the own centroid.</p>`;
}

export function settingsTable(settings: readonly ReportSetting[]): Markup {
  if (settings.length === 0) {
    return markup`<p class="empty">Every setting has its default.</p>`;
  }
  const rows = settings.map(
    ({ key, value, origin }) =>
      markup`<tr><th scope="row"><code>${key}</code></th><td class="text"><code>${textOf(value)}</code></td><td class="text origin">${origin}</td></tr>\n`,
  );
  return markup`<div class="scroll"><table class="plain">
<thead><tr><th scope="col">Setting</th><th scope="col" class="text">Value</th><th scope="col" class="text">Set by</th></tr></thead>
<tbody>${rows}</tbody>
</table></div>
<p class="small">Settings that differ from their default; <code>config.json</code> holds them all.</p>`;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
