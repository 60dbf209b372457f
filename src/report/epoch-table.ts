/** The epochs in numbers, one a row. */
import { markup, type Markup, type MarkupValue } from './markup.ts';
import { formatCount, formatDuration, formatFigure, formatFixed } from './number-format.ts';
import { phaseBar, phaseTotal } from './charts/phase-time.ts';
import type { ReportEpoch } from './report-data.ts';

interface Column {
  readonly name: string;
  readonly explanation: string;
  readonly cell: (epoch: ReportEpoch) => MarkupValue;
  /** Left out: always shown. */
  readonly isShown?: (run: ShownRun) => boolean;
}

interface ShownRun {
  readonly hasTruth: boolean;
  readonly isOnline: boolean;
}

const COLUMNS: readonly Column[] = [
  {
    name: 'Loss',
    explanation: 'mean over the samples of the epoch',
    cell: ({ meanLoss }) => formatFigure(meanLoss),
  },
  {
    name: 'NMI previous',
    explanation: 'normalised mutual information with the clustering of the epoch before',
    cell: ({ nmiToPrevious }) => formatFixed(nmiToPrevious, 3),
  },
  {
    name: 'NMI classes',
    explanation: 'normalised mutual information with the classes of the folders',
    cell: ({ nmiToTruth }) => formatFixed(nmiToTruth, 3),
    isShown: ({ hasTruth }) => hasTruth,
  },
  {
    name: 'Changed',
    explanation: 'share of the drawn images whose pseudo-label changed',
    cell: ({ odc }) => formatFixed(odc?.changeRatio ?? null, 3),
    isShown: ({ isOnline }) => isOnline,
  },
  {
    name: 'Smallest',
    explanation: 'images of the smallest cluster at the end of the epoch',
    cell: ({ odc }) => formatCount(odc?.smallest ?? null),
    isShown: ({ isOnline }) => isOnline,
  },
  {
    name: 'Largest',
    explanation: 'images of the largest cluster at the end of the epoch',
    cell: ({ odc }) => formatCount(odc?.largest ?? null),
    isShown: ({ isOnline }) => isOnline,
  },
  {
    name: 'Merged, split',
    explanation: 'small clusters merged into others, and large ones split in their place',
    cell: ({ odc }) => (odc ? `${formatCount(odc.merges)}, ${formatCount(odc.splits)}` : '–'),
    isShown: ({ isOnline }) => isOnline,
  },
  {
    name: 'Empty',
    explanation: 'clusters without images',
    cell: ({ emptyClusters }) => formatCount(emptyClusters),
  },
  {
    name: 'Entropy',
    explanation: 'of the cluster sizes, as a share of ln k',
    cell: ({ entropy }) => formatFixed(entropy, 3),
  },
  {
    name: 'Inertia',
    explanation: 'sum of squared distances to the own centroid',
    cell: ({ inertia }) => formatFigure(inertia),
    isShown: ({ isOnline }) => !isOnline,
  },
  {
    name: 'Features',
    explanation: 'time to extract features',
    cell: ({ seconds }) => formatDuration(seconds.extract),
  },
  {
    name: 'PCA',
    explanation: 'time for PCA and whitening',
    cell: ({ seconds }) => formatDuration(seconds.pca),
  },
  {
    name: 'k-means',
    explanation: 'time for k-means',
    cell: ({ seconds }) => formatDuration(seconds.kmeans),
  },
  {
    name: 'Training',
    explanation: 'time to train on the pseudo-labels',
    cell: ({ seconds }) => formatDuration(seconds.train),
  },
  {
    name: 'Total',
    explanation: 'time of the epoch',
    cell: ({ seconds }) => formatDuration(phaseTotal(seconds)),
  },
];

export function epochTable(epochs: readonly ReportEpoch[], hasTruth: boolean): Markup {
  const run = { hasTruth, isOnline: epochs.some(({ odc }) => odc !== undefined && odc !== null) };
  const columns = COLUMNS.filter(({ isShown }) => isShown?.(run) ?? true);
  const longest = Math.max(...epochs.map(({ seconds }) => phaseTotal(seconds)));
  const heads = columns.map(
    ({ name, explanation }) => markup`<th scope="col" title="${explanation}">${name}</th>`,
  );
  const rows = epochs.map(
    (epoch) => markup`<tr><th scope="row">${formatCount(epoch.epoch + 1)}</th>${columns.map(
      ({ cell }) => markup`<td>${cell(epoch)}</td>`,
    )}<td class="bar-cell">${phaseBar(epoch.seconds, longest)}</td></tr>
`,
  );
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Epochs">
<table class="epochs">
<thead><tr><th scope="col">Epoch</th>${heads}<td></td></tr></thead>
<tbody>
${rows}</tbody>
</table>
</div>`;
}
