/** The epochs in numbers, one a row. */
import { markup, type Markup } from './markup.ts';
import { formatCount, formatDuration, formatFigure, formatFixed } from './number-format.ts';
import { phaseBar, phaseTotal } from './charts/phase-time.ts';
import type { EpochColumn, ReportAlgorithm, ReportEpoch } from './report-data.ts';

const LEARNING: readonly EpochColumn[] = [
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
];

const TRUTH: EpochColumn = {
  name: 'NMI classes',
  explanation: 'normalised mutual information with the classes of the folders',
  cell: ({ nmiToTruth }) => formatFixed(nmiToTruth, 3),
};

const SIZES: readonly EpochColumn[] = [
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
];

const INERTIA: EpochColumn = {
  name: 'Inertia',
  explanation: 'sum of squared distances to the own centroid',
  cell: ({ inertia }) => formatFigure(inertia),
};

const TIMES: readonly EpochColumn[] = [
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

export function epochTable(
  epochs: readonly ReportEpoch[],
  hasTruth: boolean,
  algorithm: ReportAlgorithm,
): Markup {
  const columns = [
    ...LEARNING,
    ...(hasTruth ? [TRUTH] : []),
    ...algorithm.columns,
    ...SIZES,
    ...(algorithm.clustersEachEpoch ? [INERTIA] : []),
    ...TIMES,
  ];
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
