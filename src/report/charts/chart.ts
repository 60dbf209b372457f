/**
 * The frame of a chart. The plot is SVG stretched to whatever room there is, with strokes that keep
 * their width; its texts are HTML laid over it by percent, so that they keep their size on a phone.
 * Tooltips are SVG titles: no script.
 */
import { shareOf, type Axis, type Tick } from './axis.ts';
import type { Point } from './curve.ts';
import { markup, type Markup } from '../markup.ts';

/** Side of the plot's square of user units, before it is stretched. */
export const PLOT_SIDE = 1000;

export interface Chart {
  readonly title: string;
  /** What the picture shows, in a sentence for those who do not see it. */
  readonly description: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly xName: string;
  readonly yName: string;
  /** SVG, back to front. */
  readonly layers: readonly Markup[];
  /** Texts laid over the plot. */
  readonly notes?: readonly Markup[];
  readonly legend?: readonly LegendEntry[];
}

export interface LegendEntry {
  /** Class of the line or area, as the style sheet names it. */
  readonly look: string;
  readonly text: string;
}

export function chartFigure(chart: Chart): Markup {
  const { x, y } = chart;
  return markup`<figure class="chart">
<figcaption><h3>${chart.title}</h3>${legendList(chart.legend ?? [])}</figcaption>
<p class="axis-name" aria-hidden="true">${chart.yName}</p>
<div class="plot">
<svg viewBox="0 0 ${PLOT_SIDE} ${PLOT_SIDE}" preserveAspectRatio="none" role="img" aria-label="${chart.description}">
${y.ticks.map((tick) => horizontalLine(y, tick.at, 'grid'))}
${chart.layers}
</svg>
<div aria-hidden="true">
${y.ticks.map((tick) => markup`<span class="y-tick" style="top:${100 * (1 - shareOf(y, tick.at))}%">${tick.label}</span>`)}
${x.ticks.map((tick, i) => xTick(x, tick, i))}
${chart.notes ?? []}
</div>
</div>
<p class="axis-name x" aria-hidden="true">${chart.xName}</p>
</figure>`;
}

/** Every other label goes where there is little room. */
function xTick(axis: Axis, tick: Tick, index: number): Markup {
  const left = 100 * shareOf(axis, tick.at);
  return markup`<span class="x-tick${index % 2 === 1 ? ' spare' : ''}" style="left:${left}%">${tick.label}</span>`;
}

export function legendList(entries: readonly LegendEntry[]): Markup | null {
  if (entries.length === 0) return null;
  const items = entries.map(
    ({ look, text }) => markup`<li><span class="swatch ${look}"></span>${text}</li>`,
  );
  return markup`<ul class="legend">${items}</ul>`;
}

/** User units from the left. */
export function xOf(axis: Axis, value: number): number {
  return PLOT_SIDE * shareOf(axis, value);
}

/** User units from the top. */
export function yOf(axis: Axis, value: number): number {
  return PLOT_SIDE * (1 - shareOf(axis, value));
}

export function horizontalLine(y: Axis, value: number, look: string): Markup {
  return markup`<path class="${look}" d="M0 ${yOf(y, value)}H${PLOT_SIDE}"/>`;
}

export function verticalLine(x: Axis, value: number, look: string): Markup {
  return markup`<path class="${look}" d="M${xOf(x, value)} 0V${PLOT_SIDE}"/>`;
}

/** @param borders x at which the line breaks off and begins anew, ascending */
export function line(
  points: readonly Point[],
  x: Axis,
  y: Axis,
  look: string,
  borders: readonly number[] = [],
): Markup | null {
  if (points.length < 2) return null;
  const path = piecesOf(points, borders).map((piece) => pathThrough(piece, x, y));
  return markup`<path class="line ${look}" d="${path}"/>`;
}

function piecesOf(points: readonly Point[], borders: readonly number[]): Point[][] {
  const pieces: Point[][] = [[]];
  let next = 0;
  for (const point of points) {
    if (next < borders.length && point.x >= borders[next]!) pieces.push([]);
    while (next < borders.length && point.x >= borders[next]!) next += 1;
    pieces.at(-1)!.push(point);
  }
  return pieces.filter((piece) => piece.length > 0);
}

/** Dots that stay round when the plot is stretched: strokes without length, with round ends. */
export function dots(points: readonly Point[], x: Axis, y: Axis, look: string): Markup | null {
  if (points.length === 0) return null;
  const path = points.map((point) => `M${coordinates(point, x, y)}h0`).join('');
  return markup`<path class="dots ${look}" d="${path}"/>`;
}

/** An invisible column that lights up under the pointer and says something. */
export function hotColumn(x: Axis, from: number, to: number, text: string): Markup {
  const left = xOf(x, from);
  return markup`<rect class="hot" x="${left}" y="0" width="${xOf(x, to) - left}" height="${PLOT_SIDE}"><title>${text}</title></rect>`;
}

/** A text beside a horizontal line, at the right end. */
export function lineNote(y: Axis, value: number, text: string): Markup {
  return markup`<span class="line-note" style="top:${100 * (1 - shareOf(y, value))}%">${text}</span>`;
}

function pathThrough(points: readonly Point[], x: Axis, y: Axis): string {
  return `M${points.map((point) => coordinates(point, x, y)).join('L')}`;
}

function coordinates(point: Point, x: Axis, y: Axis): string {
  return `${coordinate(xOf(x, point.x))} ${coordinate(yOf(y, point.y))}`;
}

/** A tenth of a user unit is finer than a pixel. */
function coordinate(value: number): string {
  return String(Math.round(value * 10) / 10);
}
