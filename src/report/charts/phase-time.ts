/**
 * Where the time went: one bar for the whole run, and small ones for its epochs, all in the same
 * colours.
 */
import { legendList } from './chart.ts';
import { markup, type Markup } from '../markup.ts';
import { formatDuration, formatPercent } from '../number-format.ts';
import type { RunSummary } from '../summary.ts';

type PhaseSeconds = RunSummary['phaseSeconds'];

interface Phase {
  readonly look: string;
  readonly name: string;
  readonly keys: readonly (keyof PhaseSeconds)[];
}

/** What an epoch does. */
const WORK: readonly Phase[] = [
  { look: 'extract', name: 'features', keys: ['extract'] },
  { look: 'pca', name: 'PCA', keys: ['pca'] },
  { look: 'kmeans', name: 'k-means', keys: ['kmeans'] },
  { look: 'train', name: 'training', keys: ['train'] },
];
const EVALUATION: Phase = { look: 'evaluate', name: 'evaluating', keys: ['evaluate'] };
const REST: Phase = { look: 'rest', name: 'starting, waiting', keys: ['start', 'other'] };
const LOST: Phase = { look: 'lost', name: 'done in vain', keys: ['lost'] };

interface Part {
  readonly look: string;
  readonly name: string;
  readonly seconds: number;
}

export function phaseTimeFigure({ phaseSeconds }: Pick<RunSummary, 'phaseSeconds'>): Markup {
  const isLost = phaseSeconds.lost > 0;
  const phases = [...WORK, EVALUATION, REST, ...(isLost ? [LOST] : [])];
  const parts = partsOf(phaseSeconds, phases);
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
  return stackedBar(partsOf(seconds, WORK), longest);
}

export function phaseTotal(seconds: PhaseSeconds): number {
  return totalOf(partsOf(seconds, WORK));
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

function partsOf(seconds: PhaseSeconds, phases: readonly Phase[]): Part[] {
  return phases.map(({ look, name, keys }) => {
    const own = keys.reduce((total, key) => total + seconds[key], 0);
    return { look, name, seconds: Number.isFinite(own) ? own : 0 };
  });
}

function totalOf(parts: readonly Part[]): number {
  return parts.reduce((total, { seconds }) => total + seconds, 0);
}
