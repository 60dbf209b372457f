/** ODC by epoch: how many images still change their pseudo-label. It should fall, and stay above zero. */
import { tightAxis } from '../../report/charts/axis.ts';
import { chartFigure, dots, hotColumn, line } from '../../report/charts/chart.ts';
import type { Markup } from '../../report/markup.ts';
import { formatCount, formatFixed } from '../../report/number-format.ts';
import type { ReportData } from '../../report/report-data.ts';
import { odcFiguresOf } from './epoch-figures.ts';

/** More dots would run together. */
const MAX_DOTS = 40;

/** Null where no epoch has figures. */
export function changeChart({ epochs }: ReportData): Markup | null {
  const points = epochs.flatMap((epoch, i) => {
    const odc = odcFiguresOf(epoch);
    return odc === null ? [] : [{ x: i + 1, y: odc.changeRatio }];
  });
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return null;
  const x =
    epochs.length === 1
      ? tightAxis(0.5, 1.5, { isWhole: true })
      : tightAxis(1, epochs.length, { isWhole: true });
  const y = tightAxis(0, 1);
  const marks = points.length <= MAX_DOTS ? [dots(points, x, y, 'first')] : [];
  const columns = points.map((point) =>
    hotColumn(
      x,
      Math.max(x.low, point.x - 0.5),
      Math.min(x.high, point.x + 0.5),
      `Epoch ${formatCount(point.x)}: ${formatFixed(point.y, 3)} changed`,
    ),
  );
  return chartFigure({
    title: 'Images that change their cluster',
    description: `Share of the drawn images whose pseudo-label changed, by epoch: from ${formatFixed(first.y, 3)} to ${formatFixed(last.y, 3)}.`,
    x,
    y,
    xName: 'epoch',
    yName: 'share of the draws',
    layers: [line(points, x, y, 'first'), ...marks, ...columns].filter((layer) => layer !== null),
  });
}
