/** The settings that a source set, and where; and those that were changed on the way. */
import { markup, type Markup } from './markup.ts';
import { formatCount } from './number-format.ts';
import type { ReportSetting } from './report-data.ts';
import type { SettingChange } from './summary.ts';

export function settingsTable(settings: readonly ReportSetting[]): Markup {
  const rows = settings.map(
    ({ key, value, origin }) =>
      markup`<tr><th scope="row"><code>${key}</code></th><td><code>${written(value)}</code></td><td>${origin}</td></tr>
`,
  );
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Settings">
<table class="settings">
<thead><tr><th scope="col">Setting</th><th scope="col">Value</th><th scope="col">From</th></tr></thead>
<tbody>
${rows}</tbody>
</table>
</div>`;
}

export function changesTable(changes: readonly SettingChange[]): Markup {
  const rows = changes.map(
    ({ step, key, from, to }) =>
      markup`<tr><th scope="row"><code>${key}</code></th><td><code>${written(from)}</code></td><td><code>${written(to)}</code></td><td>${formatCount(step)}</td></tr>
`,
  );
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Changed settings">
<table class="settings">
<thead><tr><th scope="col">Setting</th><th scope="col">Before</th><th scope="col">After</th><th scope="col">From step</th></tr></thead>
<tbody>
${rows}</tbody>
</table>
</div>`;
}

/** As YAML would take it on one line; text stays bare. */
function written(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  return value === undefined ? '' : JSON.stringify(value);
}
