/** The live page without its data: a frame that the client script fills from the stream. */
import { markup, type Markup } from '../../../src/report/markup.ts';
import { wholePage } from '../../../src/report/page-frame.ts';
import { STYLE } from '../../../src/report/style.ts';
import { SECTION_NAMES, type SectionName } from './sections.ts';

/** The browser takes nothing from elsewhere, and no other page may frame this one. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export interface PageFacts {
  readonly runId: string;
  /** As papers write it. */
  readonly title: string;
  readonly architecture: string;
}

const TITLES: Readonly<Record<SectionName, string>> = {
  now: 'Now',
  workers: 'Workers',
  learning: 'Learning',
  clusters: 'The largest clusters of the newest clustering',
  events: 'Events',
};

const LIVE_STYLE = markup`<style>
.bar { display: flex; flex-wrap: wrap; gap: 10px; margin-top: 20px; align-items: center; }
button { font: inherit; font-size: 14px; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 6px 14px; cursor: pointer; }
td button { font-size: 13px; padding: 2px 10px; }
button:hover:enabled { border-color: var(--first); }
button:focus-visible { outline: 2px solid var(--first); outline-offset: 2px; }
button:disabled { color: var(--soft); cursor: not-allowed; opacity: 0.65; }
button.end { color: var(--down); }
#link { display: inline-flex; align-items: center; gap: 8px; color: var(--soft); font-size: 13px; }
#link::before { content: ''; width: 9px; height: 9px; border-radius: 50%; background: var(--quiet); }
#link.live::before { background: var(--up); }
#link.cut::before { background: var(--down); }
#said { min-height: 1.5em; margin-top: 10px; }
#said.refused { color: var(--down); }
.stage { font-size: 17px; margin-bottom: 14px; overflow-wrap: anywhere; }
.stage.ended { color: var(--down); }
.progress-head { display: flex; justify-content: space-between; gap: 12px; }
.phase-time .track { margin: 12px 0 10px; height: 12px; border-radius: 6px; }
.phase-time .track span { border-radius: 6px; background: var(--first); }
.tile .note { margin-top: 2px; }
.workers th:first-child, .workers td:nth-child(2), .workers th:nth-child(2) { text-align: left; }
.worker-state.working, .worker-state.idle { color: var(--up); }
.worker-state.stuck, .worker-state.lost { color: var(--down); }
.worker-state[title] { text-decoration: underline dotted; cursor: help; }
.servers { margin-top: 10px; overflow-wrap: anywhere; }
.time { margin-top: 16px; }
.settings td:first-child { white-space: nowrap; color: var(--soft); }
#events-part .scroll { max-height: 420px; }
#events-part code { white-space: nowrap; }
#events-part td:last-child { min-width: 16em; }
a { color: var(--first); }
</style>`;

/** It says nothing of where it came from, and asks for no icon. */
const META = [
  markup`<meta name="referrer" content="no-referrer">`,
  markup`<link rel="icon" href="data:,">`,
];

export function renderPage({ runId, title, architecture }: PageFacts): string {
  const body = markup`<header>
<p class="kind">Training run, live</p>
<h1>${title} on ${architecture}</h1>
<ul class="facts"><li>run ${runId}</li><li><span id="link" role="status">connecting</span></li></ul>
<div class="bar" role="group" aria-label="Steer the run">
<button type="button" data-do="checkpoint">Checkpoint now</button>
<button type="button" data-do="stop" class="end">Stop the run</button>
</div>
<p id="said" class="note" role="status"></p>
<noscript><p class="absent">The page needs JavaScript; the same numbers are at <a href="state.json">state.json</a> and <a href="metrics">metrics</a>.</p></noscript>
</header>
<main>
${SECTION_NAMES.map(part)}
</main>
<footer>deepcluster-ps. For programs: <a href="metrics">metrics</a> (Prometheus) and <a href="state.json" id="state">state.json</a>.</footer>`;
  const head = {
    title: `Run ${runId}: live`,
    policy: null,
    meta: META,
    styles: [STYLE, LIVE_STYLE, markup`<script src="page.js" defer></script>`],
  };
  return wholePage(head, body);
}

function part(name: SectionName): Markup {
  return markup`<section aria-labelledby="${name}"><h2 id="${name}">${TITLES[name]}</h2><div id="${name}-part"></div></section>`;
}
