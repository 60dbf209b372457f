/**
 * The parts of the live page, each from a run's state: data in, markup out. The look is the
 * report's.
 */
import { lossChart } from '../../../src/report/charts/loss-chart.ts';
import { nmiChart } from '../../../src/report/charts/nmi-chart.ts';
import { phaseTimeFigure } from '../../../src/report/charts/phase-time.ts';
import { markup, type Markup, type MarkupValue } from '../../../src/report/markup.ts';
import { montage } from '../../../src/report/montage.ts';
import {
  formatCount,
  formatDuration,
  formatFigure,
  formatNoun,
  formatPercent,
  formatRate,
} from '../../../src/report/number-format.ts';
import type { ClusterSample } from '../../../src/report/report-data.ts';
import type { LiveState, LiveWorker, RunStage } from '../live-state.ts';
import type { Pace } from '../pace.ts';

/** Names of the parts, in the order of the page. */
export const SECTION_NAMES = ['now', 'workers', 'learning', 'clusters', 'events'] as const;

export type SectionName = (typeof SECTION_NAMES)[number];

const STAGES: Readonly<Record<RunStage, string>> = {
  waiting: 'Waiting',
  running: 'Running',
  finished: 'Finished',
  ended: 'Stopped',
};

/** How far the run is. */
export function nowSection(state: LiveState): Markup {
  const { stage, remark, pace, collapsed } = state;
  const head = remark === '' ? STAGES[stage] : `${STAGES[stage]}: ${remark}`;
  const alarm =
    collapsed === ''
      ? null
      : markup`<div class="absent alarm"><h3>The clusters have collapsed</h3><p>${collapsed}</p></div>`;
  return markup`<p class="stage ${stage}"><b>${head}</b></p>
${alarm}
${pace === null || stage !== 'running' ? null : progressBar(pace)}
<dl class="tiles">${tilesOf(state).map(tile)}</dl>`;
}

function progressBar({ progress, perSecond, phaseSecondsLeft }: Pace): Markup {
  const { epoch, epochs, phase, done, total, unit, note } = progress;
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const title = epoch >= epochs ? phase : `Epoch ${epoch + 1} of ${epochs}: ${phase}`;
  const facts = [
    `${formatCount(done)} of ${formatCount(total)} ${unit}`,
    ...(perSecond === null ? [] : [`${formatRate(perSecond)} per second`]),
    ...(phaseSecondsLeft === null || done >= total
      ? []
      : [`${formatDuration(phaseSecondsLeft)} left`]),
    ...(note === undefined ? [] : [note]),
  ];
  return markup`<div class="phase-time">
<div class="progress-head"><h3>${title}</h3><span>${formatPercent(share, 0)}</span></div>
<div class="track trained" role="progressbar" aria-label="${title}" aria-valuemin="0" aria-valuemax="100" aria-valuenow="${Math.round(100 * share)}"><span style="width:${100 * share}%"></span></div>
<p class="note">${facts.join(' · ')}</p>
</div>`;
}

interface Tile {
  readonly name: string;
  readonly figure: string;
  readonly note: string;
}

function tilesOf(state: LiveState): Tile[] {
  const { pace, workers, checkpoints, phaseSeconds, imagesTrained } = state;
  const here = workers.filter((worker) => worker.state !== 'lost' && worker.state !== 'drained');
  const speed = phaseSeconds.train > 0 ? imagesTrained / phaseSeconds.train : null;
  const { newest } = checkpoints;
  return [
    {
      name: 'Epochs done',
      figure: `${formatCount(state.epochsDone)} of ${formatCount(state.epochs)}`,
      note: `step ${formatCount(state.steps)}`,
    },
    {
      name: 'Loss',
      figure: formatFigure(state.loss),
      note: `guessing gives ${formatFigure(Math.log(state.clusters))}`,
    },
    {
      name: 'Time left',
      figure: formatDuration(pace?.runSecondsLeft),
      note: `${formatDuration(state.wallSeconds)} so far`,
    },
    { name: 'Training', figure: formatRate(speed), note: 'images per second' },
    {
      name: 'Workers',
      figure: formatCount(here.length),
      note: `${formatNoun(state.leasesReturned, 'lease')} returned, ${formatNoun(state.restarts, 'restart')}`,
    },
    {
      name: 'Newest checkpoint',
      figure: newest === null ? 'none yet' : `step ${formatCount(newest.step)}`,
      note:
        newest === null
          ? 'one follows each clustering'
          : `${megabytes(newest.bytes)}, ${timeOf(newest.ts)}`,
    },
    {
      name: 'Images',
      figure: formatCount(state.images),
      note: `${formatCount(state.unreadable)} unreadable, ${formatCount(state.damaged)} damaged`,
    },
    {
      name: 'Term',
      figure: formatCount(state.term),
      note: 'rises with each restart of coordinator or server',
    },
  ];
}

