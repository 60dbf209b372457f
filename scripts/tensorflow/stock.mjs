/** Upstream's own way: its install script downloads TensorFlow 2.9 and an addon that fits, both built in 2022. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from '../run-command.mjs';
import { EXIT, Obstacle } from './obstacle.mjs';
import { FOLDER, PACKAGE, PLACED_ADDON } from './places.mjs';
import { lastLine } from './wheel.mjs';

/** For 400 MB over a slow line; a host that does not answer fails long before [ms]. */
const DOWNLOAD_MS = 600_000;

/** @param kind `cpu` or `gpu` */
export async function installStock(kind, log) {
  const manifest = join(PACKAGE, 'package.json');
  // The script writes the package's own manifest while it runs, and leaves it so when it fails.
  const before = readFileSync(manifest);
  log(`running the package's own install script (${kind}) ...`);
  rmSync(PLACED_ADDON, { force: true });
  const { exitCode, output } = await runCommand(
    [process.execPath, join(PACKAGE, 'scripts', 'install.js'), kind, 'download'],
    {
      isEchoed: true,
      timeoutMs: DOWNLOAD_MS,
      cwd: PACKAGE,
      env: { PATH: [join(FOLDER, 'node_modules', '.bin'), process.env.PATH].join(delimiter) },
    },
  );
  writeFileSync(manifest, before);
  if (exitCode === 0) return;
  rmSync(join(PACKAGE, 'deps'), { recursive: true, force: true });
  const remedy = 'try again with a network that reaches its host, or take --variant cpu or cuda';
  throw new Obstacle(`upstream's download failed: ${lastLine(output)}`, remedy, EXIT.retry);
}
