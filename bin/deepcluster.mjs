#!/usr/bin/env node
/**
 * The program's entry. In a checkout it runs the sources through tsx, in this very process, so that signals and the
 * launcher's channel reach it directly; an installed package has no sources and runs its compiled JavaScript.
 */
import { existsSync } from 'node:fs';

const source = new URL('../src/cli/main.ts', import.meta.url);
const isCheckout = existsSync(source);
if (isCheckout) {
  const { register } = await import('tsx/esm/api');
  register();
}
const { runCli } = await import(
  isCheckout ? source.href : new URL('../dist/src/cli/main.js', import.meta.url).href
);
// Stdout is for results: libraries that greet or warn by console.log do so on stderr.
console.log = console.error;
console.info = console.error;
const { env, stdout, stderr } = process;
const exitCode = await runCli(process.argv.slice(2), { env, stdout, stderr });
// A pipe may not have taken everything yet.
await new Promise((resolve) => stdout.write('', resolve));
process.exit(exitCode);
