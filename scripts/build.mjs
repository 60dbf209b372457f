/**
 * Compiles the program to JavaScript and declarations in dist/ for the package, as `npm pack` and
 * `npm publish` do by themselves; a checkout runs without it.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageProgram, root, runCommand } from './run-command.mjs';

const DIST = join(root, 'dist');

rmSync(DIST, { recursive: true, force: true });
const compiler = packageProgram('typescript/bin/tsc');
const { exitCode } = await runCommand([...compiler, '-p', 'tsconfig.build.json'], {
  isShown: true,
});
if (exitCode === 0) nameCompiledFiles();
process.exit(exitCode);

/** The compiler does so in JavaScript, but leaves the sources' names in declarations. */
function nameCompiledFiles() {
  const source = /(\b(?:from |import\()['"]\.[^'"]*)\.ts(?=['"])/g;
  for (const name of readdirSync(DIST, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue;
    const file = join(DIST, name);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(source, '$1.js'));
  }
}
