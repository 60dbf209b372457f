/**
 * The evaluation of a run in lines for a person: each figure, that of the network as it was
 * initialised, what it means.
 */
import { CLUSTERINGS } from '../evaluation/class-agreement.ts';
import type { ClusterQuality } from '../evaluation/cluster-quality.ts';
import type { OfNetworks } from '../evaluation/gains.ts';
import { standingsOf } from '../report/standing.ts';
import type {
  AccuracyFigures,
  ClusterFigures,
  Compared,
  EvaluationReport,
  MeanAndSpread,
  PerClassFigures,
} from '../run/evaluation/report.ts';
import { alignedRows } from './aligned-rows.ts';

/** Name, figure of the run, of the initial network, and of raw pixels, meaning. */
type Row = readonly [
  name: string,
  trained: string,
  random: string,
  pixels: string,
  meaning: string,
];

const HEAD: Row = ['figure', 'trained', 'random', 'pixels', ''];
const NONE = '-';
const NO_CLASSES =
  'no accuracies: there are no class sub-folders with two images or more to learn and test by';

export function evaluationTable(report: EvaluationReport): string[] {
  const rows = [
    HEAD,
    ...clusterRows(report),
    ...viewRows(report),
    ...(report.accuracy === null ? [] : accuracyRows(report, report.accuracy)),
  ];
  return [
    `run        ${report.runId}: ${report.algorithm}, ${report.architecture}, ${report.checkpoint} on ${report.engine}`,
    `images     ${imagesOf(report)}`,
    `feature    ${report.representation}; random: the same network as it was initialised; pixels: the images themselves`,
    '',
    ...alignedRows(rows, [0, 4]),
    ...['', ...(report.accuracy === null ? [NO_CLASSES] : verdictLines(report.accuracy))],
  ];
}

function verdictLines({ gains, intervals }: AccuracyFigures): string[] {
  return [
    ...standingsOf(gains).map(({ text }) => `The trained features are ${text}.`),
    `±: intervals of 95 %, from the ${intervals.from}.`,
  ];
}

function imagesOf({ images, unreadable, classes, data, accuracy }: EvaluationReport): string {
  return [
    `${images} of ${data}`,
    ...(unreadable === 0 ? [] : [`${unreadable} unreadable`]),
    ...(classes === null ? [] : [`${classes} classes`]),
    ...(accuracy === null
      ? []
      : [`${accuracy.trainImages} to learn from, ${accuracy.testImages} to test on`]),
  ].join(', ');
}

function clusterRows({ k, clusters, ownClusters, nmiToPrevious }: EvaluationReport): Row[] {
  const { trained, random } = clusters;
  const row = (
    name: string,
    figure: (of: ClusterFigures) => number | null,
    meaning: string,
    format = fixed,
  ): Row => [
    name,
    format(trained && figure(trained)),
    format(random && figure(random)),
    NONE,
    meaning,
  ];
  const agreement = (
    name: string,
    key: keyof ClusterQuality,
    meaning: string,
    format = fixed,
  ): Row => row(name, (of) => of.agreement?.[key] ?? null, meaning, format);
  return [
    row('empty clusters', ({ empty }) => empty, `of ${k} that the images are put in anew`, whole),
    row('cluster entropy', ({ entropy }) => entropy, '1: all of one size; 0: one has all'),
    row('silhouette', ({ silhouette }) => silhouette, '1: clusters far apart; 0: side by side'),
    ...((trained?.agreement ?? null) === null
      ? []
      : [
          agreement('NMI to classes', 'nmi', 'shared information, geometric mean as in the paper'),
          agreement('NMI, arithmetic', 'nmiArithmetic', 'the same as the V-measure'),
          agreement('ARI', 'ari', 'pairs put together rightly; 0 by chance'),
          agreement('cluster accuracy', 'accuracy', 'each class given one cluster', percent),
          agreement('purity', 'purity', "of their cluster's most frequent class", percent),
          agreement('homogeneity', 'homogeneity', '1: no cluster mixes classes'),
          agreement('completeness', 'completeness', '1: no class is spread over clusters'),
        ]),
    ...ownRows(ownClusters),
    ['NMI to epoch before', fixed(nmiToPrevious.at(-1) ?? null), NONE, NONE, course(nmiToPrevious)],
  ];
}

