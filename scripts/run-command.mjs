/** Runs one command for a script: output to the terminal or kept, time taken, never a throw. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** The command line of an installed package's program, run by this very Node. */
export function packageProgram(file) {
  return [process.execPath, join(root, 'node_modules', file)];
}

/**
 * @param command program and arguments
 * @param isShown output goes to the terminal as it comes; else it is returned
 * @returns {Promise<{ exitCode: number, output: string, seconds: number }>}
 */
export function runCommand([program, ...args], { isShown = false } = {}) {
  const start = performance.now();
  return new Promise((resolve) => {
    const chunks = [];
    const child = spawn(program, args, {
      cwd: root,
      stdio: isShown ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    });
    const end = (exitCode) => {
      const seconds = (performance.now() - start) / 1000;
      resolve({ exitCode, output: Buffer.concat(chunks).toString(), seconds });
    };
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    child.once('error', (error) => {
      chunks.push(Buffer.from(`${program}: ${error.message}\n`));
      end(1);
    });
    child.once('close', (code) => end(code ?? 1));
  });
}
