/** The live page of a real run in a real browser: it fills itself, keeps the reader's place, and finds its run again. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { pageUrl } from '../../coordinator/dashboard/http/page-file.ts';
import { makeImages } from '../../src/data/made/made-images.ts';
import { NO_CHROMIUM, chromiumPath, startChromium } from '../support/browser/chromium.ts';
import { openPage, seriousViolations } from '../support/browser/report-page.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { launch, pidOf, type Launched } from '../support/runs/launched-run.ts';
import { pageOf, stateThat, type PagePlace } from '../support/runs/live-page.ts';

const SETTINGS = {
  epochs: 1000,
  'checkpoint.everySteps': 5,
  'clustering.iterations': 3,
  'evaluation.enabled': false,
};

describe('the live page', { skip: chromiumPath() === null ? NO_CHROMIUM : false }, () => {
  const folder = temporaryFolder();
  const out = join(folder.path, 'run');
  let launched: Launched;
  let place: PagePlace;
  let browser: Browser;

  before(async () => {
    const data = join(folder.path, 'images');
    await makeImages({ out: data, classes: 2, perClass: 120, size: 32, seed: 3 });
    launched = launch({ data, out, settings: SETTINGS });
    place = await pageOf(out);
    await stateThat(place, ({ epochsDone }) => epochsDone > 0);
    browser = await startChromium();
  });
  after(async () => {
    await browser.close();
    launched.process.kill('SIGTERM');
    await launched.ended;
    folder.remove();
  });

  function url(token = place.token): string {
    return pageUrl('http', place.address, token);
  }

  async function filled(page: Page): Promise<void> {
    await page.waitForSelector('#link.live');
    await page.waitForSelector('#learning-part .plot');
    await page.waitForSelector('#clusters-part img');
  }

  for (const width of [1280, 375]) {
    for (const scheme of ['light', 'dark'] as const) {
      test(`fills itself at ${width} px in ${scheme}, within its width, for those who see and those who do not`, async () => {
        const { page, problems, requests } = await openPage(browser, url(), { width, scheme });
        await filled(page);
        const wide = await page.evaluate('document.documentElement.scrollWidth');
        assert.equal(wide, width);
        assert.deepEqual(await seriousViolations(page), []);
        assert.deepEqual(problems, []);
        const own = `http://${place.address}/`;
        assert.deepEqual(
          requests.filter((address) => !address.startsWith(own)),
          [],
        );
        await page.context().close();
      });
    }
  }

  test('without the token it shows the run, and its buttons say what is missing', async () => {
    const { page } = await openPage(browser, `http://${place.address}/`);
    await filled(page);
    const buttons = page.locator('button');
    assert.equal(await buttons.count(), 4); // checkpoint, stop, and one for each worker
    assert.equal(await page.locator('button:enabled').count(), 0);
    assert.match((await buttons.first().getAttribute('title'))!, /with #token=…/);
    await page.context().close();
  });

  test('a button that is focused stays so while its part comes again, and is pressed by key', async () => {
    const { page } = await openPage(browser, url());
    await filled(page);
    page.on('dialog', (dialog) => void dialog.accept());
    await page.focus('[data-worker="worker-0"]');
    const orders = (): Promise<string | null> => page.textContent('.workers tbody tr:first-child');
    const before = await orders();
    while ((await orders()) === before) await page.waitForTimeout(50);
    const focused = await page.evaluate('document.activeElement.dataset.worker');
    assert.equal(focused, 'worker-0');
    await page.keyboard.press('Enter');
    await page.getByText('worker-0 leaves once it has finished its leases.').waitFor();
    await page.waitForSelector('.worker-state.drained');
    assert.equal(await page.locator('[data-worker="worker-0"]').count(), 0);
    await page.context().close();
  });

  test('a page that is open finds the next coordinator, and says when the run has stopped', async () => {
    const { page } = await openPage(browser, url());
    await filled(page);
    page.on('dialog', (dialog) => void dialog.accept());
    process.kill(pidOf(out, 'coordinator'), 'SIGKILL');
    await page.waitForSelector('#link.cut');
    await page.waitForSelector('#link.live');
    await stateThat(place, ({ stage, term }) => stage === 'running' && term === 2);
    await page.click('[data-do="stop"]');
    await page.getByText('the run has stopped; it can be resumed').waitFor();
    assert.equal((await launched.ended).code, 75);
    await page.context().close();
  });
});
