/** "Try an image" of a real run's report in a real browser: files from a disk, dropped, pasted, broken; what is missing. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { decodeImage } from '../../src/data/pixels/decode.ts';
import { centreView, decodedShorterSide } from '../../src/data/pixels/views.ts';
import { makeImages } from '../../src/data/made/made-images.ts';
import { openRun, type OpenedRun } from '../../src/run/open-run.ts';
import { NO_CHROMIUM, chromiumPath, startChromium } from '../support/browser/chromium.ts';
import { openPage, seriousViolations } from '../support/browser/report-page.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { finished, launch, runCommand } from '../support/runs/launched-run.ts';

/** Of a distance: three digits are shown, and JPEG decoders differ by a grey level. */
const ROUNDING = 0.02;
/** Larger than what the decoder reduces an image to. */
const SIDE = 90;

describe('trying an image', { skip: chromiumPath() === null ? NO_CHROMIUM : false }, () => {
  const folder = temporaryFolder();
  const run = join(folder.path, 'run');
  const data = join(folder.path, 'images');
  /** A page whose folder has a name that an address must escape. */
  const report = join(folder.path, 'pets & cats.html');
  let browser: Browser;
  let opened: OpenedRun;
  /** By id. */
  let paths: string[];
  /** Ids of images that are clearly nearer to their centroid than to another. */
  let clear: number[];

  before(async () => {
    await makeImages({ classes: 4, perClass: 12, size: SIDE, out: data, seed: 3 });
    const settings = { 'model.sobel': false, 'evaluation.enabled': false };
    await finished(launch({ data, out: run, settings }));
    const words = ['report', '--run', run, '--out', report, '--map', 'centroids', '--json'];
    const { code, stdout, stderr } = await runCommand(words).ended;
    assert.equal(code, 0, stderr);
    const { network } = JSON.parse(stdout) as { network: string };
    assert.equal(network, join(folder.path, 'pets & cats'));
    browser = await startChromium();
    opened = await openRun(run);
    const listing = readFileSync(join(run, 'images.ndjson'), 'utf8').trimEnd().split('\n');
    paths = listing.map((line) => (JSON.parse(line) as { path: string }).path);
    const { distances, secondDistances } = opened.details!;
    clear = [...paths.keys()].filter((id) => secondDistances[id]! - distances[id]! > 2 * ROUNDING);
    assert.ok(clear.length > 10, `${clear.length} images`);
  });
  after(async () => {
    await browser.close();
    folder.remove();
  });

  /** Waits for the answer. */
  async function answer(page: Page, about: string): Promise<string> {
    const says = new RegExp(`${about}.*(?:cluster|read)|cannot be run`);
    const line = page.locator('#try-status', { hasText: says });
    await line.waitFor();
    return (await line.textContent())!;
  }

  async function chosen(page: Page, file: string): Promise<string> {
    await page.setInputFiles('#try-file', file);
    return answer(page, file.split('/').at(-1)!);
  }

  async function attributes(page: Page, selector: string, name: string): Promise<unknown[]> {
    const found = await page.locator(selector).all();
    return Promise.all(found.map((one) => one.getAttribute(name)));
  }

  test('images of the run fall into their clusters, with their distances and the next ones', async () => {
    const { page, problems, requests } = await openPage(browser, report);
    assert.deepEqual(requests, [], 'nothing is loaded before it is asked for');
    const { distances, seconds, secondDistances } = opened.details!;
    for (const id of clear.filter((_, i) => i % 3 === 0).slice(0, 6)) {
      const name = paths[id]!.split('/').at(-1)!;
      const cluster = opened.clusters[id]!;
      await page.reload();
      assert.equal(await chosen(page, join(data, paths[id]!)), `${name}: cluster ${cluster}`);
      const [own, next] = (await page.textContent('.try-facts'))!.matchAll(/distance ([\d.]+)/g);
      assert.ok(Math.abs(Number(own![1]) - distances[id]!) < ROUNDING);
      assert.ok(Math.abs(Number(next![1]) - secondDistances[id]!) < ROUNDING);
      const links = await attributes(page, '.try-facts a', 'href');
      assert.deepEqual(links, [`#cluster-${cluster}`, `#cluster-${seconds[id]!}`]);
    }
    assert.deepEqual(problems, []);
    const beside = new Set(requests.map((address) => new URL(address).pathname));
    assert.deepEqual(
      [...beside],
      ['network.js', 'onnxruntime.js'].map((name) => `${folder.path}/pets%20%26%20cats/${name}`),
    );
    await page.close();
  });

  test('the images shown are the nearest to the centroid, and the link opens the cluster', async () => {
    const { page } = await openPage(browser, report);
    const id = clear[0]!;
    await chosen(page, join(data, paths[id]!));
    const cluster = opened.clusters[id]!;
    const members = [...opened.clusters.keys()].filter((own) => opened.clusters[own] === cluster);
    const { distances } = opened.details!;
    members.sort((a, b) => distances[a]! - distances[b]! || a - b);
    const shown = await attributes(page, '.try-nearest .thumb', 'aria-label');
    assert.deepEqual(
      shown,
      members.slice(0, 12).map((own) => paths[own]),
    );
    await page.locator('.try-cluster a').focus();
    await page.keyboard.press('Enter');
    assert.equal(await page.textContent('.detail h3'), `Cluster ${cluster}`);
    assert.equal(await page.evaluate('document.activeElement.tagName'), 'H3');
    await page.close();
  });

  test('what the network sees is what the trainer sees: turned by EXIF, on grey, of a wide picture', async () => {
    const { page } = await openPage(browser, report);
    const { imageSize, resizeRatio } = opened.config.data;
    const original = sharp(readFileSync(join(data, paths[5]!)));
    const files = {
      'turned.jpg': original.clone().rotate(270).withMetadata({ orientation: 6 }).jpeg(),
      'seen-through.png': original.clone().ensureAlpha(0.4).png(),
      'wide.png': original.clone().resize(211, 45, { fit: 'fill' }).png(),
      'grey.webp': original.clone().greyscale().webp({ lossless: true }),
    };
    for (const [name, made] of Object.entries(files)) {
      const file = join(folder.path, name);
      const bytes = await made.toBuffer();
      writeFileSync(file, bytes);
      const maxShorterSide = decodedShorterSide(imageSize, resizeRatio);
      const expected = centreView(
        await decodeImage(bytes, { maxShorterSide }),
        imageSize,
        resizeRatio,
      );
      if (name === 'turned.jpg') assert.equal((await sharp(bytes).metadata()).orientation, 6);
      assert.match(await chosen(page, file), /: cluster \d+$/);
      const pixels = await page.evaluate<number[]>(`(() => {
        const canvas = document.querySelector('#try-result canvas');
        return [...canvas.getContext('2d').getImageData(0, 0, ${imageSize}, ${imageSize}).data];
      })()`);
      const view = pixels.filter((_, i) => i % 4 !== 3);
      const differences = view.map((value, i) => Math.abs(value - expected[i]!));
      const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
      assert.ok(mean < 2, `${name}: ${mean.toFixed(2)} grey levels`);
    }
    await page.close();
  });

  test('a file may be dropped or pasted', async () => {
    const { page, problems } = await openPage(browser, report);
    const id = clear[1]!;
    const base64 = readFileSync(join(data, paths[id]!)).toString('base64');
    for (const [event, target, field] of [
      ['drop', '#try-drop', 'dataTransfer'],
      ['paste', 'body', 'clipboardData'],
    ]) {
      await page.evaluate(`(() => {
        const bytes = Uint8Array.from(atob('${base64}'), (sign) => sign.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], '${event}.jpg', { type: 'image/jpeg' }));
        const Kind = '${event}' === 'drop' ? DragEvent : ClipboardEvent;
        const init = { bubbles: true, cancelable: true, ${field}: transfer };
        document.querySelector('${target}').dispatchEvent(new Kind('${event}', init));
      })()`);
      assert.equal(
        await answer(page, `${event}\\.jpg`),
        `${event}.jpg: cluster ${opened.clusters[id]!}`,
      );
    }
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('a broken file is one clear line, and the next one is answered', async () => {
    const { page, problems } = await openPage(browser, report);
    const broken = join(folder.path, 'broken.jpg');
    writeFileSync(broken, readFileSync(join(data, paths[0]!)).subarray(0, 40));
    assert.equal(
      await chosen(page, broken),
      'broken.jpg is not an image that this browser can read.',
    );
    assert.ok(!(await page.locator('#try-result').isVisible()));
    assert.match(await chosen(page, join(data, paths[0]!)), /: cluster \d+$/);
    assert.ok(await page.locator('#try-result').isVisible());
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('a page without its folder says what is missing, and goes on once it is there', async () => {
    const away = join(folder.path, 'away');
    mkdirSync(away);
    cpSync(report, join(away, 'page.html'));
    const { page } = await openPage(browser, join(away, 'page.html'));
    assert.equal(
      await chosen(page, join(data, paths[0]!)),
      'The network cannot be run: pets & cats/network.js is missing: keep the folder pets & cats beside the page',
    );
    cpSync(join(folder.path, 'pets & cats'), join(away, 'pets & cats'), { recursive: true });
    assert.match(await chosen(page, join(data, paths[1]!)), /: cluster \d+$/);
    await page.close();
  });

  test('another script in the folder is not let in', async () => {
    const { page, problems } = await openPage(browser, report);
    const strange = join(folder.path, 'strange.js');
    writeFileSync(strange, 'document.title = "changed"');
    await page.evaluate(`new Promise((done) => {
      const script = document.createElement('script');
      Object.assign(script, { src: 'strange.js', onload: done, onerror: done });
      document.head.append(script);
    })`);
    assert.match(problems.join(), /Content Security Policy/);
    assert.notEqual(await page.title(), 'changed');
    await page.close();
  });

  test('without a script, and on paper, it is not there', async () => {
    const bare = await openPage(browser, report, { script: false });
    assert.ok(!(await bare.page.locator('#try-image').isVisible()));
    await bare.page.close();
    const { page } = await openPage(browser, report);
    assert.ok(await page.locator('#try-image').isVisible());
    await page.emulateMedia({ media: 'print' });
    assert.ok(!(await page.locator('#try-image').isVisible()));
    await page.close();
  });

  for (const scheme of ['light', 'dark'] as const) {
    test(`axe finds nothing serious beside an answer, nor is it wider than a phone, ${scheme}`, async () => {
      const { page } = await openPage(browser, report, { width: 375, scheme });
      await chosen(page, join(data, paths[0]!));
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 375);
      assert.deepEqual(await seriousViolations(page), []);
      await page.close();
    });
  }
});
