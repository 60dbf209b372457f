/** Where the time went: one bar for the whole run, and small ones for its epochs, all in the same four colours. */
import { legendList } from './chart.ts';
import { markup, type Markup } from '../markup.ts';
import { formatDuration, formatPercent } from '../number-format.ts';
import type { RunSummary } from '../summary.ts';

type PhaseSeconds = RunSummary['phaseSeconds'];

const PHASES: readonly { readonly key: keyof PhaseSeconds; readonly name: string }[] = [
  { key: 'extract', name: 'features' },
  { key: 'pca', name: 'PCA' },
  { key: 'kmeans', name: 'k-means' },
  { key: 'train', name: 'training' },
];

interface Part {
  readonly look: string;
  readonly name: string;
  readonly seconds: number;
}

export function phaseTimeFigure({ phaseSeconds, seconds }: RunSummary): Markup {
  const phases = partsOf(phaseSeconds);
  const rest = Math.max(0, seconds - totalOf(phases));
  const parts = [...phases, { look: 'rest', name: 'starting, waiting, evaluating', seconds: rest }];
  const total = totalOf(parts);
  const entries = parts.map(({ look, name, seconds: own }) => ({
    look,
    text: `${name} ${formatDuration(own)}, ${formatPercent(total > 0 ? own / total : 0, 0)}`,
  }));
  return markup`<figure class="phase-time">
<figcaption><h3>Where the time went</h3></figcaption>
${stackedBar(parts, total)}
${legendList(entries)}
</figure>`;
}

/** A small bar whose full length is `longest`. */
export function phaseBar(seconds: PhaseSeconds, longest: number): Markup {
  return stackedBar(partsOf(seconds), longest);
}

export function phaseTotal(seconds: PhaseSeconds): number {
  return totalOf(partsOf(seconds));
}

function stackedBar(parts: readonly Part[], total: number): Markup {
  const segments = parts
    .filter(({ seconds }) => seconds > 0 && total > 0)
    .map(
      ({ look, name, seconds }) =>
        markup`<span class="${look}" style="width:${(100 * seconds) / total}%" title="${name}: ${formatDuration(seconds)}"></span>`,
    );
  return markup`<div class="stack" aria-hidden="true">${segments}</div>`;
}

function partsOf(seconds: PhaseSeconds): Part[] {
  return PHASES.map(({ key, name }) => {
    const own = seconds[key];
    return { look: key, name, seconds: Number.isFinite(own) ? own : 0 };
  });
}

function totalOf(parts: readonly Part[]): number {
  return parts.reduce((total, { seconds }) => total + seconds, 0);
}
