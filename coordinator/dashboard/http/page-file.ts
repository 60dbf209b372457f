/**
 * `live-page.json` of a run's folder: where the live page answers and the token that its buttons
 * take. Its owner alone can read it. The next coordinator of the run goes on with both, so that an
 * open page finds it again.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const PAGE_FILE = 'live-page.json';

export interface PageFile {
  /** `host:port`; null where it has not been listened on yet. */
  readonly address: string | null;
  readonly token: string;
}

/** Of an earlier coordinator of the run, or a new one. */
export function readPageFile(folder: string): PageFile {
  try {
    const saved = JSON.parse(readFileSync(join(folder, PAGE_FILE), 'utf8')) as Partial<PageFile>;
    const { token, address } = saved;
    if (typeof token === 'string' && /^[\w-]{32,}$/.test(token)) {
      return { token, address: typeof address === 'string' ? address : null };
    }
  } catch {
    // There is none yet, or none that can be read.
  }
  return { token: randomBytes(24).toString('base64url'), address: null };
}

/** The page's address as a person opens it: what follows the `#` never leaves the browser. */
export function pageUrl(scheme: string, address: string, token: string): string {
  return `${scheme}://${address}/#token=${token}`;
}
