/** What went wrong in a run that went on, a kind a row. */
import { markup, type Markup } from '../markup.ts';
import { formatCount } from '../number-format.ts';
import type { SurvivedFault } from '../report-data.ts';

export function faultTable(faults: readonly SurvivedFault[]): Markup {
  const rows = faults.map(
    ({ event, meaning, count, lastReason }) =>
      markup`<tr><th scope="row"><code>${event}</code></th><td>${formatCount(count)}</td><td>${meaning}; last: ${lastReason}</td></tr>
`,
  );
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Faults that the run survived">
<table class="faults">
<thead><tr><th scope="col">Event</th><th scope="col">Times</th><th scope="col">What happened</th></tr></thead>
<tbody>
${rows}</tbody>
</table>
</div>
<p class="note">Every event, with its time, is in events.jsonl.</p>`;
}
