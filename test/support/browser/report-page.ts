/** What tests do with pages in a browser. */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';

export interface OpenOptions {
  readonly width?: number;
  readonly scheme?: 'light' | 'dark';
  /** As in an address, with its `#`. */
  readonly hash?: string;
  readonly script?: boolean;
}

export interface OpenedPage {
  readonly page: Page;
  /** Errors of scripts and messages of the console, as they come. */
  readonly problems: readonly string[];
  /** Addresses that were asked for other than the page itself and what is within it. */
  readonly requests: readonly string[];
}

/** @param place a file, which is opened as from a disk, or an address */
export async function openPage(
  browser: Browser,
  place: string,
  { width = 1280, scheme = 'light', hash = '', script = true }: OpenOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    ...{ colorScheme: scheme, javaScriptEnabled: script, reducedMotion: 'reduce' },
  });
  const page = await context.newPage();
  const problems: string[] = [];
  const requests: string[] = [];
  const url = /^https?:/.test(place) ? place : pathToFileURL(place).href;
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => problems.push(message.text()));
  page.on('request', (request) => {
    const address = request.url();
    if (address.split('#')[0] !== url && !address.startsWith('data:')) requests.push(address);
  });
  await page.goto(`${url}${hash}`);
  return { page, problems, requests };
}

/** Violations that axe finds, serious and critical ones, each in a line. */
export async function seriousViolations(page: Page): Promise<string[]> {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  // The page's policy lets no script in: this goes past it, as developer tools do.
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { axe: checker } = globalThis as unknown as {
      axe: {
        run(): Promise<{
          violations: { id: string; impact: string; nodes: { target: string[]; html: string }[] }[];
        }>;
      };
    };
    return (await checker.run()).violations;
  });
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ target, html }) => `${id}: ${target.join(' ')} ${html}`),
    );
}
