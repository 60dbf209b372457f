/** Pythons for our own scripts in bench/peers/: PEERS_PYTHON names them, with `:` between. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../../src/process/package-root.ts';

export const PYTHONS = (process.env['PEERS_PYTHON'] ?? '').split(':').filter((path) => path !== '');
export const PEERS = join(packageRoot(), 'bench', 'peers');

/** The first that imports them all; null: none does. */
export function pythonWith(...libraries: readonly string[]): string | null {
  const code = libraries.map((library) => `import ${library}`).join('; ');
  return PYTHONS.find((path) => spawnSync(path, ['-c', code]).status === 0) ?? null;
}
