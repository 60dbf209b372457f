/**
 * The section "Try an image": the place where the page's script asks the run's network about a new
 * image. Hidden until the script shows it, and on paper.
 */
import { dataBlock, markup, type Markup } from '../markup.ts';
import { formatFixed } from '../number-format.ts';
import type { PageNetwork } from '../report-data.ts';

export function tryImageSection({ bytes }: PageNetwork): Markup {
  return markup`<section class="try" id="try-image" aria-labelledby="try" hidden>
<h2 id="try">Try an image</h2>
<div class="try-drop" id="try-drop">
<label for="try-file">Choose an image, drop it here, or paste it</label>
<input type="file" id="try-file" accept="image/*">
<p class="note">The image stays on this machine. With the first one the network is loaded from beside the page, ${formatFixed(bytes / 1e6, 1)} MB.</p>
</div>
<p class="status" id="try-status" role="status"></p>
<div class="try-result" id="try-result" hidden></div>
</section>`;
}

/** What the script reads; goes before it, at the page's end. */
export function tryImageBlock({ files, nonce }: PageNetwork): Markup {
  return dataBlock('network', { files, nonce });
}

export const TRY_IMAGE_STYLE = markup`<style>
.try { --side: 64px; }
.try [hidden] { display: none; }
.try :focus-visible { outline: 2px solid var(--first); outline-offset: 2px; }
.try a { color: var(--first); }
.try-drop { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; padding: 18px 20px; background: var(--card); border: 1px dashed var(--edge); border-radius: 12px; }
.try-drop.over { border: 1px solid var(--first); background: var(--hot-solid); }
.try-drop label { font-weight: 600; }
.try-drop input { font: inherit; color: inherit; max-width: 100%; min-height: 38px; }
.try-drop input::file-selector-button { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--edge); border-radius: 8px; min-height: 38px; padding: 6px 12px; margin-right: 10px; cursor: pointer; }
.try-drop .note { flex-basis: 100%; }
.try .status { overflow-wrap: anywhere; }
.try-result { display: flex; flex-wrap: wrap; gap: 16px 24px; align-items: flex-start; padding: 16px 20px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.try-result canvas { width: 128px; height: 128px; border-radius: 7px; }
.try-facts { flex: 1 0 200px; color: var(--soft); font-size: 13.5px; }
.try-cluster { font-size: 19px; font-weight: 600; }
.try-nearest { flex: 1 1 420px; min-width: 0; }
.try-nearest h3 { color: var(--soft); font-size: 12.5px; font-weight: 500; margin-bottom: 6px; }
.try-nearest ul { display: flex; flex-wrap: wrap; gap: 4px; }
@media (max-width: 720px) {
  .try { --side: 48px; }
  .try-drop input, .try-drop input::file-selector-button { min-height: 44px; }
  .try-nearest { flex-basis: 100%; }
}
@media print { .try { display: none; } }
</style>`;
