/**
 * The report of a real run in a real browser: found, sorted, opened, chosen on the map; by mouse,
 * keys and finger.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { makeImages } from '../../src/data/made/made-images.ts';
import { openRun, type OpenedRun } from '../../src/run/open-run.ts';
import { NO_CHROMIUM, chromiumPath, startChromium } from '../support/browser/chromium.ts';
import { openPage, seriousViolations } from '../support/browser/report-page.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { finished, launch, runCommand } from '../support/runs/launched-run.ts';

const [CLASSES, PER_CLASS] = [4, 20];
const IMAGES = CLASSES * PER_CLASS;

describe('the report of a run', { skip: chromiumPath() === null ? NO_CHROMIUM : false }, () => {
  const folder = temporaryFolder();
  const run = join(folder.path, 'run');
  const other = join(folder.path, 'other');
  /** With a map of the images; the run's own has one of the centroids. */
  const report = join(folder.path, 'report.html');
  const compared = join(folder.path, 'compared.html');
  let browser: Browser;
  let opened: OpenedRun;
  /** By id. */
  let paths: string[];

  before(async () => {
    const data = join(folder.path, 'images');
    await makeImages({ classes: CLASSES, perClass: PER_CLASS, size: 32, out: data, seed: 3 });
    const settings = { 'model.sobel': false, 'evaluation.enabled': false };
    await finished(launch({ data, out: run, settings }));
    await finished(launch({ data, out: other, settings: { ...settings, seed: 9 } }));
    await ended(['report', '--run', run, '--out', report, '--engine', 'wasm']);
    await ended(['compare', run, other, '--out', compared]);
    browser = await startChromium();
    opened = await openRun(run);
    const listing = readFileSync(join(run, 'images.ndjson'), 'utf8').trimEnd().split('\n');
    paths = listing.map((line) => (JSON.parse(line) as { path: string }).path);
  });
  after(async () => {
    await browser.close();
    folder.remove();
  });

  async function ended(args: readonly string[]): Promise<void> {
    const { code, stderr } = await runCommand(args).ended;
    assert.equal(code, 0, stderr);
  }

  function sizes(): number[] {
    const counts = new Array<number>(opened.config.clustering.k).fill(0);
    for (const cluster of opened.clusters) counts[cluster]! += 1;
    return counts;
  }

  const statusOf = (page: Page): Promise<string | null> => page.textContent('#status');
  /** Cluster numbers of the rows in sight. */
  async function rows(page: Page): Promise<number[]> {
    const heads = await page.locator('.row-head b').allTextContents();
    return heads.map((head) => Number(head.replace('Cluster ', '')));
  }

  test('it opens from disk without an error, and asks for nothing', async () => {
    for (const file of [report, join(run, 'report.html'), compared]) {
      const { page, problems, requests } = await openPage(browser, file);
      assert.deepEqual([problems, requests], [[], []], file);
      await page.close();
    }
  });

  test('clusters are sorted by what is chosen, and the other way round', async () => {
    const { page } = await openPage(browser, report);
    const bySize = [...sizes().keys()].sort((a, b) => sizes()[b]! - sizes()[a]! || a - b);
    assert.deepEqual(await rows(page), bySize);
    await page.selectOption('#sort', 'number');
    assert.deepEqual(
      await rows(page),
      [...bySize].sort((a, b) => a - b),
    );
    await page.click('#reverse');
    assert.deepEqual(
      await rows(page),
      [...bySize].sort((a, b) => b - a),
    );
    await page.close();
  });

  test('a search leaves the images whose paths have its words', async () => {
    const { page } = await openPage(browser, report);
    const [first = ''] = await page.locator('.row-purity > span:last-child').allTextContents();
    const name = first.replace(/^.*%\s/, '');
    await page.fill('#query', name);
    assert.match((await statusOf(page))!, new RegExp(`^${PER_CLASS} images in \\d clusters?$`));
    await page.fill('#query', 'no such image');
    assert.equal(await statusOf(page), 'No image fits');
    await page.click('#clear');
    assert.equal(await statusOf(page), `${opened.config.clustering.k} clusters, ${IMAGES} images`);
    await page.close();
  });

  test('a cluster opens with its images from the centroid outward, and its neighbours', async () => {
    const { page } = await openPage(browser, report);
    const largest = sizes().indexOf(Math.max(...sizes()));
    await page.click(`a.row[href="#cluster-${largest}"]`);
    assert.equal(await page.textContent('.detail h3'), `Cluster ${largest}`);
    const members = [...opened.clusters.keys()].filter((id) => opened.clusters[id] === largest);
    const { distances } = opened.details!;
    members.sort((a, b) => distances[a]! - distances[b]! || a - b);
    const tiles = await page.locator('.tile-button').all();
    const shown = await Promise.all(tiles.map((tile) => tile.getAttribute('title')));
    assert.deepEqual(
      shown,
      members.map((id) => paths[id]),
    );
    await page.locator('.tile-button').last().click();
    assert.equal(await page.textContent('.inspected-path'), shown.at(-1));
    const neighbour = page.locator('.neighbour').first();
    const name = (await neighbour.textContent())!;
    await neighbour.click();
    assert.equal(await page.textContent('.detail h3'), name);
    await page.goBack();
    assert.equal(await page.textContent('.detail h3'), `Cluster ${largest}`);
    await page.close();
  });

  test('an address opens its cluster', async () => {
    const { page } = await openPage(browser, report, { hash: '#cluster-2' });
    assert.equal(await page.textContent('.detail h3'), 'Cluster 2');
    await page.close();
  });

  test('keys alone lead to a cluster, through its images, and back', async () => {
    const { page } = await openPage(browser, report);
    await page.locator('#reverse').focus();
    // Past the map and its choice of colours.
    for (let i = 0; i < 6; i += 1) {
      await page.keyboard.press('Tab');
      if (await page.evaluate('document.activeElement.className === "row"')) break;
    }
    await page.keyboard.press('ArrowDown');
    const href = await page.evaluate('document.activeElement.getAttribute("href")');
    assert.equal(href, `#cluster-${(await rows(page))[1]!}`);
    await page.keyboard.press('Enter');
    // The address changes first, the page follows. Not waitForFunction: it asks again by eval,
    // which the page's policy forbids.
    await page.locator('h3:focus').waitFor();
    assert.equal(await page.evaluate('document.activeElement.tagName'), 'H3');
    await page.locator('.tile-button').first().focus();
    await page.keyboard.press('ArrowRight');
    const titles = page.locator('.tile-button');
    assert.equal(
      await page.evaluate('document.activeElement.title'),
      await titles.nth(1).getAttribute('title'),
    );
    await page.keyboard.press('Escape');
    await page.locator('.row:focus').waitFor();
    assert.equal(await page.evaluate('document.activeElement.getAttribute("href")'), href);
    await page.close();
  });

  test('a lasso on the map leaves the images inside, and Escape lets them go', async () => {
    const { page } = await openPage(browser, report);
    await page.locator('.panes').scrollIntoViewIfNeeded();
    const box = (await page.locator('#map').boundingBox())!;
    const at = (x: number, y: number): [number, number] => [
      box.x + x * box.width,
      box.y + y * box.height,
    ];
    await page.mouse.move(...at(0.01, 0.01));
    await page.mouse.down();
    for (const corner of [at(0.5, 0.01), at(0.5, 0.99), at(0.01, 0.99)]) {
      await page.mouse.move(...corner, { steps: 4 });
    }
    await page.mouse.up();
    const half = /^(\d+) images? in \d+ clusters?, chosen on the map$/.exec(
      (await statusOf(page))!,
    );
    assert.ok(half !== null && Number(half[1]) > 0 && Number(half[1]) < IMAGES);
    await page.mouse.move(...at(0.99, 0.01));
    await page.mouse.down();
    for (const corner of [at(0.99, 0.99), at(0.005, 0.99), at(0.005, 0.01)]) {
      await page.mouse.move(...corner, { steps: 4 });
    }
    await page.mouse.up();
    assert.match((await statusOf(page))!, new RegExp(`^${IMAGES} images in`), 'all around');
    await page.locator('#query').focus();
    await page.keyboard.press('Escape');
    assert.equal(await statusOf(page), `${opened.config.clustering.k} clusters, ${IMAGES} images`);
    await page.close();
  });

  test('arrow keys go from point to point of the map, and Enter opens the cluster', async () => {
    const { page } = await openPage(browser, report);
    await page.locator('#map').focus();
    await page.keyboard.press('ArrowRight');
    const cluster = (await page.textContent('#tip b'))!;
    await page.keyboard.press('Enter');
    assert.equal(await page.textContent('.detail h3'), cluster);
    await page.close();
  });

  test('without a script the largest clusters are shown, and nothing empty', async () => {
    const { page } = await openPage(browser, report, { script: false });
    assert.ok(await page.locator('.montage img').first().isVisible());
    assert.ok(!(await page.locator('#explorer').isVisible()));
    await page.close();
  });

  test('on paper the largest clusters stand in place of the explorer', async () => {
    const { page } = await openPage(browser, report);
    assert.ok(!(await page.locator('.montage').isVisible()));
    await page.emulateMedia({ media: 'print' });
    assert.ok(await page.locator('.montage').isVisible());
    assert.ok(!(await page.locator('#explorer').isVisible()));
    await page.close();
  });

  test('on a phone nothing is wider than the screen', async () => {
    for (const hash of ['', '#cluster-2']) {
      const { page } = await openPage(browser, report, { width: 375, hash });
      const width = await page.evaluate('document.documentElement.scrollWidth');
      assert.equal(width, 375, hash);
      await page.close();
    }
    const { page } = await openPage(browser, compared, { width: 375 });
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 375);
    await page.close();
  });

  for (const scheme of ['light', 'dark'] as const) {
    test(`axe finds nothing serious in the pages, ${scheme}`, async () => {
      for (const [file, hash] of [
        [report, ''],
        [report, '#cluster-2'],
        [compared, ''],
      ] as const) {
        const { page } = await openPage(browser, file, { scheme, hash });
        assert.deepEqual(await seriousViolations(page), [], `${file}${hash}`);
        await page.close();
      }
    });
  }
});
