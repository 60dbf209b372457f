/**
 * The report of a run: one HTML page that opens from disk, in any theme, on any width, without network or script.
 * Pure: data in, HTML out. Every text is escaped by src/report/markup.ts.
 */
import { factCards, methodName, pageHeader, scoreCards } from './headline.ts';
import { lossChart } from './loss-chart.ts';
import { Markup, markup } from './markup.ts';
import { clusterMontage } from './montage.ts';
import { nmiChart } from './nmi-chart.ts';
import type { ReportData } from './report-data.ts';
import { REPORT_STYLE } from './report-style.ts';
import { sizeChart } from './size-chart.ts';
import { epochTable, settingsTable, timeBreakdown } from './tables.ts';

/** Refuses whatever the page does not bring along: no script runs, nothing is fetched. */
const CONTENT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** @returns a whole HTML document; its size is bounded but for the pictures given */
export function renderReport(data: ReportData): string {
  const { summary, epochs, montage } = data;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${CONTENT_POLICY}">
<title>${methodName(summary.algorithm)} run ${summary.runId}</title>
<style>${new Markup(REPORT_STYLE)}</style>
</head>
<body>
<main>
${pageHeader(data)}
${section('Evaluation', scoreCards(summary))}
${section('In figures', factCards(summary))}
${section('Learning', learning(data))}
${montage.length > 0 ? section('The largest clusters', clusterMontage(montage)) : null}
${section('Where the time went', card(timeBreakdown(summary)))}
${section('Every epoch', card(epochTable(epochs)))}
${section('Settings', card(settingsTable(data.settings)))}
<footer><p>Written by deepcluster-ps. The same figures for machines: <code>summary.json</code>, <code>${summary.lossByStep}</code>, <code>metrics.jsonl</code>.</p></footer>
</main>
</body>
</html>
`.text;
}

function learning(data: ReportData): Markup {
  return markup`${card(lossChart(data))}
<div class="pair">${card(nmiChart(data.epochs))}${card(sizeChart(data.clusterSizes))}</div>`;
}

function section(title: string, content: Markup): Markup {
  return markup`<section>
<h2>${title}</h2>
${content}
</section>`;
}

function card(content: Markup): Markup {
  return markup`<div class="card">${content}</div>`;
}