function tile({ name, figure, note }: Tile): Markup {
  return markup`<div class="tile"><dt>${name}</dt><dd class="figure">${figure}</dd><dd class="note">${note}</dd></div>`;
}

function megabytes(bytes: number): string {
  return `${formatFigure(bytes / 1e6)}\u00A0MB`;
}

/** `23:59:59 UTC` of an ISO time. */
function timeOf(iso: string): string {
  return `${iso.slice(11, 19)}\u00A0UTC`;
}

/** Who works, who waits, who is gone; and the parameter servers. */
export function workersSection({ workers, servers }: LiveState): Markup {
  if (workers.length === 0) return markup`<p class="absent">No worker has come yet.</p>`;
  const names = ['Worker', 'State', 'Images per second', 'Leases', 'Oldest lease', 'Data shards'];
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Workers">
<table class="workers"><thead><tr>${[...names, 'Orders done', 'Came back', ''].map(
    (name) => markup`<th scope="col">${name}</th>`,
  )}</tr></thead><tbody>
${workers.map(workerRow)}
</tbody></table></div>
<p class="note servers">${formatNoun(servers.length, 'parameter server')}: ${servers.join(', ')}</p>`;
}

function workerRow(worker: LiveWorker): Markup {
  const { id, state, reason, leases, leaseSeconds, shardsHeld, ordersDone, cameBack } = worker;
  const isHere = state !== 'lost' && state !== 'drained';
  const cells: MarkupValue[] = [
    formatRate(worker.imagesPerSecond),
    formatCount(leases),
    formatDuration(leaseSeconds),
    formatCount(shardsHeld),
    formatCount(ordersDone),
    formatCount(cameBack),
  ];
  const button =
    isHere && state !== 'draining'
      ? markup`<button type="button" data-do="drain" data-worker="${id}" data-key="drain ${id}" aria-label="Drain ${id}">Drain</button>`
      : null;
  const title = reason === '' ? null : markup` title="${reason}"`;
  return markup`<tr><th scope="row">${id}</th><td class="worker-state ${state}"${title}>${state}</td>${cells.map(
    (cell) => markup`<td>${isHere ? cell : '–'}</td>`,
  )}<td>${button}</td></tr>`;
}

/** The curves, and where the time went. */
export function learningSection(state: LiveState, losses: readonly number[]): Markup {
  const { byEpoch, clusters, phaseSeconds } = state;
  const toTruth = byEpoch.flatMap(({ nmiToTruth }) => (nmiToTruth === null ? [] : [nmiToTruth]));
  const summary = {
    clusters: { k: clusters },
    nmi: { toTruth: toTruth.length > 0 ? toTruth : null },
  };
  const charts = [
    lossChart({ lossByStep: losses, epochs: byEpoch, summary }),
    byEpoch.length === 0 ? null : nmiChart({ epochs: byEpoch, summary }),
  ];
  const isEmpty = charts.every((chart) => chart === null);
  return markup`${isEmpty ? markup`<p class="absent">Curves begin with the first step.</p>` : markup`<div class="charts">${charts}</div>`}
<div class="time">${phaseTimeFigure({ phaseSeconds })}</div>`;
}

export function clustersSection(samples: readonly ClusterSample[]): Markup {
  if (samples.length > 0) return montage(samples);
  return markup`<p class="absent">The first clustering is not done yet.</p>`;
}

/** The newest events with their reasons. */
export function eventsSection({ events }: LiveState): Markup {
  if (events.length === 0) return markup`<p class="absent">Nothing has happened yet.</p>`;
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Events">
<table class="settings"><thead><tr><th scope="col">Time</th><th scope="col">Event</th><th scope="col">Reason</th></tr></thead><tbody>
${events.map(
  ({ ts, event, reason }) =>
    markup`<tr><td><time datetime="${ts}">${timeOf(ts)}</time></td><td><code>${event}</code></td><td>${reason}</td></tr>`,
)}
</tbody></table></div>`;
}
