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
 * @param options
 *   isShown: output goes to the terminal as it comes; else it is returned, all of it and stdout alone
 *   isEchoed: as it comes, it goes to stderr, too
 *   timeoutMs: after which the program is ended, which is a failure
 *   cwd, env: other than the package's root, and besides this process's environment
 * @returns {Promise<{ exitCode: number, output: string, stdout: string, seconds: number }>}
 */
export function runCommand([program, ...args], options = {}) {
  const { isShown = false, isEchoed = false, timeoutMs, cwd = root, env = {} } = options;
  const start = performance.now();
  return new Promise((resolve) => {
    const chunks = [];
    const stdout = [];
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      timeout: timeoutMs,
      stdio: isShown ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    });
    const end = (exitCode) => {
      const seconds = (performance.now() - start) / 1000;
      const [output, results] = [chunks, stdout].map((parts) => Buffer.concat(parts).toString());
      resolve({ exitCode, output, stdout: results, seconds });
    };
    const keep = (chunk) => {
      chunks.push(chunk);
      if (isEchoed) process.stderr.write(chunk);
    };
    child.stdout?.on('data', keep).on('data', (chunk) => stdout.push(chunk));
    child.stderr?.on('data', keep);
    child.once('error', (error) => {
      chunks.push(Buffer.from(`${program}: ${error.message}\n`));
      end(1);
    });
    child.once('close', (code, signal) => {
      if (signal !== null) chunks.push(Buffer.from(`${program}: ended by ${signal}\n`));
      end(code ?? 1);
    });
  });
}
