/**
 * The page's own script: the files of client/ put together, since a page that opens from disk can
 * load no modules. They import one another by name, and no two declare the same one.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../process/package-root.ts';

/** In the order of their imports. */
const FILES = [
  'decode',
  'query',
  'window',
  'geometry',
  'colours',
  'elements',
  'sprites',
  'virtual-grid',
  'cluster-list',
  'cluster-detail',
  'map-points',
  'map',
  'try-image/resample',
  'try-image/centre-view',
  'try-image/nearest-two',
  'try-image/pixels',
  'try-image/network',
  'try-image/panel',
  'main',
] as const;

/** JavaScript that an installed package ships as it is, beside the compiled program. */
const FOLDER = join('src', 'report', 'client');

export function clientScript(): string {
  const files = FILES.map((name) => join(packageRoot(), FOLDER, `${name}.js`));
  return files.map((file) => asPart(readFileSync(file, 'utf8'))).join('\n');
}

/** Without its imports, and with its exports as plain declarations. */
function asPart(module: string): string {
  return module
    .replaceAll(/^import [^;]* from '\.{1,2}\/[a-z/-]+\.js';\n/gm, '')
    .replaceAll(/^export (?=(?:async )?(?:function|class|const) )/gm, '');
}

/** By which a browser knows the script, and runs no other. */
export function scriptSource(code: string): string {
  return `'sha256-${createHash('sha256').update(code).digest('base64')}'`;
}
