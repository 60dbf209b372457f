/**
 * The report of a run: one HTML file that opens from disk, with nothing loaded from elsewhere but
 * sheets of thumbnails that may lie beside it. Its script shows the clusters; without one the page
 * has all but the images beyond the montage. Data in, HTML out; what is gathered, and from where,
 * is the caller's.
 */
import { clientScript, scriptSource } from './client-script.ts';
import { clusterSizeChart } from './charts/cluster-size-chart.ts';
import { epochTable } from './epoch-table.ts';
import { galleryBlocks, galleryShell } from './gallery/gallery.ts';
import type { GalleryData } from './gallery/gallery-data.ts';
import { GALLERY_STYLE } from './gallery/gallery-style.ts';
import { headline } from './headline.ts';
import { lossChart } from './charts/loss-chart.ts';
import { markup, scriptElement, type Markup } from './markup.ts';
import { montage } from './montage.ts';
import { nmiChart } from './charts/nmi-chart.ts';
import { formatCount, formatMoment, formatNoun, formatPercent } from './number-format.ts';
import { wholePage } from './page-frame.ts';
import { phaseTimeFigure } from './charts/phase-time.ts';
import type { ReportData } from './report-data.ts';
import { faultTable } from './sections/fault-table.ts';
import { filterFigure } from './sections/filter-figure.ts';
import { skippedTables } from './sections/skipped-tables.ts';
import { TRY_IMAGE_STYLE, tryImageBlock, tryImageSection } from './sections/try-image.ts';
import { changesTable, settingsTable } from './settings-table.ts';
import { STYLE } from './style.ts';
import type { RunSummary } from './summary.ts';

/**
 * A browser that reads it refuses the network and scripts other than the page's own, whatever the
 * page holds: the one inside by its hash, those beside the page by their nonce.
 */
function policyFor({ gallery, network }: ReportData, script: string | null): string {
  const isBeside = gallery?.sprites.sheets.kind === 'beside';
  const beside = network === undefined ? '' : ` 'nonce-${network.nonce}' 'wasm-unsafe-eval'`;
  return [
    "default-src 'none'",
    `img-src data:${isBeside ? " 'self' file:" : ''}`,
    "style-src 'unsafe-inline'",
    ...(script === null ? [] : [`script-src ${scriptSource(script)}${beside}`]),
  ].join('; ');
}

export function renderReport(data: ReportData): string {
  const { runId } = data.summary;
  const gallery = data.gallery ?? null;
  const network = gallery === null ? null : (data.network ?? null);
  const script = gallery === null ? null : clientScript();
  const body = markup`${pageHeader(data)}
<main>
${section('results', 'Results', headline(data.summary))}
${gallery === null ? null : section('clusters', 'Clusters', clusters(gallery, data.montage))}
${network === null ? null : tryImageSection(network)}
${section('learning', 'Learning', learning(data))}
${section('epochs', 'Epochs', epochs(data))}
${gallery !== null || data.montage.length === 0 ? null : section('clusters', 'The largest clusters', montage(data.montage))}
${data.settings.length === 0 ? null : section('settings', 'Settings other than the defaults', settingsTable(data.settings))}
${data.summary.settingChanges.length === 0 ? null : section('changes', 'Settings changed when the run was resumed', changesTable(data.summary.settingChanges))}
${(data.faults ?? []).length === 0 ? null : section('faults', 'Faults that the run survived', faultTable(data.faults ?? []))}
${data.skipped === undefined ? null : section('skipped', 'Images left out or damaged', skippedTables(data.skipped))}
</main>
<footer>Made by deepcluster-ps, ${formatMoment(data.generatedAt)}. The figures are in summary.json, the loss of every step in ${data.summary.lossByStep}.</footer>
${gallery === null || script === null ? null : [galleryBlocks(gallery), network === null ? null : tryImageBlock(network), scriptElement(script)]}`;
  const head = {
    title: `Run ${runId}: report`,
    policy: policyFor(data, script),
    styles: [
      STYLE,
      gallery === null ? null : GALLERY_STYLE,
      network === null ? null : TRY_IMAGE_STYLE,
    ],
  };
  return wholePage(head, body);
}

function pageHeader({ summary, algorithm, generatedAt }: ReportData): Markup {
  const facts = [
    `run ${summary.runId}`,
    `k = ${formatCount(summary.clusters.k)}`,
    `engine ${summary.engine}`,
    formatMoment(generatedAt),
  ];
  return markup`<header>
<p class="kind">Training run</p>
<h1>${algorithm.title} on ${summary.architecture}</h1>
<ul class="facts">${facts.map((fact) => markup`<li>${fact}</li>`)}</ul>
<p class="lead">${lead(summary)}</p>
</header>`;
}

function lead({ images, clusters, epochs: count, evaluation }: RunSummary): string {
  const learnt = `${formatNoun(images, 'image')}, grouped without labels into ${formatNoun(clusters.k, 'cluster')} over ${formatNoun(count, 'epoch')}.`;
  if (evaluation === null) return learnt;
  const { linearTop1, randomLinearTop1, pixelsLinearTop1 } = evaluation;
  const raw =
    pixelsLinearTop1 === undefined ? '' : `; on raw pixels, of ${formatPercent(pixelsLinearTop1)}`;
  return `${learnt} On the features a linear probe names the class of ${formatPercent(linearTop1)} of held-out images; on those of the untrained network, of ${formatPercent(randomLinearTop1)}${raw}.`;
}

function clusters(gallery: GalleryData, samples: ReportData['montage']): Markup {
  const largest = markup`<div class="without-script"><p class="note">The largest clusters</p>
${montage(samples)}</div>`;
  return markup`${galleryShell(gallery)}
${samples.length === 0 ? null : largest}`;
}

function section(id: string, title: string, content: Markup): Markup {
  return markup`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${content}
</section>`;
}

function learning(data: ReportData): Markup {
  const own = data.algorithm.charts.map((chart) => chart(data));
  const charts = [lossChart(data), nmiChart(data), ...own, clusterSizeChart(data)];
  return markup`<div class="charts">
${charts}
</div>
${data.filters === undefined ? null : filterFigure(data.filters)}`;
}

function epochs({ epochs: rows, summary, algorithm }: ReportData): Markup {
  const hasTruth = summary.nmi.toTruth !== null;
  const table = rows.length === 0 ? null : epochTable(rows, hasTruth, algorithm);
  return markup`${phaseTimeFigure(summary)}
${table}`;
}