/** Of the clusters by the run's own centroids. */
function ownRows(own: ClusterFigures | null): Row[] {
  if (own === null) return [];
  const { empty, entropy, agreement } = own;
  const nmi = agreement === null ? '' : `, NMI to classes ${fixed(agreement.nmi)}`;
  const meaning = `entropy by the centroids of the last epoch; ${empty} empty${nmi}`;
  return [['own centroids', fixed(entropy), NONE, NONE, meaning]];
}

/** The agreement of the first, of a middle and of the last epoch that has one. */
function course(nmiToPrevious: readonly (number | null)[]): string {
  const known = nmiToPrevious.filter((nmi) => nmi !== null);
  if (known.length === 0) return 'known from the second clustering on';
  const places = new Set([0, Math.floor((known.length - 1) / 2), known.length - 1]);
  return [...places].map((at) => fixed(known[at]!)).join(' … ');
}

function viewRows({ views }: EvaluationReport): Row[] {
  const { images, sameImage, sameCluster, sameClusterByChance } = views;
  const { trained, random } = sameClusterByChance;
  const chance = `of a random view; by chance ${percent(trained)} and ${percent(random)}`;
  return [
    comparedRow('view finds its image', sameImage, `nearest of ${images} to a random view of it`),
    comparedRow('view stays in cluster', sameCluster, chance),
  ];
}

function accuracyRows(report: EvaluationReport, accuracy: AccuracyFigures): Row[] {
  const { knnTop1, linearTop1, kmeansNmi, intervals, lowShot, perClass, layers } = accuracy;
  const { representation, classes } = report;
  const agreement = `of ${classes ?? 0} clusters by cosine with the classes, mean of ${CLUSTERINGS} seeds`;
  return [
    networksRow('k-means NMI', kmeansNmi, intervals.kmeansNmi, agreement, fixedWithin),
    networksRow('kNN top-1', knnTop1, intervals.knnTop1, 'majority of the nearest by cosine'),
    networksRow('linear probe top-1', linearTop1, intervals.linearTop1, `of ${representation}`),
    ...lowShot.map((low) =>
      comparedRow(`  ${100 * low.fraction} % of labels`, low, `the same with ${low.labels} labels`),
    ),
    ...perClass.map(perClassRow),
    ...layers.map((layer) =>
      comparedRow(
        `  ${layer.layer}`,
        layer,
        `of its maps, ${layer.map[0]} x ${layer.map[0]} x ${layer.map[1]} averaged to ${layer.dim}`,
      ),
    ),
  ];
}

function perClassRow({ perClass, labels, draws, trained, random }: PerClassFigures): Row {
  const cell = ({ mean, spread }: MeanAndSpread): string => percentWithin(mean, spread);
  const meaning = `the same with ${labels} labels, mean and spread of ${draws} draws`;
  return [`  ${perClass} of each class`, cell(trained), cell(random), NONE, meaning];
}

function comparedRow(
  name: string,
  { trained, random }: Compared<number | null>,
  meaning: string,
): Row {
  return [name, percent(trained), percent(random), NONE, meaning];
}

/** A figure of all three, each with its interval. */
function networksRow(
  name: string,
  { trained, random, pixels }: OfNetworks<number>,
  halves: OfNetworks<number>,
  meaning: string,
  cell: (value: number, half: number) => string = percentWithin,
): Row {
  return [
    name,
    cell(trained, halves.trained),
    cell(random, halves.random),
    cell(pixels, halves.pixels),
    meaning,
  ];
}

function percentWithin(fraction: number, half: number): string {
  return `${(100 * fraction).toFixed(1)} ± ${(100 * half).toFixed(1)} %`;
}

function fixedWithin(value: number, half: number): string {
  return `${value.toFixed(3)} ± ${half.toFixed(3)}`;
}

function whole(value: number | null): string {
  return value === null ? NONE : String(value);
}

function fixed(value: number | null): string {
  return value === null ? NONE : value.toFixed(3);
}

function percent(fraction: number | null): string {
  return fraction === null ? NONE : `${(100 * fraction).toFixed(1)} %`;
}
