/**
 * A Chromium of this machine, for tests that look at pages as a person does. No package brings one: it is
 * Debian's `chromium`, or a Chrome, or what CHROMIUM names.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** The program's path; null where there is none. */
export function chromiumPath(): string | null {
  const named = process.env['CHROMIUM'];
  if (named !== undefined && named !== '') return named;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const files = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return files.find((file) => existsSync(file)) ?? null;
}

export const NO_CHROMIUM =
  'because no Chromium was found: install one (apt-get install chromium), or name its program in CHROMIUM';

/** `Chromium 156.0.8078.108 …`; null where there is none, or it does not start. */
export function chromiumVersion(): string | null {
  const path = chromiumPath();
  if (path === null) return null;
  const { status, stdout } = spawnSync(path, ['--version', '--no-sandbox'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** @throws Error where there is none, or it does not start */
export function startChromium(): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === null) throw new Error(NO_CHROMIUM);
  // As root, as in a container, Chromium has no sandbox; the pages are the test's own.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath, args });
}
