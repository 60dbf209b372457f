/** The page that shows several runs side by side: one HTML file, no script, nothing loaded. */
import { markup, type Markup } from '../markup.ts';
import { formatFixed, formatMoment, formatNoun } from '../number-format.ts';
import { wholePage } from '../page-frame.ts';
import { STYLE } from '../style.ts';
import {
  comparedFigures,
  differentSettings,
  type Comparison,
  type ComparedFigure,
} from './comparison.ts';
import { COMPARE_STYLE } from './compare-style.ts';
import { agreementOverlays, lookOf, lossOverlay } from './overlay-chart.ts';

const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** @param generatedAt ISO 8601 */
export function renderComparison(comparison: Comparison, generatedAt: string): string {
  const { runs } = comparison;
  const title = `Comparison of ${formatNoun(runs.length, 'run')}`;
  const settings = differentSettings(runs);
  const body = markup`<header>
<p class="kind">Training runs</p>
<h1>${title}</h1>
<p class="lead">Figures, curves and clusters side by side, and the settings in which the runs differ.</p>
</header>
<main>
${section('figures', 'Figures', figureTable(comparison))}
${section('curves', 'Curves', markup`<div class="charts">${[lossOverlay(runs), ...agreementOverlays(runs)]}</div>`)}
${section('agreement', 'Agreement of the final clusters', agreementTable(comparison))}
${section('settings', 'Settings that differ', settings.length === 0 ? markup`<p class="absent">All settings are the same.</p>` : settingsTable(comparison))}
</main>
<footer>Made by deepcluster-ps, ${formatMoment(generatedAt)}.</footer>`;
  return wholePage({ title, policy: POLICY, styles: [STYLE, COMPARE_STYLE] }, body);
}

function section(id: string, title: string, content: Markup): Markup {
  return markup`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${content}
</section>`;
}

function runHeads({ runs }: Comparison): Markup[] {
  return runs.map(
    ({ name, report }, i) =>
      markup`<th scope="col"><span class="swatch ${lookOf(i)}"></span> ${report === null ? name : markup`<a href="${report}">${name}</a>`}</th>`,
  );
}

function table(
  name: string,
  head: string,
  comparison: Comparison,
  rows: readonly Markup[],
): Markup {
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${name}">
<table class="compared">
<thead><tr><th scope="col">${head}</th>${runHeads(comparison)}</tr></thead>
<tbody>
${rows}</tbody>
</table>
</div>`;
}

function figureTable(comparison: Comparison): Markup {
  const { runs } = comparison;
  const method = markup`<tr><th scope="row">Method</th>${runs.map(({ summary }) => markup`<td>${summary.algorithm}, ${summary.architecture}</td>`)}</tr>
`;
  const rows = comparedFigures(comparison).map(figureRow);
  return table('Figures', 'Figure', comparison, [method, ...rows]);
}

function figureRow({ name, values, best, format }: ComparedFigure): Markup {
  const cells = values.map((value, i) => {
    const text = value === null ? '–' : format(value);
    return i === best ? markup`<td><b>${text}</b></td>` : markup`<td>${text}</td>`;
  });
  return markup`<tr><th scope="row">${name}</th>${cells}</tr>
`;
}

function agreementTable(comparison: Comparison): Markup {
  const rows = comparison.agreement.map((row, i) => {
    const cells = row.map((nmi, j) => {
      if (nmi === null) return markup`<td>–</td>`;
      const strength = i === j ? 0 : Math.round(45 * Math.max(0, nmi));
      return markup`<td class="nmi" style="--strength:${strength}%">${formatFixed(nmi, 3)}</td>`;
    });
    return markup`<tr><th scope="row">${comparison.runs[i]!.name}</th>${cells}</tr>
`;
  });
  return markup`${table('Agreement of the final clusters', 'NMI', comparison, rows)}
<p class="note">Normalised mutual information between the final clusters of two runs; – where they were of other images.</p>`;
}

function settingsTable(comparison: Comparison): Markup {
  const rows = differentSettings(comparison.runs).map(
    ({ key, values }) =>
      markup`<tr><th scope="row"><code>${key}</code></th>${values.map((value) => markup`<td><code>${value}</code></td>`)}</tr>
`,
  );
  return table('Settings that differ', 'Setting', comparison, rows);
}
