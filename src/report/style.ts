/** The look of the page: one column, quiet colours, light or dark as the reader's system is. */
import { markup } from './markup.ts';

export const STYLE = markup`<style>
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --card: #ffffff; --ink: #1c1f24; --soft: #5a616c; --line: #e3e3de; --grid: #ecece8;
  --first: #2a62c9; --second: #b8550f; --raw: #a9c0e8; --reference: #767d88; --bar: #8fb0e6; --quiet: #b3b9c2;
  --up: #1b7a46; --down: #b3261e; --hot: rgb(28 31 36 / 6%); --hot-solid: #f1f1ee; --edge: #8d939c;
  --extract: #2a62c9; --pca: #8a5cc2; --kmeans: #d9822b; --train: #2c9a78; --evaluate: #b5477a; --rest: #c6cad1; --lost: #8a1f1f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1c1f25; --ink: #e8eaee; --soft: #a2a9b5; --line: #2e333c; --grid: #282c34;
    --first: #7aa7f7; --second: #f0a05a; --raw: #3d5482; --reference: #8b93a0; --bar: #45669f; --quiet: #5b636f;
    --up: #62c48e; --down: #f2867d; --hot: rgb(255 255 255 / 7%); --hot-solid: #2a2e36; --edge: #646b77;
    --extract: #7aa7f7; --pca: #b892ea; --kmeans: #f0a05a; --train: #5cc3a1; --evaluate: #e487b4; --rest: #4a515c; --lost: #e06c6c;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
header, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 48px; }
h1, h2, h3, p, figure, dl, dd, ul { margin: 0; padding: 0; }
ul { list-style: none; }
h1 { font-size: 34px; line-height: 1.2; letter-spacing: -0.02em; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 20px; line-height: 1.3; letter-spacing: -0.01em; font-weight: 620; margin: 48px 0 16px; }
h3 { font-size: 15px; font-weight: 600; }
code { font: 13px/1.5 ui-monospace, SFMono-Regular, 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; overflow-wrap: anywhere; }
.kind { color: var(--soft); font-size: 13px; margin-bottom: 4px; }
.lead { font-size: 17px; margin-top: 14px; max-width: 44em; text-wrap: pretty; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 20px; margin-top: 10px; color: var(--soft); }
.note { color: var(--soft); font-size: 13px; }
footer { color: var(--soft); font-size: 13px; padding-top: 40px; padding-bottom: 56px; }

.score, .tiles, .chart, .phase-time, .cluster, .scroll, .absent {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px;
}
.scores { display: grid; grid-template-columns: 1fr 1fr; gap: 16px; margin-bottom: 10px; }
.score { padding: 20px 24px 22px; }
.score h3, .tile dt { color: var(--soft); font-size: 13px; font-weight: 500; }
.score .figure { font-size: 46px; line-height: 1.15; font-weight: 650; letter-spacing: -0.03em; }
.difference { margin: 2px 0 16px; color: var(--soft); }
.difference.up b { color: var(--up); }
.difference.down b { color: var(--down); }
.score-bar { display: grid; grid-template-columns: 6em 1fr 7.5em; gap: 12px; align-items: center; font-size: 13px; }
.score-bar + .score-bar { margin-top: 6px; }
.score-bar .name { color: var(--soft); white-space: nowrap; }
.score-bar .value { text-align: right; }
.track { display: block; height: 8px; border-radius: 4px; background: var(--grid); overflow: hidden; }
.track span { display: block; height: 100%; border-radius: 4px; }
.trained .track span { background: var(--first); }
.random .track span, .pixels .track span { background: var(--quiet); }
.standings { list-style: none; padding: 0; margin: 0 0 10px; }
.standings li { padding: 4px 0 4px 12px; border-left: 4px solid var(--quiet); }
.standings .up { border-left-color: var(--up); }
.standings .down { border-left-color: var(--down); }
.standings .down b { color: var(--down); }
.absent { padding: 16px 24px; color: var(--soft); }
.absent.alarm, .absent.remark { color: var(--ink); border-left: 4px solid var(--quiet); margin-bottom: 16px; }
.absent.alarm { border-left-color: var(--down); }
.absent.alarm h3 { color: var(--down); }
.absent ul { list-style: disc; padding-left: 20px; }

.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1px; margin-top: 16px; overflow: hidden; background: var(--line); }
.tile { background: var(--card); padding: 16px 20px; }
.tile .figure { font-size: 24px; line-height: 1.35; font-weight: 620; letter-spacing: -0.015em; }

.charts { display: grid; grid-template-columns: 1fr 1fr; gap: 16px; }
.chart { padding: 18px 24px 14px; min-width: 0; }
.chart:first-child, .chart:nth-child(2):last-child { grid-column: 1 / -1; }
.chart figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 2px 20px; margin-bottom: 12px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; color: var(--soft); font-size: 13px; align-items: center; }
.legend li { display: flex; align-items: center; gap: 7px; }
.swatch { flex: none; width: 16px; height: 3px; border-radius: 2px; }
.swatch.first { background: var(--first); }
.swatch.second { background: var(--second); }
.swatch.raw { background: var(--raw); }
.swatch.reference { height: 0; border-radius: 0; border-top: 2px dashed var(--reference); }
.swatch.bar { width: 11px; height: 11px; background: var(--bar); }
.swatch.none { display: none; }
.axis-name { color: var(--soft); font-size: 12px; }
.axis-name.x { text-align: right; }
.plot { position: relative; height: 230px; margin: 8px 4px 26px 40px; }
.chart:first-child .plot { height: 290px; }
.plot svg { display: block; width: 100%; height: 100%; overflow: visible; }
.plot path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
.plot .grid { stroke: var(--grid); stroke-width: 1; }
.plot .epoch-line { stroke: var(--line); stroke-width: 1; }
.plot .reference { stroke: var(--reference); stroke-width: 1.5; stroke-dasharray: 5 4; stroke-linecap: butt; }
.plot .line { stroke-width: 2; }
.plot .dots { stroke-width: 7; }
.plot .first { stroke: var(--first); }
.plot .second { stroke: var(--second); }
.plot .raw { stroke: var(--raw); stroke-width: 1; }
.plot .bar { fill: var(--bar); stroke: none; }
.hot { fill: transparent; }
.hot:hover { fill: var(--hot); }
.y-tick, .x-tick, .line-note, .epoch-note { position: absolute; font-size: 12px; line-height: 1; color: var(--soft); white-space: nowrap; pointer-events: none; }
.y-tick { right: 100%; margin-right: 10px; transform: translateY(-50%); }
.x-tick { top: 100%; margin-top: 9px; transform: translateX(-50%); }
.line-note { right: 0; padding: 2px 0 2px 6px; transform: translateY(calc(-100% - 3px)); border-radius: 3px; background: var(--card); }
.epoch-note { top: 0; padding-left: 5px; font-size: 11px; }

.phase-time { padding: 18px 24px; margin-bottom: 16px; }
.phase-time .stack { height: 18px; margin: 12px 0; border-radius: 5px; }
.stack { display: flex; gap: 1px; overflow: hidden; height: 8px; border-radius: 3px; }
.stack span { min-width: 1px; }
.stack .extract, .swatch.extract { background: var(--extract); }
.stack .pca, .swatch.pca { background: var(--pca); }
.stack .kmeans, .swatch.kmeans { background: var(--kmeans); }
.stack .train, .swatch.train { background: var(--train); }
.stack .evaluate, .swatch.evaluate { background: var(--evaluate); }
.stack .rest, .swatch.rest { background: var(--rest); }
.stack .lost, .swatch.lost { background: var(--lost); }
.phase-time .swatch { width: 11px; height: 11px; }

.scroll { overflow: auto; max-height: 560px; }
.scroll:focus-visible { outline: 2px solid var(--first); outline-offset: 2px; }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: 13.5px; }
th, td { padding: 8px 12px; text-align: right; white-space: nowrap; font-weight: 400; }
th:first-child, td:first-child { padding-left: 24px; }
th:last-child, td:last-child { padding-right: 24px; }
thead th, thead td { position: sticky; top: 0; background: var(--card); color: var(--soft); font-size: 12.5px; border-bottom: 1px solid var(--line); }
thead th[title] { cursor: help; }
tbody tr + tr > * { border-top: 1px solid var(--grid); }
tbody tr:hover > * { background: var(--hot); }
.epochs tbody th { color: var(--soft); }
.bar-cell { width: 18%; min-width: 110px; }
.settings th, .settings td { text-align: left; vertical-align: top; }
.settings td { white-space: normal; overflow-wrap: anywhere; }
.settings td:last-child { color: var(--soft); }

.montage { display: grid; grid-template-columns: repeat(3, 1fr); gap: 16px; }
.cluster { padding: 16px 18px 18px; min-width: 0; }
.cluster figcaption { display: flex; justify-content: space-between; gap: 12px; align-items: baseline; }
.cluster figcaption span { color: var(--soft); font-size: 13px; }
.majority { display: flex; align-items: center; gap: 10px; color: var(--soft); font-size: 13px; margin-top: 2px; min-width: 0; }
.majority > span:last-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.majority b { color: var(--ink); font-weight: 600; }
.share { flex: none; width: 56px; height: 6px; border-radius: 3px; background: var(--grid); overflow: hidden; }
.share span { display: block; height: 100%; background: var(--second); }
.images { display: grid; grid-template-columns: repeat(6, 1fr); gap: 4px; margin-top: 12px; }
.images img { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 4px; background: var(--grid); overflow: hidden; font-size: 0; }

.faults td:first-child, .faults th, .skipped th, .skipped td { text-align: left; }
.faults td:last-child, .skipped td { white-space: normal; overflow-wrap: anywhere; text-align: left; }
.filters { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 18px 24px; }
.filters img { display: block; max-width: 100%; image-rendering: pixelated; margin: 4px 0 10px; }

@media (max-width: 960px) {
  .montage { grid-template-columns: 1fr 1fr; }
  .tiles { grid-template-columns: 1fr 1fr; }
}
@media (max-width: 720px) {
  header, main, footer { padding-left: 16px; padding-right: 16px; }
  header { padding-top: 28px; }
  h1 { font-size: 26px; }
  h2 { margin-top: 36px; }
  .scores, .charts, .montage { grid-template-columns: minmax(0, 1fr); }
  .score, .chart, .phase-time { padding-left: 16px; padding-right: 16px; }
  .tile { padding: 14px 16px; }
  .tile .figure { font-size: 20px; }
  .chart:first-child .plot { height: 230px; }
  .x-tick.spare, .epoch-note { display: none; }
  th:first-child, td:first-child { padding-left: 16px; }
}
@media print {
  body { background: none; }
  .scroll { max-height: none; overflow: visible; }
  .score, .tiles, .chart, .phase-time, .cluster { break-inside: avoid; }
}
</style>`;
