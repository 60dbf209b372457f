/** The figures that come first: what the features are worth, then what the run came to. */
import { markup, type Markup } from './markup.ts';
import {
  formatCount,
  formatDuration,
  formatFigure,
  formatFixed,
  formatNoun,
  formatRate,
} from './number-format.ts';
import { evaluationCards } from './sections/evaluation-cards.ts';
import type { RunSummary } from './summary.ts';

export function headline(summary: RunSummary): Markup {
  return markup`${learningNote(summary.learning)}
${collapseNote(summary.collapse)}
${evaluationCards(summary.evaluation)}
<dl class="tiles">
${tilesOf(summary).map(
  ({
    name,
    figure,
    note,
  }) => markup`<div class="tile"><dt>${name}</dt><dd class="figure">${figure}</dd><dd class="note">${note}</dd></div>
`,
)}</dl>`;
}

/** Nothing for a sound run. */
function learningNote({ learnt, findings, advice }: RunSummary['learning']): Markup | null {
  if (findings.length === 0) return null;
  const title = learnt ? 'What holds this run back' : 'This run has learnt nothing';
  const list = (lines: readonly string[]): Markup =>
    markup`<ul>${lines.map((line) => markup`<li>${line}</li>`)}</ul>`;
  return markup`<div class="absent ${learnt ? 'remark' : 'alarm'}" role="note">
<h3>${title}</h3>
${list(findings)}
${
  advice.length === 0
    ? null
    : markup`<p>What to try:</p>
${list(advice)}`
}
</div>`;
}

function collapseNote({ seen, recovered, now }: RunSummary['collapse']): Markup | null {
  if (seen === 0) return null;
  const times = `seen ${formatNoun(seen, 'time')}, recovered ${formatNoun(recovered, 'time')}`;
  const finding =
    now === null
      ? 'The clusters collapsed on the way, and were sound at the end'
      : `The clusters have collapsed since epoch ${now.epoch + 1}: ${now.finding}`;
  return markup`<p class="absent"><b>${finding}</b> (${times}).</p>`;
}

interface Tile {
  readonly name: string;
  readonly figure: string;
  readonly note: string;
}

function tilesOf(summary: RunSummary): Tile[] {
  const { nmi, clusters, finalClusters, imagesPerSecond, ledger } = summary;
  const toPrevious = nmi.toPrevious.at(-1);
  const skipped = ledger.skipped === 0 ? '' : `${formatCount(ledger.skipped)} skipped, `;
  return [
    {
      name: 'NMI with the classes',
      figure: formatFixed(nmi.toTruth && (finalClusters?.nmiToTruth ?? nmi.toTruth.at(-1)), 3),
      note:
        nmi.toTruth === null
          ? 'the images have no class folders'
          : `of the final clusters; ${formatFixed(nmi.toTruth[0], 3)} in the first epoch`,
    },
    {
      name: 'NMI with the epoch before',
      figure: formatFixed(toPrevious, 3),
      note:
        toPrevious === null || toPrevious === undefined
          ? 'a single epoch has none before it'
          : 'the nearer to 1, the more settled',
    },
    {
      name: 'Final loss',
      figure: formatFigure(summary.finalLoss),
      note: `guessing gives ln k = ${formatFixed(Math.log(clusters.k), 2)}`,
    },
    {
      name: 'Images',
      figure: formatCount(summary.images),
      note: noteOnImages(summary),
    },
    {
      name: 'Wall time',
      figure: formatDuration(summary.seconds),
      note: `${formatNoun(summary.epochs, 'epoch')}, ${formatNoun(summary.steps, 'step')}`,
    },
    {
      name: 'Training speed',
      figure: `${formatRate(imagesPerSecond.train)} images/s`,
      note: `features at ${formatRate(imagesPerSecond.extract)} images/s`,
    },
    {
      name: 'Workers',
      figure: formatCount(summary.workers),
      note: summary.restarts === 0 ? 'none was lost' : formatNoun(summary.restarts, 'restart'),
    },
    {
      name: 'Samples committed',
      figure: formatCount(ledger.committed),
      note: `${skipped}${formatNoun(ledger.duplicates, 'duplicate')} dropped, ${formatNoun(ledger.returned, 'lease')} returned`,
    },
  ];
}

function noteOnImages({ unreadable, damaged }: RunSummary): string {
  const notes = [
    ...(unreadable === 0 ? [] : [`${formatCount(unreadable)} unreadable`]),
    ...(damaged === 0 ? [] : [`${formatCount(damaged)} damaged`]),
  ];
  return notes.length === 0 ? 'all readable' : notes.join(', ');
}
