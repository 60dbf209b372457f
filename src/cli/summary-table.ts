/** The summary of a run in a few lines for a person. */
import { algorithmNamed } from '../algorithms/registry.ts';
import { standingsOf } from '../report/standing.ts';
import type { RunSummary } from '../report/summary.ts';
import { formatSeconds } from '../telemetry/progress-view.ts';

export function summaryLines(summary: RunSummary, report: string): string[] {
  const rows: [string, string][] = [
    ['run', `${summary.runId}: ${summary.algorithm}, ${summary.architecture} on ${summary.engine}`],
    ['size', sizeOf(summary)],
    ['time', timeOf(summary)],
    ['loss', `${summary.finalLoss.toFixed(3)} (mean of the last epoch)`],
    [
      'NMI',
      `to previous epoch ${score(summary.nmi.toPrevious)}, to classes ${score(summary.nmi.toTruth)}`,
    ],
    ['clusters', clustersOf(summary)],
    ...learningOf(summary),
    ...collapseOf(summary),
    ...algorithmOf(summary),
    ...evaluationOf(summary),
    ['ledger', ledgerOf(summary)],
    ...changesOf(summary),
    ['report', report],
  ];
  return rows.map(([name, text]) => `${name.padEnd(10)} ${text}`);
}

function sizeOf({ workers, images, epochs, steps }: RunSummary): string {
  return `${images} images, ${epochs} epochs, ${steps} steps, ${count(workers, 'worker')}`;
}

function timeOf({ seconds, phaseSeconds, imagesPerSecond }: RunSummary): string {
  const phases = Object.entries(phaseSeconds)
    .filter(([, s]) => s > 0)
    .map(([name, s]) => `${name} ${formatSeconds(s)}`);
  const { extract, train } = imagesPerSecond;
  const speed = `${extract.toFixed(0)} images/s extracted, ${train.toFixed(0)} trained`;
  return `${formatSeconds(seconds)} (${phases.join(', ')}); ${speed}`;
}

/** The last epoch's value. */
function score(byEpoch: readonly (number | null)[] | null): string {
  return byEpoch?.at(-1)?.toFixed(3) ?? 'unknown';
}

function clustersOf({ clusters: { k, empty, entropy }, finalClusters }: RunSummary): string {
  const sizes = `${k}, ${empty} empty, entropy ${entropy.toFixed(3)}`;
  if (finalClusters === null) return `${sizes}; those of the last epoch's beginning`;
  const { nmiToTraining, nmiToTruth } = finalClusters;
  const truth = nmiToTruth === null ? '' : `, to classes ${nmiToTruth.toFixed(3)}`;
  return `${sizes}; by the final network: NMI to the last epoch's ${nmiToTraining.toFixed(3)}${truth}`;
}

/** Nothing for a sound run. */
function learningOf({ learning: { learnt, findings, advice } }: RunSummary): [string, string][] {
  if (findings.length === 0) return [];
  const found = findings.join('; ');
  return [
    learnt ? ['weakness', found] : ['learnt', `NOTHING: ${found}`],
    ...advice.map((line): [string, string] => ['try', line]),
  ];
}

function collapseOf({ collapse: { seen, recovered, now } }: RunSummary): [string, string][] {
  if (seen === 0) return [];
  const state = now === null ? 'sound at the end' : `${now.finding} since epoch ${now.epoch + 1}`;
  return [
    ['collapse', `${state}; seen ${count(seen, 'time')}, recovered ${count(recovered, 'time')}`],
  ];
}

function algorithmOf(summary: RunSummary): [string, string][] {
  const { label, figures } = algorithmNamed(summary.algorithm);
  if (figures === null) return [];
  const own = (summary as unknown as Readonly<Record<string, unknown>>)[figures.key];
  return own === undefined ? [] : [[label, figures.line(own)]];
}

function evaluationOf({ evaluation }: RunSummary): [string, string][] {
  if (!evaluation)
    return [['accuracy', 'not evaluated: no class sub-folders, or evaluation.enabled is false']];
  const { knnTop1, linearTop1, randomKnnTop1, randomLinearTop1, classes, testImages } = evaluation;
  const { pixelsKnnTop1, pixelsLinearTop1, intervals, gains } = evaluation;
  const versus = (trained: number, half: number | undefined, ...others: Others): string => {
    const [random, pixels] = others;
    const raw = pixels === undefined ? '' : `, raw pixels ${percent(pixels)}`;
    const own = half === undefined ? percent(trained) : within(trained, half);
    return `${own} top-1, as initialised ${percent(random)}${raw}`;
  };
  const images = `(${classes} classes, ${testImages} test images)`;
  const knn = versus(knnTop1, intervals?.knnTop1.trained, randomKnnTop1, pixelsKnnTop1);
  const linear = intervals?.linearTop1.trained;
  return [
    ['kNN', `${knn} ${images}`],
    ['linear', versus(linearTop1, linear, randomLinearTop1, pixelsLinearTop1)],
    ...agreementOf(evaluation),
    ...(gains === undefined ? [] : standingsOf(gains)).map(({ text }): [string, string] => [
      'features',
      text,
    ]),
  ];
}

type Others = readonly [random: number, pixels: number | undefined];

/** Of k-means by the features; nothing in runs of earlier releases. */
function agreementOf(evaluation: NonNullable<RunSummary['evaluation']>): [string, string][] {
  const { kmeansNmi, randomKmeansNmi, pixelsKmeansNmi, intervals, classes } = evaluation;
  if (kmeansNmi === undefined || intervals === undefined) return [];
  const half = intervals.kmeansNmi.trained.toFixed(3);
  const random = randomKmeansNmi?.toFixed(3) ?? 'unknown';
  const pixels = pixelsKmeansNmi?.toFixed(3) ?? 'unknown';
  const figures = `NMI ${kmeansNmi.toFixed(3)} ± ${half}, as initialised ${random}, raw pixels ${pixels}`;
  return [['k-means', `${figures} (${count(classes, 'cluster')})`]];
}

/** `81.2 ± 2.1 %` */
function within(fraction: number, half: number): string {
  return `${(100 * fraction).toFixed(1)} ± ${(100 * half).toFixed(1)} %`;
}

function changesOf({ settingChanges }: RunSummary): [string, string][] {
  const changes = settingChanges.map(
    ({ step, key, from, to }) =>
      `${key} from ${JSON.stringify(from)} to ${JSON.stringify(to)} at step ${step}`,
  );
  return changes.length === 0 ? [] : [['changed', changes.join('; ')]];
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}

function ledgerOf({ ledger, unreadable, damaged, restarts }: RunSummary): string {
  const { committed, skipped, duplicates, returned } = ledger;
  const counts = [count(duplicates, 'duplicate'), `${count(returned, 'lease')} returned`];
  return [
    `${committed} samples committed`,
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
    ...counts,
    count(unreadable, 'unreadable image'),
    ...(damaged === 0 ? [] : [count(damaged, 'damaged image')]),
    count(restarts, 'restart'),
  ].join(', ');
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
