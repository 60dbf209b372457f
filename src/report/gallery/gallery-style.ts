/** The look of the explorer of clusters; the colours are those of ../style.ts. */
import { markup } from '../markup.ts';

export const GALLERY_STYLE = markup`<style>
.scripted .without-script { display: none; }
.explorer { --side: 64px; }
.tools { display: flex; flex-wrap: wrap; gap: 12px; align-items: end; }
.tools label span, .map-bar label span { display: block; color: var(--soft); font-size: 12.5px; margin-bottom: 3px; }
.tools .search { flex: 1 1 260px; }
.explorer input, .explorer select, .explorer button, .explorer .button {
  font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--edge); border-radius: 8px; min-height: 38px; padding: 6px 12px;
}
.explorer input { width: 100%; }
.explorer button, .explorer .button { cursor: pointer; text-decoration: none; display: inline-flex; align-items: center; }
.explorer button:hover, .explorer .button:hover, .explorer a.row:hover { background: var(--hot-solid); }
.explorer button[aria-pressed='true'] { border-color: var(--first); color: var(--first); box-shadow: inset 0 0 0 1px var(--first); }
.explorer :focus-visible { outline: 2px solid var(--first); outline-offset: 1px; }
.explorer [hidden] { display: none; }
.status { margin: 12px 0; color: var(--soft); font-size: 13.5px; min-height: 1.5em; }
.panes { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 8fr); gap: 16px; align-items: start; margin-bottom: 10px; }
.panes.single { grid-template-columns: minmax(0, 1fr); }
.pane { background: var(--card); border: 1px solid var(--line); border-radius: 12px; min-width: 0; overflow: hidden; }
.map-pane { padding: 14px 16px 16px; position: sticky; top: 12px; }
.map-bar { display: flex; gap: 12px; align-items: end; margin-bottom: 10px; }
.map-bar h3 { margin-right: auto; align-self: center; }
.map-bar label { display: flex; align-items: center; gap: 8px; }
.map-bar label span { margin: 0; }
.map { position: relative; aspect-ratio: 1; background: var(--page); border-radius: 8px; cursor: crosshair; overflow: hidden; user-select: none; }
.map.lassoing { touch-action: none; box-shadow: inset 0 0 0 2px var(--first); }
.map canvas { display: block; width: 100%; height: 100%; }
.map-pane .note { margin-top: 10px; }
.tip { position: absolute; display: flex; flex-direction: column; gap: 4px; max-width: 218px; padding: 6px; background: var(--card); border: 1px solid var(--edge); border-radius: 8px; font-size: 12px; line-height: 1.35; pointer-events: none; overflow-wrap: anywhere; z-index: 1; }
.tip b { display: block; }
@media (hover: hover) and (pointer: fine) { .map-bar button { display: none; } }

.frame { overflow: auto; height: 640px; }
.frame > ul { position: relative; }
.frame > ul > li { position: absolute; top: 0; left: 0; }
.rows { --item-height: 100px; }
.rows > ul > li { height: 100px; }
.explorer a.row {
  display: grid; height: 100%; padding: 10px 18px; border-bottom: 1px solid var(--grid); color: inherit; text-decoration: none;
  grid-template-columns: 13em minmax(0, 1fr); grid-template-rows: auto auto auto; column-gap: 14px; font-size: 13px; line-height: 1.4; align-content: center; white-space: nowrap;
}
.explorer a.row:focus-visible { outline-offset: -3px; border-radius: 8px; }
.row-head { display: flex; flex-direction: column; line-height: 1.4; }
.row-head b { font-size: 14.5px; }
.row-head span, .row-tightness, .row-purity { color: var(--soft); }
.row-purity { display: flex; align-items: center; gap: 8px; white-space: nowrap; overflow: hidden; }
.row-purity > span:last-child { overflow: hidden; text-overflow: ellipsis; }
.row-purity .share, .row-tightness { flex: none; }
.row .share { width: 34px; }
.row .share span { width: calc(100% * var(--share)); }
.row .strip { grid-column: 2; grid-row: 1 / 4; align-self: center; height: var(--side); flex-wrap: wrap; overflow: hidden; }
.strip { display: flex; gap: 4px; }
.thumb {
  display: block; flex: none; width: var(--side); height: var(--side); border-radius: 5px; background-color: var(--grid);
  background-position: calc(-1 * var(--column) * var(--side)) calc(-1 * var(--row) * var(--side));
}
.thumb.none { background-image: repeating-linear-gradient(45deg, var(--line) 0 2px, transparent 2px 8px); }

.detail-head { padding: 14px 18px 0; }
.detail-bar { display: flex; gap: 8px; margin-bottom: 12px; }
.detail-bar a:first-child { margin-right: auto; }
.detail h3 { font-size: 19px; }
.detail-facts { color: var(--soft); font-size: 13.5px; }
.neighbours { margin-top: 10px; }
.neighbours h4 { margin: 0 0 6px; font-size: 12.5px; font-weight: 500; color: var(--soft); }
.neighbours ul { display: flex; gap: 8px; overflow-x: auto; padding: 3px 3px 8px; margin: -3px; }
.neighbour { --side: 32px; display: block; padding: 6px; border: 1px solid var(--line); border-radius: 8px; color: inherit; text-decoration: none; font-size: 12.5px; white-space: nowrap; }
.neighbour:hover { border-color: var(--first); }
.neighbour .strip { gap: 2px; margin-bottom: 3px; }
.neighbour .thumb { border-radius: 3px; }
.tiles-frame { --item-height: 76px; --item-width: 76px; height: auto; min-height: 92px; max-height: 400px; padding: 6px 14px; border-top: 1px solid var(--grid); }
.explorer .tile-button { display: block; margin: 4px auto; width: 68px; height: 68px; min-height: 0; padding: 1px; border-radius: 7px; }
.explorer .tile-button { border-color: transparent; background: none; }
.explorer .tile-button.far { border: 2px dashed var(--second); padding: 0; }
.inspector { display: flex; gap: 16px; align-items: center; min-height: 132px; padding: 14px 18px; border-top: 1px solid var(--grid); font-size: 13px; color: var(--soft); overflow-wrap: anywhere; }
.inspector .thumb { --side: 104px; }
.inspector a { color: var(--first); }
.inspected-path { color: var(--ink); font-weight: 550; }


@media (max-width: 960px) {
  .panes { grid-template-columns: minmax(0, 1fr); }
  .map-pane { position: static; }
}
@media (max-width: 720px) {
  .explorer { --side: 48px; }
  .map { aspect-ratio: auto; height: 300px; }
  .rows { --item-height: 132px; height: 560px; }
  .rows > ul > li { height: 132px; }
  .explorer a.row { grid-template-columns: minmax(0, 1fr) auto; row-gap: 4px; padding: 10px 14px; }
  .row-head { flex-direction: row; gap: 10px; align-items: baseline; }
  .row-purity { justify-content: flex-end; }
  .row-tightness { grid-column: 1; grid-row: 2; }
  .row .strip { grid-column: 1 / -1; grid-row: 3; }
  .tiles-frame { --item-height: 60px; --item-width: 60px; max-height: 330px; padding: 6px; }
  .explorer .tile-button { width: 52px; height: 52px; }
  .detail-head { padding: 12px 14px 0; }
  .inspector { padding: 12px 14px; }
  .inspector .thumb { --side: 80px; }
  .explorer input, .explorer select, .explorer button, .explorer .button { min-height: 44px; }
}
@media print {
  .explorer { display: none; }
  .scripted .without-script { display: block; }
}
</style>`;
