/** The style sheet of the report page: light and dark, wide and narrow, screen and paper. */

export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --page: #f5f4f0; --card: #ffffff; --edge: #e3e0d8;
  --ink: #1c2128; --soft: #59616e; --grid: #ebe9e3; --border: #dcd9d0;
  --first: #1f6f8b; --first-light: #a9cbd6; --second: #b85c1e; --reference: #8a6d1d;
  --gain: #22754a; --loss: #b3372f; --hot: rgb(31 111 139 / 9%);
  --phase-1: #1f6f8b; --phase-2: #7fb2c2; --phase-3: #d8a24a; --phase-4: #b85c1e; --phase-5: #b9b4a8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101317; --card: #181c22; --edge: #272d36;
    --ink: #e7eaee; --soft: #a3acb9; --grid: #242a32; --border: #2f3640;
    --first: #6dbcd6; --first-light: #2f5563; --second: #eb9a5b; --reference: #d3b45c;
    --gain: #6ccb98; --loss: #f08a80; --hot: rgb(109 188 214 / 12%);
    --phase-1: #4fa3bf; --phase-2: #2f6577; --phase-3: #d8ad63; --phase-4: #d98345; --phase-5: #59606b;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 1120px; margin: 0 auto; padding: 3.5rem 1.5rem 3rem; }
h1, h2, h3, p, dl, dd, ul, figure { margin: 0; }
h1 { font-size: clamp(1.7rem, 1.2rem + 2.2vw, 2.6rem); line-height: 1.15; letter-spacing: -.02em; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; font-weight: 620; letter-spacing: -.01em; margin: 0 0 .9rem; }
h3 { font-size: .95rem; font-weight: 600; }
code { font: .92em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
section { margin-top: 2.75rem; }
.soft { color: var(--soft); font-weight: 400; }
.small { color: var(--soft); font-size: .85rem; }
.eyebrow { color: var(--first); font-size: .8rem; font-weight: 650; letter-spacing: .09em; text-transform: uppercase; margin-bottom: .4rem; }
.meta { color: var(--soft); margin-top: .6rem; font-size: .92rem; overflow-wrap: anywhere; }
.verdict { font-size: 1.12rem; max-width: 46rem; margin-top: 1.3rem; text-wrap: pretty; }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 12px; padding: 1.15rem 1.25rem; min-width: 0; }
.empty { color: var(--soft); padding: 1rem 0; }

.scores, .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
.card + .pair, .scores + .small { margin-top: 1rem; }
.score h3 { color: var(--soft); font-weight: 550; }
.large { font-size: 2.7rem; line-height: 1.2; font-weight: 640; letter-spacing: -.03em; }
.gain { color: var(--gain); font-weight: 620; }
.loss { color: var(--loss); font-weight: 620; }
.track { position: relative; height: 8px; border-radius: 4px; background: var(--grid); margin: 1.2rem 8px .9rem; }
.track span { position: absolute; top: 0; }
.track .span { height: 8px; opacity: .45; }
.track .up { background: var(--first); }
.track .down { background: var(--loss); }
.track .chance { width: 2px; height: 18px; top: -5px; margin-left: -1px; background: var(--soft); }
.track .mark { width: 16px; height: 16px; top: -4px; margin-left: -8px; border-radius: 50%; border: 3px solid var(--first); background: var(--first); }
.track .random { background: var(--card); border-color: var(--soft); }

.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
dt { color: var(--soft); font-size: .88rem; font-weight: 550; }
.value { font-size: 1.65rem; line-height: 1.3; font-weight: 630; letter-spacing: -.02em; }
.unit { font-size: 1rem; font-weight: 450; letter-spacing: 0; color: var(--soft); }

figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .2rem 1.2rem; }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; list-style: none; padding: 0; color: var(--soft); font-size: .85rem; }
.legend li { display: flex; align-items: center; gap: .45em; }
.swatch { display: inline-block; flex: none; width: 14px; height: 3px; border-radius: 2px; background: var(--first); }
.swatch.raw { background: var(--first-light); }
.swatch.second { background: var(--second); }
.swatch.reference { height: 0; border-top: 2px dashed var(--reference); background: none; border-radius: 0; }
.swatch.trained, .swatch.random { width: 11px; height: 11px; border-radius: 50%; border: 3px solid var(--first); }
.swatch.random { background: none; border-color: var(--soft); }
.swatch.chance { width: 2px; height: 13px; background: var(--soft); }

