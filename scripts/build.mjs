/** Compiles the program to JavaScript in dist/ for the package; a checkout runs without it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageProgram, root, runCommand } from './run-command.mjs';

rmSync(join(root, 'dist'), { recursive: true, force: true });
const compiler = packageProgram('typescript/bin/tsc');
const { exitCode } = await runCommand([...compiler, '-p', 'tsconfig.build.json'], {
  isShown: true,
});
process.exit(exitCode);
