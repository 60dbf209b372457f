/**
 * How long a reader waits for a report of many images: until its first paint, until it can be used,
 * and for a click. `node --import tsx test/browser/measure.ts [--images 100000] [--clusters 1000]
 * [--rounds 5]`; one JSON object on stdout.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { drawMadeImage } from '../../src/data/made/made-images.ts';
import { PATTERN_CLASSES } from '../../src/data/made/made-patterns.ts';
import { spriteSheet } from '../../src/data/pixels/sprites.ts';
import { renderReport } from '../../src/report/report-page.ts';
import { chromiumVersion, startChromium } from '../support/browser/chromium.ts';
import { openPage } from '../support/browser/report-page.ts';
import { madeGallery } from '../support/made/gallery.ts';
import { madeReport } from '../support/made/report-run.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '100000' },
    clusters: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
  },
});
const [images, clusters, rounds] = [values.images, values.clusters, values.rounds].map(Number) as [
  number,
  number,
  number,
];
/**
 * A reader looks before the next click; pictures that are still decoded would be counted with it.
 */
const BETWEEN_CLICKS_MS = 1_000;
const go = (hash: string): string =>
  `history.replaceState(null, '', '${hash}'); dispatchEvent(new Event('hashchange'));`;
const ACTIONS = {
  sort: `
    const sort = document.getElementById('sort');
    sort.value = 'purity';
    sort.dispatchEvent(new Event('change'));`,
  'open a cluster': go('#cluster-7'),
  'the next one': go('#cluster-8'),
  back: go('#all-clusters'),
  scroll: `document.querySelector('.rows').scrollTop = 40000;`,
  search: `
    const field = document.getElementById('query');
    field.value = 'class-7/ 99';
    field.dispatchEvent(new Event('input'));`,
  clear: `document.getElementById('clear').click();`,
};
const folder = temporaryFolder();
try {
  const { file, bytes } = await writePage();
  const browser = await startChromium();
  const measured: Record<string, number>[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { page } = await openPage(browser, file);
    measured.push(await measure(page));
    await page.close();
  }
  await browser.close();
  const milliseconds = Object.fromEntries(
    Object.keys(measured[0]!).map((name) => [name, spread(measured.map((one) => one[name]!))]),
  );
  const result = { browser: chromiumVersion(), images, clusters, rounds, bytes, milliseconds };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
} finally {
  folder.remove();
}

async function writePage(): Promise<{ file: string; bytes: number }> {
  const webp = await spriteSheet(
    Array.from({ length: 64 }, (_, i) =>
      Buffer.from(drawMadeImage(PATTERN_CLASSES[i % 8]!, i, 64, 1).data),
    ),
    64,
    8,
  );
  await mkdir(join(folder.path, 'report'));
  const names = Array.from({ length: Math.ceil(images / 64) }, (_, i) => `report/${i}.webp`);
  for (const name of names) await writeFile(join(folder.path, name), webp);
  const gallery = madeGallery({
    ...{ clusters, perCluster: Math.ceil(images / clusters), classes: 100, mapped: 2_000 },
    sheets: { kind: 'beside', files: names },
  });
  const html = renderReport({ ...madeReport(), gallery });
  const file = join(folder.path, 'report.html');
  await writeFile(file, html);
  return { file, bytes: html.length };
}

/**
 * Of each action the work of the script with the layout, and until the second frame after it: it
 * has been painted.
 */
async function measure(page: Page): Promise<Record<string, number>> {
  const loaded = await page.evaluate<Record<string, number>>(`(async () => {
    const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    await painted();
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    const [navigation] = performance.getEntriesByType('navigation');
    return { firstPaint: paint.startTime, usable: navigation.domContentLoadedEventEnd };
  })()`);
  const times: Record<string, number> = { ...loaded };
  for (const [name, action] of Object.entries(ACTIONS)) {
    await setTimeout(BETWEEN_CLICKS_MS);
    const [work, painted] = await page.evaluate<[number, number]>(`(async () => {
      const begin = performance.now();
      ${action}
      document.body.offsetHeight;
      const work = performance.now() - begin;
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      return [work, performance.now() - begin];
    })()`);
    times[`${name}: script`] = work;
    times[`${name}: painted`] = painted;
  }
  return times;
}

function spread(numbers: readonly number[]): { median: number; max: number } {
  const sorted = [...numbers].sort((a, b) => a - b);
  const rounded = (value: number): number => Math.round(value * 10) / 10;
  return { median: rounded(sorted[sorted.length >> 1]!), max: rounded(sorted.at(-1)!) };
}