.axis-name { color: var(--soft); font-size: .78rem; margin-top: .7rem; }
.axis-name.x { text-align: right; margin-top: 0; }
.plot { position: relative; height: 250px; margin: .75rem .6rem 1.7rem 2.6rem; }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.plot path, .plot rect { vector-effect: non-scaling-stroke; fill: none; }
.plot .grid { stroke: var(--grid); }
.plot .border { stroke: var(--border); stroke-dasharray: 2 4; }
.plot .reference { stroke: var(--reference); stroke-width: 1.5; stroke-dasharray: 5 4; }
.plot .line { stroke: var(--first); stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
.plot .line.raw { stroke: var(--first-light); stroke-width: 1; }
.plot .line.second { stroke: var(--second); }
.plot .dots { stroke: var(--first); stroke-width: 6.5; stroke-linecap: round; }
.plot .dots.second { stroke: var(--second); }
.plot .bar, .plot .area { fill: var(--first); }
.plot .hot { fill: transparent; }
.plot .hot:hover { fill: var(--hot); }
.x-tick, .y-tick, .line-note { position: absolute; font-size: .78rem; line-height: 1; color: var(--soft); white-space: nowrap; pointer-events: none; }
.x-tick { top: calc(100% + 9px); transform: translateX(-50%); }
.y-tick { right: calc(100% + 9px); transform: translateY(-50%); }
.line-note { right: 4px; transform: translateY(calc(-100% - 4px)); color: var(--reference); font-weight: 550; background: var(--card); padding: 2px 5px; border-radius: 4px; }

.montage { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
.cluster { display: grid; grid-template-columns: auto 1fr; gap: 0 .7rem; align-items: baseline; }
.cluster > .small { text-align: right; }
.majority { grid-column: 1 / -1; font-size: .88rem; color: var(--soft); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.majority span { color: var(--ink); font-weight: 600; }
.thumbs { grid-column: 1 / -1; display: grid; grid-template-columns: repeat(auto-fill, minmax(58px, 1fr)); gap: 5px; margin-top: .7rem; }
.thumb { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 5px; background: var(--grid); font-size: 0; }

.time-bar { display: flex; gap: 2px; height: 26px; border-radius: 6px; overflow: hidden; margin: .25rem 0 1rem; }
.time-bar span { min-width: 2px; }
.swatch[class*="phase"] { width: 11px; height: 11px; border-radius: 3px; margin-right: .6em; }
.phase-1 { background: var(--phase-1); } .phase-2 { background: var(--phase-2); } .phase-3 { background: var(--phase-3); }
.phase-4 { background: var(--phase-4); } .phase-5 { background: var(--phase-5); }

.scroll { overflow-x: auto; }
.tall { max-height: 32rem; overflow-y: auto; margin-bottom: .9rem; }
.tall:focus-visible { outline: 2px solid var(--first); outline-offset: 4px; }
.scroll + .small { margin-top: .8rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: right; padding: .42rem .75rem; white-space: nowrap; border-bottom: 1px solid var(--grid); font-weight: 400; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { position: sticky; top: 0; background: var(--card); color: var(--soft); font-weight: 550; font-size: .82rem; border-bottom: 1px solid var(--border); }
th:first-child { text-align: left; padding-left: 0; }
td:last-child, th:last-child { padding-right: .2rem; }
tbody tr:hover > * { background: var(--hot); }
.text { text-align: left; }
.plain td.text { white-space: normal; }
.origin, td.text { color: var(--soft); }
td.text code { color: var(--ink); }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }

@media (max-width: 640px) {
  main { padding: 2rem .9rem; }
  .card { padding: 1rem; }
  .plot { height: 210px; margin-right: .3rem; }
  .x-tick.spare { display: none; }
  .facts { grid-template-columns: 1fr 1fr; gap: .7rem; }
  .facts .card { padding: .8rem .85rem; }
  .value { font-size: 1.35rem; }
  th, td { padding: .4rem .5rem; }
}
@media print {
  body { background: none; }
  section, .card { break-inside: avoid; }
  .tall { max-height: none; }
}
`;
