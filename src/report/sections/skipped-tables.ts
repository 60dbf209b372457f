/** Images that the run went without, and those of which a part is missing, with the reasons. */
import { markup, type Markup } from '../markup.ts';
import { formatCount, formatNoun } from '../number-format.ts';
import type { SkippedImage, SkippedImages } from '../report-data.ts';

/** Rows of a table; the file beside the page has all. */
const SHOWN = 50;

export function skippedTables({ unreadable, damaged }: SkippedImages): Markup {
  return markup`${unreadable.length === 0 ? null : table(unreadable, 'that could not be read and took no part', 'unreadable.csv')}
${damaged.length === 0 ? null : table(damaged, 'of which only a part could be decoded; they take part', 'damaged.csv')}`;
}

function table(images: readonly SkippedImage[], what: string, file: string): Markup {
  const rows = images.slice(0, SHOWN).map(
    ({ path, reason }) =>
      markup`<tr><th scope="row"><code>${path}</code></th><td>${reason}</td></tr>
`,
  );
  const rest = images.length - SHOWN;
  return markup`<p class="note">${formatNoun(images.length, 'image')} ${what} (${file})</p>
<div class="scroll" tabindex="0" role="region" aria-label="Images ${what}">
<table class="skipped">
<thead><tr><th scope="col">Image</th><th scope="col">Reason</th></tr></thead>
<tbody>
${rows}</tbody>
</table>
</div>
${rest > 0 ? markup`<p class="note">and ${formatCount(rest)} more</p>` : null}`;
}
