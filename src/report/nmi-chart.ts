/** Agreement of the clusterings by epoch: with the one before (do the groups settle?) and with the classes, if known. */
import { tightAxis, type Axis } from './axis.ts';
import { chartFigure, dots, hotColumn, line, type LegendEntry } from './chart.ts';
import type { Point } from './curve.ts';
import { markup, type Markup } from './markup.ts';
import { formatFixed } from './number-format.ts';
import type { ReportEpoch } from './report-data.ts';

/** Above this, dots would run into a line anyway. */
const DOTS = 60;
const COLUMNS = 250;

interface Series {
  readonly name: string;
  readonly look: string;
  readonly points: readonly Point[];
}

export function nmiChart(epochs: readonly ReportEpoch[]): Markup {
  const series = [
    seriesOf(epochs, 'with the previous epoch', 'first', (epoch) => epoch.nmiToPrevious),
    seriesOf(epochs, 'with the classes', 'second', (epoch) => epoch.nmiToTruth),
  ].filter(({ points }) => points.length > 0);
  if (series.length === 0) {
    return markup`<figure class="chart"><figcaption><h3>Agreement of clusterings (NMI)</h3></figcaption>
<p class="empty">Nothing to compare yet: it takes a second epoch, or class sub-folders.</p></figure>`;
  }
  const x = epochAxis(epochs);
  const y = tightAxis(0, 1);
  return chartFigure({
    title: 'Agreement of clusterings (NMI)',
    description: `NMI by epoch: ${series.map(({ name, points }) => `${name} ${formatFixed(points.at(-1)?.y, 3)} at the end`).join(', ')}.`,
    x,
    y,
    xName: 'epoch',
    yName: '0 unrelated, 1 the same',
    legend: series.map(legendOf),
    layers: series
      .map(({ points, look }) => {
        const marks = points.length <= DOTS ? dots(points, x, y, look) : null;
        return markup`${line(points, x, y, look)}${marks}`;
      })
      .concat(columns(epochs, series, x)),
  });
}

function seriesOf(
  epochs: readonly ReportEpoch[],
  name: string,
  look: string,
  valueOf: (epoch: ReportEpoch) => number | null,
): Series {
  const points = epochs.flatMap((epoch) => {
    const y = valueOf(epoch);
    return y !== null && Number.isFinite(y) ? [{ x: epoch.epoch + 1, y }] : [];
  });
  return { name, look, points };
}

function legendOf({ name, look, points }: Series): LegendEntry {
  return { look, text: `${name}, now ${formatFixed(points.at(-1)?.y, 3)}` };
}

/** Half an epoch of room on both sides, so that single dots lie within. */
function epochAxis(epochs: readonly ReportEpoch[]): Axis {
  const first = (epochs[0]?.epoch ?? 0) + 1;
  const last = (epochs.at(-1)?.epoch ?? 0) + 1;
  return tightAxis(first - 0.5, last + 0.5, { intervals: 8, isWhole: true });
}

function columns(epochs: readonly ReportEpoch[], series: readonly Series[], x: Axis): Markup[] {
  const every = Math.ceil(epochs.length / COLUMNS);
  return epochs
    .filter((_, i) => i % every === 0)
    .map(({ epoch }) => {
      const values = series.flatMap(({ name, points }) => {
        const point = points.find((candidate) => candidate.x === epoch + 1);
        return point ? [`${name} ${formatFixed(point.y, 3)}`] : [];
      });
      const from = epoch + 0.5;
      const text = `epoch ${epoch + 1}: ${values.length > 0 ? values.join(', ') : 'nothing to compare'}`;
      return hotColumn(x, from, Math.min(from + every, x.high), text);
    });
}
