/** The report of a benchmark in lines for a person. */
import type { BenchReport } from '../../bench/bench.ts';

type Row = BenchReport['rows'][number];

export function benchTable({ machine, engine, date, rows }: BenchReport): string[] {
  const { cpu, cores, gpus } = machine;
  return [
    `machine    ${[`${cpu}, ${cores} cores`, ...gpus].join('; ')}; ${date}`,
    `engine     ${engine.name} ${engine.version}, ${engine.threads} threads`,
    '',
    ...aligned([HEAD, ...rows.map(cellsOf)]),
    ...new Set(rows.flatMap(peerNote)),
  ];
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

/** The first column to the left, the others to the right. */
function aligned(table: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, column) => Math.max(...table.map((cells) => cells[column]!.length)));
  return table.map((cells) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
