/** The report of a benchmark in lines for a person. */
import type { BenchReport } from '../../bench/bench.ts';
import type { ChaosReport, ChaosRun } from '../../bench/chaos/chaos.ts';
import { paceOf, type PlaneReport } from '../../bench/clustering-plane/plane.ts';
import type { ModesReport } from '../../bench/modes/modes.ts';
import type { PsReport } from '../../bench/ps/ps.ts';
import { alignedRows } from './aligned-rows.ts';

type Row = BenchReport['rows'][number];

export function benchTable({ machine, engine, date, rows }: BenchReport): string[] {
  const { cpu, cores, gpus } = machine;
  return [
    `machine    ${[`${cpu}, ${cores} cores`, ...gpus].join('; ')}; ${date}`,
    `engine     ${engine.name} ${engine.version}, ${engine.threads} threads`,
    '',
    ...alignedRows([HEAD, ...rows.map(cellsOf)], [0]),
    ...new Set(rows.flatMap(peerNote)),
  ];
}

/** What the disturbed runs came to, a line each. */
export function chaosLines({ runs }: ChaosReport['chaos']): string[] {
  return runs.map(({ algorithm, kills, steps, ledger, ...run }) => {
    const losses =
      run.lossDifference === 0 ? 'the same losses' : `losses differ by ${run.lossDifference}`;
    const parameters = run.parametersEqual ? 'the same parameters' : 'OTHER PARAMETERS';
    const draws = run.ledgerExact ? 'each draw once' : `LEDGER OFF: ${ledger.committed} draws`;
    return `${algorithm}: ${kills} kills over ${steps} steps${fieldOf(run.field)}: ${losses}, ${parameters}, ${draws}`;
  });
}

/** What else befell the run. */
function fieldOf({
  vanishings,
  imagesVanished,
  seconds,
  refused,
  successors,
}: ChaosRun['field']): string {
  const away = `, images away ${vanishings} times (${imagesVanished})`;
  const twice = `, started twice ${seconds} times (${refused} refused, ${successors} went on)`;
  return `${vanishings === 0 ? '' : away}${seconds === 0 ? '' : twice}`;
}

/** What a step of k-means cost the coordinator, a row for each way of doing it. */
export function planeLines({ machine, date, size, workers, ...report }: PlaneReport): string[] {
  const { images, dim, k, shardSize } = size;
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
  const rows = report.runs.map((run) => [
    run.isFolded ? 'folded in the worker' : 'each data shard',
    paceOf(run),
    String(run.results),
    megabytes(run.resultBytes),
    `${((100 * run.resultBytes) / report.wholeBytes).toFixed(2)} %`,
    run.cpuSeconds.toFixed(2),
    megabytes(run.peakBytes),
    run.seconds.toFixed(1),
  ]);
  return [
    `machine    ${[`${machine.cpu}, ${machine.cores} cores`, ...machine.gpus].join('; ')}; ${date}`,
    `step       ${images} x ${dim}, k ${k}, data shards of ${shardSize}, ${workers} workers`,
    `whole      ${megabytes(report.wholeBytes)} MB: all sums of every data shard`,
    '',
    ...alignedRows([PLANE_HEAD, ...rows], [0, 1]),
  ];
}

const PLANE_HEAD = [
  ...['sums', 'shards', 'results', 'MB', 'of whole', 'CPU s', 'peak MB', 'step s'],
];

/** What each mode came to, a row each, and what it took. */
export function modesLines({
  machine,
  date,
  images,
  epochs,
  workers,
  runs,
}: ModesReport): string[] {
  const rows = runs.map(({ mode, localSteps, steps, samples, exchangedBytes, knnTop1, points }) => {
    const last = points.at(-1);
    return [
      mode === 'sync' ? 'sync' : `local, ${localSteps} steps`,
      String(steps),
      last?.loss.toFixed(3) ?? '-',
      knnTop1 === null ? '-' : `${(100 * knnTop1).toFixed(1)} %`,
      figure(last?.trainSeconds),
      figure(last?.trainCpuSeconds ?? undefined),
      (exchangedBytes / 1e6).toFixed(1),
      (exchangedBytes / samples / 1e3).toFixed(2),
    ];
  });
  return [
    `machine    ${[`${machine.cpu}, ${machine.cores} cores`, ...machine.gpus].join('; ')}; ${date}`,
    `runs       ${images} images, ${epochs} epochs, ${workers} workers; loss of the last epoch`,
    '',
    ...alignedRows([MODES_HEAD, ...rows], [0]),
  ];
}

const MODES_HEAD = [
  ...['mode', 'commits', 'loss', 'kNN', 'train s', 'train CPU s', 'MB exchanged', 'kB an image'],
];

/** What an exchange moved and took, beside its times. */
export function psLines(ps: PsReport['ps']): string[] {
  const { workerBytes, peakBytes, checkedElements, sha256 } = ps;
  const { sockets } = workerBytes;
  const through = sockets === null ? '' : `, ${megabytes(sockets.median)} through its sockets`;
  const servers = peakBytes.servers.length === 0 ? [] : [`servers ${listed(peakBytes.servers)}`];
  const role = peakBytes.servers.length === 0 ? 'coordinator with server' : 'coordinator';
  const peaks = [
    ...servers,
    `workers ${listed(peakBytes.workers)}`,
    `${role} ${megabytes(peakBytes.coordinator)}`,
  ];
  return [
    `a worker moves ${megabytes(workerBytes.vectors)} of vectors in a step${through}`,
    `peak memory: ${peaks.join('; ')}`,
    `result     ${checkedElements} elements are those of plain arithmetic; all have sha256 ${sha256}`,
  ];
}

function listed(bytes: readonly number[]): string {
  return bytes.map(megabytes).join(', ');
}

function megabytes(bytes: number): string {
  return `${figure(bytes / 1e6)} MB`;
}

const HEAD = ['row', 'median', '(min .. max)', 'unit', 'GFLOPS', 'of limit', 'peer', 'ratio'];

function cellsOf({ name, unit, ours, gflops, shareOfLimit, peer, ratio }: Row): string[] {
  return [
    name,
    figure(ours.median),
    `(${figure(ours.min)} .. ${figure(ours.max)})`,
    unit,
    figure(gflops),
    shareOfLimit === undefined ? '-' : `${(100 * shareOfLimit).toFixed(0)} %`,
    figure(peer?.median),
    ratio === undefined ? '-' : `${ratio.toFixed(2)} x`,
  ];
}

/** The same for many rows, and then said once. */
function peerNote({ peer, peerMissing }: Row): string[] {
  if (peer !== undefined) return [`peer       ${peer.name}`];
  return peerMissing === undefined ? [] : [`no peer    ${peerMissing}`];
}

/** Three digits that count. */
function figure(value: number | undefined): string {
  if (value === undefined) return '-';
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
